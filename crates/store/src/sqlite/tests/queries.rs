use super::*;
use crate::span::Asked;
use crate::{ColumnRef, Expr, Query, StoreError};

/// A store and a query on it that takes far longer than any test waits: it looks for many texts in long ones.
async fn endless(folder: &TempDir) -> (Arc<Sqlite>, Query) {
    let store = open(folder).await;
    for round in 0..20 {
        let long = |number| {
            let values = vec![Value::Text(String::new()), Value::Text("x".repeat(40_000))];
            let key = format!("p/{round}-{number}");
            Op::Put { key, expect: Expect::Absent, version: 1, body: bytes::Bytes::new(), values, request: None }
        };
        store.write((0..100).map(long).collect(), &Asked::default()).await.unwrap();
    }
    let term = |number| Expr::Contains { column: ColumnRef::Column(1), text: format!("xxxxxxx{number}") };
    let filter = Some(Expr::Or((0..500).map(term).collect()));
    (store, Query { filter, ..Query::default() })
}

#[tokio::test]
async fn a_query_stops_when_its_caller_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let (store, query) = endless(&folder).await;
    let task = {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.page(&query, 5, 1000, &Asked::default()).await })
    };
    until("the query runs", || store.shared.scanners.running() == 1).await;
    task.abort();
    until("the query has stopped", || store.shared.scanners.running() == 0).await;
    assert!(task.await.unwrap_err().is_cancelled());
    let quick = Query { filter: Some(Expr::True), ..Query::default() };
    assert_eq!(store.page(&quick, 5, 1000, &Asked::default()).await.unwrap().rows.len(), 5);
}

#[tokio::test]
async fn closing_does_not_wait_for_a_query_without_end() {
    let folder = tempfile::tempdir().unwrap();
    let (store, query) = endless(&folder).await;
    let task = {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.page(&query, 5, 1000, &Asked::default()).await })
    };
    until("the query runs", || store.shared.scanners.running() == 1).await;
    assert_eq!(tokio::time::timeout(Duration::from_secs(10), store.close()).await, Ok(Ok(())));
    assert_eq!(task.await.unwrap().unwrap_err(), StoreError::Closed);
}
