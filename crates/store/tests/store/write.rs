use bytes::Bytes;
use campus_store::{Config, Expect, Op, Outcome, RequestId, Row, Store, StoreError};

use rusqlite::Connection;
use tokio::task::JoinHandle;

use crate::support::{Folder, body, create, delete, on_both, put, table, until, values, write};

async fn a_created_record_can_be_read(folder: Folder) {
    let store = folder.open().await;
    assert_eq!(write(&store, create("p/1", "Ada", "ada@x.org", 36)).await, Outcome::Created);
    let row = Row { version: 1, body: body("Ada", "ada@x.org", 36) };
    assert_eq!(store.get("p/1").await.unwrap(), Some(row.clone()));
    assert_eq!(store.get("p/2").await.unwrap(), None);
    let keys = ["p/2".to_owned(), "p/1".to_owned(), "p/1".to_owned()];
    assert_eq!(store.get_many(&keys).await.unwrap(), [None, Some(row.clone()), Some(row)]);
}

async fn more_keys_than_are_read_in_place_are_all_found(folder: Folder) {
    let store = folder.open().await;
    let key = |number: usize| format!("p/{number:05}");
    store.write((0..3000).map(|number| create(&key(number), "A", "", 1)).collect()).await.unwrap();
    let keys: Vec<_> = (0..3001).rev().map(key).collect();
    let rows = store.get_many(&keys).await.unwrap();
    assert_eq!(rows.iter().filter(|row| row.is_some()).count(), 3000);
    assert!(rows.first().unwrap().is_none());
}

async fn conditions_are_checked_and_answered_with_what_is_there(folder: Folder) {
    let store = folder.open().await;
    let (ada, eve) = (body("Ada", "", 36), body("Eve", "", 20));
    let steps = [
        (put("p/1", Expect::Version(1), 2, "Ada", "", 36), Outcome::Missing),
        (delete("p/1"), Outcome::Missing),
        (create("p/1", "Ada", "", 36), Outcome::Created),
        (create("p/1", "Eve", "", 20), Outcome::Exists(Row { version: 1, body: ada.clone() })),
        (put("p/1", Expect::Version(7), 8, "Eve", "", 20), Outcome::Conflict(Row { version: 1, body: ada.clone() })),
        (put("p/1", Expect::Version(1), u64::MAX, "Eve", "", 20), Outcome::Updated),
        (
            Op::Delete { key: "p/1".to_owned(), expect: Some(1) },
            Outcome::Conflict(Row { version: u64::MAX, body: eve.clone() }),
        ),
        (Op::Delete { key: "p/1".to_owned(), expect: Some(u64::MAX) }, Outcome::Deleted),
        (put("p/1", Expect::Any, 3, "Eve", "", 20), Outcome::Created),
        (put("p/1", Expect::Any, 4, "Ada", "", 36), Outcome::Updated),
        (create("p/1", "Eve", "", 20), Outcome::Exists(Row { version: 4, body: ada.clone() })),
    ];
    // One by one, and again all in one transaction.
    for (op, expected) in &steps {
        assert_eq!(&write(&store, op.clone()).await, expected, "{op:?}");
    }
    write(&store, delete("p/1")).await;
    let outcomes = store.write(steps.iter().map(|(op, _)| op.clone()).collect()).await.unwrap();
    assert_eq!(outcomes, steps.map(|(_, outcome)| outcome));
}

async fn an_operation_that_is_not_done_does_not_undo_its_neighbours(folder: Folder) {
    let store = folder.open().await;
    let ops = vec![
        create("p/1", "Ada", "ada@x.org", 1),
        create("p/2", "Eve", "ada@x.org", 2),
        create("p/1", "Bob", "bob@x.org", 3),
        create("p/3", "Bob", "bob@x.org", 3),
    ];
    let outcomes = store.write(ops).await.unwrap();
    let exists = Outcome::Exists(Row { version: 1, body: body("Ada", "ada@x.org", 1) });
    assert_eq!(outcomes, [Outcome::Created, Outcome::Taken { column: 1 }, exists, Outcome::Created]);
    assert!(store.get("p/2").await.unwrap().is_none());
    assert!(store.get("p/3").await.unwrap().is_some());
    assert_eq!(store.position().await.unwrap(), 2);
}

