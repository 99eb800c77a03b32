use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use campus_store::{Change, ChangeKind, Expect, Outcome, Query, Store, StoreError};

use crate::support::{Folder, body, create, delete, on_both, put, write};

/// Reads so many changes behind a position.
async fn read(store: &Store, after: u64, count: usize) -> Vec<Change> {
    let (mut changes, mut read) = (store.changes(after), Vec::new());
    while read.len() < count {
        let more = tokio::time::timeout(Duration::from_secs(20), changes.next()).await.expect("no change came");
        read.extend(more.unwrap());
    }
    assert_eq!(changes.position(), after + read.len() as u64);
    read
}

async fn each_change_is_logged_with_the_body_before_and_after(folder: Folder) {
    let store = folder.open().await;
    write(&store, create("p/1", "Ada", "", 1)).await;
    write(&store, put("p/1", Expect::Version(1), 2, "Eve", "", 2)).await;
    write(&store, put("p/1", Expect::Version(1), 3, "Bob", "", 3)).await;
    write(&store, delete("p/1")).await;
    let changes = read(&store, 0, 3).await;
    let (ada, eve) = (body("Ada", "", 1), body("Eve", "", 2));
    let seen: Vec<_> =
        changes.iter().map(|c| (c.position, c.kind, c.key.as_str(), &c.body, c.previous.as_ref())).collect();
    let expected = [
        (1, ChangeKind::Created, "p/1", &ada, None),
        (2, ChangeKind::Updated, "p/1", &eve, Some(&ada)),
        (3, ChangeKind::Deleted, "p/1", &eve, Some(&eve)),
    ];
    assert_eq!(seen, expected);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    assert!(changes.is_sorted_by_key(|change| change.at));
    assert!(now.abs_diff(u128::try_from(changes[0].at).unwrap()) < 60_000_000_000);
}

async fn the_log_waits_for_the_next_change(folder: Folder) {
    let store = folder.open().await;
    let mut changes = store.changes(0);
    assert!(tokio::time::timeout(Duration::from_millis(30), changes.next()).await.is_err());
    let follower = tokio::spawn(async move { changes.next().await });
    write(&store, create("p/1", "Ada", "", 1)).await;
    assert_eq!(follower.await.unwrap().unwrap()[0].key, "p/1");
}

async fn under_concurrent_writers_each_change_comes_once_and_in_order_from_every_position(folder: Folder) {
    const WRITERS: usize = 8;
    let store = folder.open().await;
    let live = {
        let store = store.clone();
        tokio::spawn(async move { read(&store, 0, WRITERS * 60).await })
    };
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let store = store.clone();
            tokio::spawn(async move {
                for round in 0..20 {
                    let key = format!("p/{writer}-{round}");
                    assert_eq!(write(&store, create(&key, "A", "", round)).await, Outcome::Created);
                    let update = put(&key, Expect::Version(1), 2, "B", "", round);
                    assert_eq!(write(&store, update).await, Outcome::Updated);
                    let third =
                        if round % 2 == 0 { delete(&key) } else { put(&key, Expect::Version(2), 3, "C", "", round) };
                    write(&store, third).await;
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let live = live.await.unwrap();
    let positions: Vec<_> = live.iter().map(|change| change.position).collect();
    assert_eq!(positions, (1..=WRITERS as u64 * 60).collect::<Vec<_>>());
    assert_eq!(store.position().await.unwrap(), WRITERS as u64 * 60);
    for after in 0..live.len() {
        let resumed = read(&store, after as u64, live.len() - after).await;
        assert_eq!(resumed, live[after..], "after {after}");
    }
    let mut replayed: BTreeMap<String, Bytes> = BTreeMap::new();
    for change in live {
        let before = match change.kind {
            ChangeKind::Deleted => replayed.remove(&change.key),
            _ => replayed.insert(change.key, change.body),
        };
        assert_eq!(before, change.previous);
    }
    let rows = store.page(&Query::default(), 1000).await.unwrap().rows;
    let kept: BTreeMap<String, Bytes> = rows.iter().map(|row| (row.key.to_owned(), row.body)).collect();
    assert_eq!(replayed, kept);
}

async fn a_position_from_the_future_is_refused(folder: Folder) {
    let store = folder.open().await;
    write(&store, create("p/1", "Ada", "", 1)).await;
    assert_eq!(store.changes(2).next().await, Err(StoreError::Future));
    assert_eq!(store.changes(u64::MAX).next().await, Err(StoreError::Future));
}

async fn closing_the_store_ends_those_that_follow(folder: Folder) {
    let store = folder.open().await;
    let mut changes = store.changes(0);
    let follower = tokio::spawn(async move { changes.next().await });
    tokio::task::yield_now().await;
    store.close().await.unwrap();
    assert_eq!(follower.await.unwrap(), Err(StoreError::Closed));
}

on_both! {
    under_concurrent_writers_each_change_comes_once_and_in_order_from_every_position
    each_change_is_logged_with_the_body_before_and_after
    the_log_waits_for_the_next_change
    a_position_from_the_future_is_refused
    closing_the_store_ends_those_that_follow
}
