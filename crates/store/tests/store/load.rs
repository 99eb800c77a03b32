//! Writers that do not give up, calls with a deadline, and what must hold when all is over.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use campus_call::{Call, Peer, Transport, enter};
use campus_store::{Change, ChangeKind, Config, Op, Outcome, Query, RequestId, Store, StoreError};
use tokio_postgres::{Client, NoTls};

use crate::support::{Folder, create, table};

/// A connection beside the store, as another program would have.
pub(crate) async fn beside(folder: &Folder) -> Client {
    let config = folder.postgres.as_ref().unwrap();
    let (client, connection) = tokio_postgres::connect(&folder.url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute(&format!("SET search_path TO {}", config.schema)).await.unwrap();
    client
}

/// Runs a future as part of a call that has so much time.
pub(crate) async fn within<T>(limit: Duration, future: impl Future<Output = T>) -> T {
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
pub(crate) async fn eventually<T>(what: &str, mut attempt: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = attempt().await {
            return found;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

pub(crate) fn quick(folder: &Folder) -> Config {
    let mut config = folder.config();
    config.postgres.as_mut().unwrap().connect_limit_ms = 1_000;
    config
}

pub(crate) async fn open(folder: &Folder) -> Store {
    Store::open(quick(folder), table()).await.unwrap()
}

pub(crate) fn requested(key: &str, number: i64) -> Op {
    let request = Some(RequestId { id: format!("r-{key}"), digest: 7 });
    match create(key, "Ada", &format!("{key}@x.org"), number) {
        Op::Put { key, expect, version, body, values, .. } => Op::Put { key, expect, version, body, values, request },
        other => other,
    }
}

/// Writers that ask again until each of their writes is done.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicUsize>,
    tasks: Vec<tokio::task::JoinHandle<(usize, usize)>>,
}

impl Load {
    pub(crate) fn on(store: &Store, name: &'static str) -> Self {
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

    pub(crate) async fn until_done(&self, more: usize) {
        let goal = self.done.load(Ordering::Relaxed) + more;
        eventually("writes are done", async || (self.done.load(Ordering::Relaxed) >= goal).then_some(())).await;
    }

    /// How many writes were done, and how many tries it took beyond that.
    pub(crate) async fn end(self) -> (usize, usize) {
        self.stop.store(true, Ordering::Relaxed);
        let (mut writes, mut troubles) = (0, 0);
        for task in self.tasks {
            let (own, trouble) = task.await.unwrap();
            (writes, troubles) = (writes + own, troubles + trouble);
        }
        (writes, troubles)
    }
}

pub(crate) async fn log(store: &Store) -> Vec<Change> {
    let newest = store.position().await.unwrap();
    let (mut changes, mut all) = (store.changes(0), Vec::new());
    while changes.position() < newest {
        all.extend(tokio::time::timeout(Duration::from_secs(20), changes.next()).await.unwrap().unwrap());
    }
    all
}

/// The log has so many changes, each position once, and gives the records that are there.
pub(crate) async fn sound(store: &Store, changes: usize) {
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