async fn a_unique_value_is_taken_once_whatever_its_case_and_free_again_when_given_up(folder: Folder) {
    let store = folder.open().await;
    let steps = [
        (create("p/1", "Ada", "ada@x.org", 1), Outcome::Created),
        (create("p/2", "Eve", "ADA@X.org", 1), Outcome::Taken { column: 1 }),
        (create("p/2", "Eve", "", 1), Outcome::Created),
        (create("p/3", "Bob", "", 1), Outcome::Created),
        (put("p/2", Expect::Version(1), 2, "Eve", "Ada@x.org", 1), Outcome::Taken { column: 1 }),
        (put("p/1", Expect::Version(1), 2, "Ada", "ADA@x.org", 1), Outcome::Updated),
        (put("p/1", Expect::Version(2), 3, "Ada", "", 1), Outcome::Updated),
        (put("p/2", Expect::Version(1), 2, "Eve", "Ada@x.org", 1), Outcome::Updated),
        (delete("p/2"), Outcome::Deleted),
        (create("p/4", "Max", "ada@x.org", 1), Outcome::Created),
        // Only letters of ASCII are folded.
        (create("p/5", "Max", "é@x.org", 1), Outcome::Created),
        (create("p/6", "Max", "É@x.org", 1), Outcome::Created),
    ];
    for (op, expected) in steps {
        let shown = format!("{op:?}");
        assert_eq!(write(&store, op).await, expected, "{shown}");
    }
}

async fn unique_values_change_hands_within_one_transaction(folder: Folder) {
    let store = folder.open().await;
    let (key, email) = (|number: usize| format!("p/{number}"), |number: usize| format!("{number}@x.org"));
    store.write((0..20).map(|number| create(&key(number), "A", &email(number), 1)).collect()).await.unwrap();
    let clear = |number: usize| put(&key(number), Expect::Version(1), 2, "A", "", 1);
    let take = |number: usize| put(&key(number), Expect::Version(2), 3, "A", &email((number + 1) % 20), 1);
    let outcomes = store.write((0..20).map(clear).chain((0..20).map(take)).collect()).await.unwrap();
    assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Updated), "{outcomes:?}");
    assert_eq!(store.get("p/19").await.unwrap().unwrap().body, body("A", "0@x.org", 1));
    assert_eq!(store.position().await.unwrap(), 60);
    assert_eq!(write(&store, create("p/new", "A", "7@X.org", 1)).await, Outcome::Taken { column: 1 });
}

fn requested(key: &str, name: &str, id: &str, digest: u128) -> Op {
    Op::Put {
        key: key.to_owned(),
        expect: Expect::Absent,
        version: 1,
        body: body(name, "", 1),
        values: values(name, "", 1),
        request: Some(RequestId { id: id.to_owned(), digest }),
    }
}

async fn a_repeated_request_is_answered_as_the_first_one_was(folder: Folder) {
    let store = folder.open().await;
    assert_eq!(write(&store, requested("p/1", "Ada", "r1", u128::MAX)).await, Outcome::Created);
    let steps = [
        (requested("p/9", "Other", "r1", u128::MAX), Outcome::Repeated(body("Ada", "", 1))),
        (requested("p/1", "Ada", "r1", 5), Outcome::RequestReused),
        (put("p/1", Expect::Version(1), 2, "Eve", "", 1), Outcome::Updated),
        (requested("p/1", "Ada", "r1", u128::MAX), Outcome::Repeated(body("Ada", "", 1))),
        (delete("p/1"), Outcome::Deleted),
        (requested("p/1", "Ada", "r1", u128::MAX), Outcome::Repeated(body("Ada", "", 1))),
    ];
    for (op, expected) in steps {
        assert_eq!(write(&store, op).await, expected);
    }
    assert_eq!(store.position().await.unwrap(), 3);
    store.close().await.unwrap();
    let store = folder.open().await;
    assert_eq!(
        write(&store, requested("p/1", "Ada", "r1", u128::MAX)).await,
        Outcome::Repeated(body("Ada", "", 1)),
        "after a restart too"
    );
}

