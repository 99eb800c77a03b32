//! A PostgreSQL server that is killed, frozen, cut off, and shared with others.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use campus_store::{CompareOp, Expect, Expr, Op, Outcome, Query, Store, StoreError, Value};
use campus_testdb::Postgres;

use crate::load::{Load, beside, eventually, open, quick, requested, sound, within};
use crate::support::{Folder, NAME, body, create, put, table, until, values, write};

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
        let begun = Instant::now();
        let heard = changes.next().await.unwrap();
        assert_eq!(heard[0].position, number);
        assert!(begun.elapsed() < Duration::from_millis(900), "told, not found by looking: {:?}", begun.elapsed());
    }
    write(&one, create("p/last", "A", "", 1)).await;
    assert_eq!(two.position().await, Ok(20), "asked for, not remembered");
    assert_eq!(two.changes(21).next().await, Err(StoreError::Future));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_watchers_of_one_replica_read_the_log_together() {
    const WATCHERS: usize = 40;
    let Some(folder) = Folder::on_postgres() else { return };
    let store = open(&folder).await;
    let seen = Arc::new(AtomicUsize::new(0));
    for _ in 0..WATCHERS {
        let (mut changes, seen) = (store.changes(0), Arc::clone(&seen));
        tokio::spawn(async move {
            while let Ok(changes) = changes.next().await {
                seen.fetch_add(changes.len(), Ordering::Relaxed);
            }
        });
    }
    for number in 1..=50 {
        write(&store, create(&format!("p/{number}"), "A", "", 1)).await;
        until("all have it", || seen.load(Ordering::Relaxed) == number * WATCHERS).await;
    }
    let other = beside(&folder).await;
    let scans = "SELECT seq_scan + idx_scan FROM pg_stat_user_tables WHERE relid = to_regclass('person_change')";
    // The server counts late, and only for connections that go on being used.
    let counted = eventually("the reads are counted", async || {
        for _ in 0..4 {
            store.check().await.unwrap();
        }
        let scans: i64 = other.query_one(scans, &[]).await.unwrap().get(0);
        (scans >= 50).then_some(scans)
    })
    .await;
    assert!(counted < 50 * i64::try_from(WATCHERS).unwrap() / 4, "{counted} reads");
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
