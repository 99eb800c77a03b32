//! A PostgreSQL server that is killed, frozen, cut off, and shared with others.

use std::collections::{BTreeMap, HashSet};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use campus_call::{Call, Peer, Transport, enter};
use campus_store::{
    Change, ChangeKind, CompareOp, Config, Expect, Expr, Op, Outcome, Query, RequestId, Store, StoreError, Value,
};
use campus_testdb::Postgres;
use tokio_postgres::{Client, NoTls};

use crate::support::{Folder, NAME, body, create, put, table, values, write};

/// A connection beside the store, as another program would have.
pub(crate) async fn beside(folder: &Folder) -> Client {
    let config = folder.postgres.as_ref().unwrap();
    let (client, connection) = tokio_postgres::connect(&config.url.to_string(), NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute(&format!("SET search_path TO {}", config.schema)).await.unwrap();
    client
}

/// Runs a future as part of a call that has so much time.
async fn within<T>(limit: Duration, future: impl Future<Output = T>) -> T {
    let deadline = tokio::time::Instant::now() + limit;
    let call = Call::builder("r", Arc::new(Peer::of(Transport::InProcess))).deadline(Some(deadline)).build();
    let mut future = pin!(future);
    std::future::poll_fn(|cx| {
        let _entered = enter(&call);
        future.as_mut().poll(cx)
    })
    .await
}

/// Tries until it succeeds, at most half a minute.
async fn eventually<T>(what: &str, mut attempt: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = attempt().await {
            return found;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn quick(folder: &Folder) -> Config {
    let mut config = folder.config();
    config.postgres.as_mut().unwrap().connect_limit_ms = 1_000;
    config
}

async fn open(folder: &Folder) -> Store {
    Store::open(quick(folder), table()).await.unwrap()
}

fn requested(key: &str, number: i64) -> Op {
    let request = Some(RequestId { id: format!("r-{key}"), digest: 7 });
    match create(key, "Ada", &format!("{key}@x.org"), number) {
        Op::Put { key, expect, version, body, values, .. } => Op::Put { key, expect, version, body, values, request },
        other => other,
    }
}

/// Writers that ask again until each of their writes is done.
struct Load {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicUsize>,
    tasks: Vec<tokio::task::JoinHandle<(usize, usize)>>,
}

impl Load {
    fn on(store: &Store, name: &'static str) -> Self {
        let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let task = |worker: usize| {
            let (store, stop, done) = (store.clone(), Arc::clone(&stop), Arc::clone(&done));
            tokio::spawn(async move {
                let (mut number, mut troubles) = (0, 0);
                while !stop.load(Ordering::Relaxed) {
                    let op = requested(&format!("p/{name}-{worker}-{number}"), 1);
                    let mut asked_before = false;
                    loop {
                        match within(Duration::from_secs(5), store.write(vec![op.clone()])).await {
                            Ok(outcomes) => match &outcomes[0] {
                                Outcome::Created => break,
                                Outcome::Repeated(_) if asked_before => break,
                                other => panic!("{other:?}, asked before: {asked_before}"),
                            },
                            Err(StoreError::Unavailable(_) | StoreError::Unknown) => {
                                (asked_before, troubles) = (true, troubles + 1);
                                tokio::time::sleep(Duration::from_millis(5)).await;
                            }
                            Err(other) => panic!("{other}"),
                        }
                    }
                    number += 1;
                    done.fetch_add(1, Ordering::Relaxed);
                }
                (number, troubles)
            })
        };
        let tasks = (0..8).map(task).collect();
        Self { stop, done, tasks }
    }

    async fn until_done(&self, more: usize) {
        let goal = self.done.load(Ordering::Relaxed) + more;
        eventually("writes are done", async || (self.done.load(Ordering::Relaxed) >= goal).then_some(())).await;
    }

    /// How many writes were done, and how many tries it took beyond that.
    async fn end(self) -> (usize, usize) {
        self.stop.store(true, Ordering::Relaxed);
        let (mut writes, mut troubles) = (0, 0);
        for task in self.tasks {
            let (own, trouble) = task.await.unwrap();
            (writes, troubles) = (writes + own, troubles + trouble);
        }
        (writes, troubles)
    }
}

async fn log(store: &Store) -> Vec<Change> {
    let newest = store.position().await.unwrap();
    let (mut changes, mut all) = (store.changes(0), Vec::new());
    while changes.position() < newest {
        all.extend(tokio::time::timeout(Duration::from_secs(20), changes.next()).await.unwrap().unwrap());
    }
    all
}

/// The log has so many changes, each position once, and gives the records that are there.
async fn sound(store: &Store, changes: usize) {
    let log = log(store).await;
    let positions: Vec<u64> = log.iter().map(|change| change.position).collect();
    assert_eq!(positions, (1..=changes as u64).collect::<Vec<_>>(), "each write once");
    let mut played = BTreeMap::new();
    for change in log {
        match change.kind {
            ChangeKind::Deleted => assert_eq!(played.remove(&change.key), change.previous),
            _ => assert_eq!(played.insert(change.key, change.body), change.previous),
        }
    }
    let (mut scan, mut there) = (store.scan(Query::default()), BTreeMap::new());
    while let Some(rows) = scan.next().await.unwrap() {
        there.extend(rows.iter().map(|row| (row.key.to_owned(), row.body)));
    }
    assert_eq!(there, played);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_under_load_loses_nothing_acknowledged_and_nothing_is_done_twice() {
    let Some(server) = Postgres::start(&[], &[]) else { return };
    let folder = Folder::on(server.url());
    let store = open(&folder).await;
    let load = Load::on(&store, "a");
    load.until_done(50).await;
    for _ in 0..3 {
        server.kill();
        let begun = Instant::now();
        let refused = within(Duration::from_secs(3), store.get("p/a-0-0")).await;
        assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
        assert!(begun.elapsed() < Duration::from_secs(2), "it is refused early: {:?}", begun.elapsed());
        assert!(store.check().await.is_err(), "not ready");
        server.restart();
        eventually("the store works again", async || store.check().await.ok()).await;
        load.until_done(50).await;
    }
    let (writes, troubles) = load.end().await;
    assert!(troubles > 0, "the kills were felt");
    sound(&store, writes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_cut_by_the_server_under_load_lose_nothing_and_do_nothing_twice() {
    let Some(folder) = Folder::on_postgres() else { return };
    let store = open(&folder).await;
    let other = beside(&folder).await;
    let mut changes = store.changes(0);
    let load = Load::on(&store, "b");
    for _ in 0..15 {
        load.until_done(10).await;
        let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'campus-person'
                   AND pid IN (SELECT pid FROM pg_locks WHERE relation = to_regclass('person_head'))";
        other.execute(cut, &[]).await.unwrap();
    }
    let (writes, _) = load.end().await;
    sound(&store, writes).await;
    let mut seen = 0;
    while seen < writes {
        seen += changes.next().await.unwrap().len();
    }
    assert_eq!(seen, writes, "a watcher was not disturbed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_answers_nothing_is_unavailable_within_the_deadline() {
    let Some(server) = Postgres::start(&[], &[]) else { return };
    let folder = Folder::on(server.url());
    let store = open(&folder).await;
    write(&store, create("p/1", "Ada", "", 1)).await;
    server.freeze();
    let (limit, by_name) = (Duration::from_millis(800), Query { filter: Some(named("Ada")), ..Query::default() });
    let begun = Instant::now();
    let (read, written, paged) = tokio::join!(
        within(limit, store.get("p/1")),
        within(limit, store.write(vec![requested("p/2", 1)])),
        within(limit, store.page(&by_name, 5))
    );
    assert!(begun.elapsed() < limit, "{:?}", begun.elapsed());
    assert!(matches!(read, Err(StoreError::Unavailable(_))), "{read:?}");
    assert!(matches!(written, Err(StoreError::Unknown | StoreError::Unavailable(_))), "{written:?}");
    assert!(matches!(paged, Err(StoreError::Unavailable(_))), "{paged:?}");
    server.thaw();
    eventually("the store works again", async || store.check().await.ok()).await;
    eventually("it is written", async || {
        let outcomes = store.write(vec![requested("p/2", 1)]).await.ok()?;
        assert!(matches!(outcomes[0], Outcome::Created | Outcome::Repeated(_)), "{outcomes:?}");
        Some(())
    })
    .await;
    sound(&store, 2).await;
}

fn named(name: &str) -> Expr {
    Expr::Compare { column: NAME, op: CompareOp::Eq, value: Value::Text(name.to_owned()) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn replicas_migrate_at_once_write_against_each_other_and_see_one_order() {
    let Some(folder) = Folder::on_postgres() else { return };
    let (one, two, three) = tokio::join!(open(&folder), open(&folder), open(&folder));
    let stores = [one, two, three];
    assert_eq!(stores[0].id().await, stores[1].id().await);
    let watchers: Vec<_> = stores.iter().map(|store| (store.clone(), store.changes(0))).collect();
    let writers: Vec<_> = stores
        .iter()
        .enumerate()
        .map(|(replica, store)| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut created = 0;
                for number in 0..40 {
                    // One key and one unique value that all want, and one of its own.
                    let ops = vec![
                        create(&format!("p/all-{number}"), "A", &format!("{replica}-{number}@x.org"), 1),
                        create(&format!("p/{replica}-{number}"), "A", &format!("ALL-{number}@x.org"), 1),
                        create(&format!("p/own-{replica}-{number}"), "A", "", 1),
                    ];
                    let outcomes = store.write(ops).await.unwrap();
                    assert!(matches!(outcomes[0], Outcome::Created | Outcome::Exists(_)), "{outcomes:?}");
                    assert!(matches!(outcomes[1], Outcome::Created | Outcome::Taken { column: 1 }), "{outcomes:?}");
                    assert_eq!(outcomes[2], Outcome::Created);
                    created += outcomes.iter().filter(|outcome| **outcome == Outcome::Created).count();
                    assert!(store.get(&format!("p/own-{replica}-{number}")).await.unwrap().is_some());
                }
                created
            })
        })
        .collect();
    let mut created = 0;
    for writer in writers {
        created += writer.await.unwrap();
    }
    assert_eq!(created, 40 + 40 + 120, "each key and each unique value once");
    let mut orders = HashSet::new();
    for (store, mut changes) in watchers {
        assert_eq!(store.position().await, Ok(created as u64));
        let mut keys = Vec::new();
        while keys.len() < created {
            let more = tokio::time::timeout(Duration::from_secs(20), changes.next()).await.unwrap().unwrap();
            keys.extend(more.into_iter().map(|change| (change.position, change.key)));
        }
        assert!(keys.iter().map(|(position, _)| *position).eq(1..=created as u64));
        orders.insert(keys);
    }
    assert_eq!(orders.len(), 1);
    sound(&stores[2], created).await;
}

#[tokio::test]
async fn a_replica_hears_of_a_change_of_another_one_and_knows_its_positions() {
    let Some(folder) = Folder::on_postgres() else { return };
    let (one, two) = (open(&folder).await, open(&folder).await);
    let mut changes = two.changes(0);
    for number in 1..20_u64 {
        write(&one, create(&format!("p/{number}"), "A", "", 1)).await;
        assert_eq!(two.position().await, Ok(number), "at once");
        let begun = Instant::now();
        let heard = changes.next().await.unwrap();
        assert_eq!(heard[0].position, number);
        assert!(begun.elapsed() < Duration::from_millis(900), "told, not found by looking: {:?}", begun.elapsed());
    }
    assert_eq!(two.changes(20).next().await, Err(StoreError::Future));
}

#[tokio::test]
async fn a_smaller_position_that_is_committed_later_is_not_missed() {
    let Some(folder) = Folder::on_postgres() else { return };
    let store = open(&folder).await;
    let mut changes = store.changes(0);
    let other = beside(&folder).await;
    // What a writer of another process does, stopped just before its commit.
    other
        .batch_execute(
            "BEGIN; UPDATE person_head SET newest = newest + 1;
             INSERT INTO person (key, version, body, name, email, age) VALUES ('p/slow', 1, 'S||1', 'S', '', 1);
             INSERT INTO person_change (position, kind, key, at, body, batch)
             SELECT newest, 1, 'p/slow', extract(epoch FROM now()) * 1000000000, 'S||1', 1 FROM person_head",
        )
        .await
        .unwrap();
    let fast = tokio::spawn({
        let store = store.clone();
        async move { write(&store, create("p/fast", "F", "", 1)).await }
    });
    assert!(tokio::time::timeout(Duration::from_millis(1500), changes.next()).await.is_err(), "nothing to be seen yet");
    assert!(!fast.is_finished(), "a larger position waits for the smaller one");
    other.batch_execute("COMMIT").await.unwrap();
    assert_eq!(fast.await.unwrap(), Outcome::Created);
    let mut seen = Vec::new();
    while seen.len() < 2 {
        seen.extend(changes.next().await.unwrap().into_iter().map(|change| (change.position, change.key)));
    }
    assert_eq!(seen, [(1, "p/slow".to_owned()), (2, "p/fast".to_owned())]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deadlock_with_another_program_is_tried_again() {
    let Some(folder) = Folder::on_postgres() else { return };
    let store = open(&folder).await;
    store.write(vec![create("p/1", "A", "", 1), create("p/2", "A", "", 1)]).await.unwrap();
    let other = beside(&folder).await;
    // The store's connection is to find the deadlock, not this one.
    other.batch_execute("SET deadlock_timeout TO '60s'").await.unwrap();
    other.batch_execute("BEGIN; SELECT FROM person WHERE key = 'p/2' FOR UPDATE").await.unwrap();
    let writing = tokio::spawn({
        let store = store.clone();
        let ops = ["p/1", "p/2"].map(|key| put(key, Expect::Version(1), 2, "B", "", 1)).to_vec();
        async move { store.write(ops).await }
    });
    let waits = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = 'campus-person'
                 AND pg_blocking_pids(pid) @> ARRAY[pg_backend_pid()]";
    eventually("the store waits", async || other.query_opt(waits, &[]).await.unwrap().map(drop)).await;
    other.batch_execute("SELECT FROM person WHERE key = 'p/1' FOR UPDATE").await.unwrap();
    other.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(writing.await.unwrap().unwrap(), [Outcome::Updated, Outcome::Updated]);
    assert!(store.stats().retries >= 1, "{:?}", store.stats());
    sound(&store, 4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn long_reads_wait_for_a_free_connection_and_stop_at_the_deadline_in_the_database_too() {
    let Some(folder) = Folder::on_postgres() else { return };
    let mut config = quick(&folder);
    config.postgres.as_mut().unwrap().connections = 5;
    let store = Store::open(config, table()).await.unwrap();
    store.write((0..200).map(|number| create(&format!("p/{number}"), "Ada", "", 1)).collect()).await.unwrap();
    let query = Query { filter: Some(named("Ada")), ..Query::default() };
    let reads: Vec<_> = (0..20)
        .map(|_| {
            let (store, query) = (store.clone(), query.clone());
            tokio::spawn(async move { store.page(&query, 100).await.unwrap().rows.len() })
        })
        .collect();
    for read in reads {
        assert_eq!(read.await.unwrap(), 100);
    }
    assert!(store.stats().connections <= 5, "{:?}", store.stats());
    let other = beside(&folder).await;
    other.batch_execute("BEGIN; LOCK TABLE person IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let begun = Instant::now();
    let late = within(Duration::from_millis(300), store.page(&query, 100)).await;
    assert!(matches!(late, Err(StoreError::Unavailable(_))), "{late:?}");
    assert!(begun.elapsed() < Duration::from_millis(300), "{:?}", begun.elapsed());
    let running = "SELECT FROM pg_stat_activity WHERE pg_blocking_pids(pid) @> ARRAY[pg_backend_pid()]";
    eventually("the database has stopped too", async || {
        other.query_opt(running, &[]).await.unwrap().is_none().then_some(())
    })
    .await;
    other.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(store.page(&query, 100).await.unwrap().rows.len(), 100);
}

#[tokio::test]
async fn a_caller_that_leaves_early_gives_its_connection_back() {
    let Some(folder) = Folder::on_postgres() else { return };
    let mut config = quick(&folder);
    config.postgres.as_mut().unwrap().connections = 5;
    let store = Store::open(config, table()).await.unwrap();
    let other = beside(&folder).await;
    let query = Query { filter: Some(named("Ada")), ..Query::default() };
    for _ in 0..3 {
        other.batch_execute("BEGIN; LOCK TABLE person IN ACCESS EXCLUSIVE MODE").await.unwrap();
        let left = tokio::time::timeout(Duration::from_millis(50), store.page(&query, 5)).await;
        assert!(left.is_err());
        other.batch_execute("ROLLBACK").await.unwrap();
    }
    assert_eq!(store.page(&query, 5).await.unwrap().rows.len(), 0);
}

#[tokio::test]
async fn a_value_that_no_index_can_hold_is_refused_and_its_neighbours_are_written() {
    let Some(folder) = Folder::on_postgres() else { return };
    let store = open(&folder).await;
    let long = store.write(vec![create("p/1", &"x".repeat(2_001), "", 1)]).await;
    assert_eq!(long, Err(StoreError::Invalid("person write 0: name is longer than 2000 bytes".to_owned())));
    let worst: String = (0..2_000).map(|_| char::from(fastrand::u8(1..128))).collect();
    let op = Op::Put {
        key: format!("p/{}", "k".repeat(510)),
        expect: Expect::Absent,
        version: 1,
        body: body("a", "b", 1),
        values: values(&worst, &worst[..500], 1),
        request: None,
    };
    assert_eq!(write(&store, op).await, Outcome::Created);
}