async fn a_request_is_known_within_its_own_transaction_and_only_when_it_was_done(folder: Folder) {
    let store = folder.open().await;
    let ops = vec![
        requested("p/1", "Ada", "r1", 1),
        requested("p/1", "Ada", "r1", 1),
        requested("p/1", "Ada", "r1", 2),
        requested("p/1", "Ada", "r2", 3),
        requested("p/2", "Ada", "r2", 4),
    ];
    let outcomes = store.write(ops).await.unwrap();
    let exists = Outcome::Exists(Row { version: 1, body: body("Ada", "", 1) });
    let repeated = Outcome::Repeated(body("Ada", "", 1));
    assert_eq!(outcomes, [Outcome::Created, repeated, Outcome::RequestReused, exists, Outcome::Created]);
}

async fn what_the_table_cannot_hold_is_refused_before_anything_is_written(folder: Folder) {
    let store = folder.open().await;
    let op = |key: &str, values| Op::Put {
        key: key.to_owned(),
        expect: Expect::Absent,
        version: 1,
        body: Bytes::new(),
        values,
        request: None,
    };
    let mut mixed = values("A", "", 1);
    mixed.swap(1, 2);
    for bad in [op("", values("A", "", 1)), op("p/2", Vec::new()), op("p/2", mixed), delete("")] {
        let result = store.write(vec![create("p/1", "Ada", "", 1), bad]).await;
        assert!(matches!(&result, Err(StoreError::Invalid(why)) if why.starts_with("person write 1: ")), "{result:?}");
    }
    assert_eq!(store.get("p/1").await.unwrap(), None);
    assert_eq!(store.write(Vec::new()).await.unwrap(), []);
}

async fn writes_that_wait_together_are_committed_together(folder: Folder) {
    let store = folder.open().await;
    let tasks: Vec<_> = (0..100)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move { write(&store, create(&format!("p/{number}"), "A", "", 1)).await })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), Outcome::Created);
    }
    let stats = store.stats();
    assert_eq!(stats.ops, 100);
    assert!(stats.commits <= 10, "{} commits for 100 writes", stats.commits);
}

async fn a_write_that_was_answered_is_seen_by_every_thread(folder: Folder) {
    let store = folder.open().await;
    for number in 0..50 {
        let key = format!("p/{number}");
        write(&store, create(&key, "A", "", 1)).await;
        let readers: Vec<_> = (0..4)
            .map(|_| {
                let (store, key) = (store.clone(), key.clone());
                tokio::spawn(async move { store.get(&key).await.unwrap().is_some() })
            })
            .collect();
        for reader in readers {
            assert!(reader.await.unwrap(), "{key}");
        }
    }
}

/// Starts a write, so that it is in the queue when this ends.
async fn start(store: &Store, key: &'static str) -> JoinHandle<Result<Vec<Outcome>, StoreError>> {
    let waiting = store.stats().queue_ops;
    let task = {
        let store = store.clone();
        tokio::spawn(async move { store.write(vec![create(key, "A", "", 1)]).await })
    };
    tokio::task::yield_now().await;
    assert!(store.stats().queue_ops <= waiting + 1);
    task
}

/// Keeps the writer waiting for the returned connection, with one write taken from the queue.
async fn stalled(folder: &Folder, store: &Store) -> (Connection, JoinHandle<Result<Vec<Outcome>, StoreError>>) {
    // Behind these, the writer has nothing of its own left to do.
    for _ in 0..2 {
        write(store, delete("p/none")).await;
    }
    let other = folder.beside();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let first = start(store, "p/first").await;
    until("the first write is taken", || store.stats().queue_ops == 0).await;
    (other, first)
}

