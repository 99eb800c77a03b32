use super::super::errors::READ_ONLY;
use super::*;
use crate::span::Asked;
use crate::{Outcome, Query, StoreError};

#[tokio::test]
async fn a_full_disk_is_said_to_be_and_everything_works_again_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder).await;
    assert_eq!(store.write(vec![create("p/1".to_owned(), 10)], &Asked::default()).await.unwrap(), [Outcome::Created]);
    store.shared.faults.max_pages.store(20, Ordering::Relaxed);
    let ops = (2..100).map(|number| create(format!("p/{number}"), 4000)).collect();
    assert_eq!(store.write(ops, &Asked::default()).await, Err(StoreError::Full));
    assert_eq!(store.get("p/2").unwrap(), None, "the whole transaction is undone");
    assert!(store.get("p/1").unwrap().is_some());
    assert_eq!(
        store.write(vec![create("p/2".to_owned(), 10)], &Asked::default()).await.unwrap(),
        [Outcome::Created],
        "what fits is written"
    );
    store.shared.faults.max_pages.store(0, Ordering::Relaxed);
    let ops = (3..100).map(|number| create(format!("p/{number}"), 4000)).collect();
    assert!(store.write(ops, &Asked::default()).await.unwrap().iter().all(|outcome| *outcome == Outcome::Created));
    assert_eq!(store.position().unwrap(), 99, "no position is lost");
    assert_eq!(store.page(&Query::default(), 1000, usize::MAX, &Asked::default()).await.unwrap().rows.len(), 99);
}

#[tokio::test]
async fn a_database_that_cannot_be_written_is_still_read_and_works_again_when_it_can() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder).await;
    store.write(vec![create("p/1".to_owned(), 10)], &Asked::default()).await.unwrap();
    store.shared.faults.read_only.store(true, Ordering::Relaxed);
    assert_eq!(store.write(vec![create("p/2".to_owned(), 10)], &Asked::default()).await, Err(READ_ONLY));
    assert!(store.get("p/1").unwrap().is_some());
    assert_eq!(store.check().await, Ok(()));
    store.shared.faults.read_only.store(false, Ordering::Relaxed);
    assert_eq!(store.write(vec![create("p/2".to_owned(), 10)], &Asked::default()).await.unwrap(), [Outcome::Created]);
}

#[tokio::test]
async fn a_panic_in_the_writer_is_an_error_for_those_that_wait_and_the_writer_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder).await;
    store.shared.faults.panic.store(true, Ordering::Relaxed);
    let failed = store.write(vec![create("p/1".to_owned(), 10)], &Asked::default()).await;
    assert_eq!(failed, Err(StoreError::Internal("the writer panicked".to_owned())));
    assert_eq!(store.write(vec![create("p/1".to_owned(), 10)], &Asked::default()).await.unwrap(), [Outcome::Created]);
    assert_eq!(store.position().unwrap(), 1);
    assert_eq!(store.stats().failures, 1);
    assert_eq!(store.close().await, Ok(()));
}

#[tokio::test]
async fn a_store_that_nobody_holds_any_more_ends_its_thread() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder).await;
    let shared = Arc::downgrade(&store.shared);
    drop(store);
    until("the thread is gone", || shared.strong_count() == 0).await;
}