#[tokio::test]
async fn a_full_queue_refuses_at_once_and_the_rest_is_written() {
    let folder = Folder::new();
    let config = Config { queue_ops: 4, busy_timeout_ms: 60_000, ..folder.config() };
    let store = Store::open(config, table()).await.unwrap();
    let (other, first) = stalled(&folder, &store).await;
    let mut tasks = vec![first];
    for key in ["p/1", "p/2", "p/3", "p/4"] {
        tasks.push(start(&store, key).await);
    }
    assert_eq!(store.stats().queue_ops, 4);
    let refused = store.write(vec![create("p/9", "A", "", 1)]).await;
    assert!(matches!(refused, Err(StoreError::Overloaded { retry_after }) if !retry_after.is_zero()), "{refused:?}");
    assert_eq!(store.stats().overloaded, 1);
    other.execute_batch("COMMIT").unwrap();
    for task in tasks {
        assert_eq!(task.await.unwrap().unwrap(), [Outcome::Created]);
    }
    assert_eq!(store.get("p/9").await.unwrap(), None);
}

#[tokio::test]
async fn a_caller_that_leaves_before_its_turn_leaves_no_trace() {
    let folder = Folder::new();
    let store = Store::open(Config { busy_timeout_ms: 60_000, ..folder.config() }, table()).await.unwrap();
    let (other, first) = stalled(&folder, &store).await;
    let second = start(&store, "p/second").await;
    assert_eq!(store.stats().queue_ops, 1);
    second.abort();
    assert!(second.await.unwrap_err().is_cancelled());
    // This one left too late: its write was on its way.
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    other.execute_batch("COMMIT").unwrap();
    write(&store, create("p/third", "A", "", 1)).await;
    assert!(store.get("p/first").await.unwrap().is_some());
    assert_eq!(store.get("p/second").await.unwrap(), None);
    assert_eq!(store.position().await.unwrap(), 2);
}

#[tokio::test]
async fn closing_writes_what_waits_and_refuses_the_rest() {
    let folder = Folder::new();
    let store = folder.open().await;
    let tasks: Vec<_> = (0..20)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move { store.write(vec![create(&format!("p/{number}"), "A", "", 1)]).await })
        })
        .collect();
    until("all writes are on their way", || store.stats().ops + store.stats().queue_ops == 20).await;
    let (first, second) = tokio::join!(store.close(), store.close());
    assert_eq!((first, second), (Ok(()), Ok(())));
    for task in tasks {
        assert_eq!(task.await.unwrap().unwrap(), [Outcome::Created]);
    }
    assert_eq!(store.write(vec![create("p/99", "A", "", 1)]).await, Err(StoreError::Closed));
    assert_eq!(store.get("p/1").await, Err(StoreError::Closed));
    assert_eq!(store.position().await, Err(StoreError::Closed));
    assert_eq!(store.check().await, Err(StoreError::Closed));
    assert!(!folder.path().with_extension("db-wal").exists(), "the log is part of the database now");
    let store = folder.open().await;
    assert_eq!(store.position().await.unwrap(), 20);
}

on_both! {
    unique_values_change_hands_within_one_transaction
    a_created_record_can_be_read
    more_keys_than_are_read_in_place_are_all_found
    conditions_are_checked_and_answered_with_what_is_there
    an_operation_that_is_not_done_does_not_undo_its_neighbours
    a_unique_value_is_taken_once_whatever_its_case_and_free_again_when_given_up
    a_repeated_request_is_answered_as_the_first_one_was
    a_request_is_known_within_its_own_transaction_and_only_when_it_was_done
    what_the_table_cannot_hold_is_refused_before_anything_is_written
    writes_that_wait_together_are_committed_together
    a_write_that_was_answered_is_seen_by_every_thread
}
