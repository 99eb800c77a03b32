use super::*;
use crate::compile::{Dialect, compile};
use crate::{ColumnRef, Expr, Order, Position, Query};

/// How SQLite means to run a query.
async fn plan(query: &Query) -> String {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder).await;
    let compiled = compile(&table(), Dialect::Sqlite, query, 50, usize::MAX).unwrap();
    let explain = |connection: &Connection| {
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {}", compiled.sql))?;
        let rows = statement.query_map(rusqlite::params_from_iter(&compiled.params), |row| row.get::<_, String>(3))?;
        rows.collect::<rusqlite::Result<Vec<_>>>()
    };
    store.shared.readers.read(explain).unwrap().join("; ")
}

fn after(values: &[&str]) -> Option<Position> {
    let values = values.iter().map(|text| Value::Text((*text).to_owned())).collect();
    Some(Position { values, key: "p/1".to_owned() })
}

#[tokio::test]
async fn every_page_starts_where_the_index_says_and_nothing_is_sorted() {
    let by_key = Query { after: after(&[]), ..Query::default() };
    assert_eq!(plan(&by_key).await, "SEARCH person USING PRIMARY KEY (key>?)");
    for descending in [false, true] {
        let order = vec![Order { column: ColumnRef::Column(0), descending }];
        let by_name = Query { order, after: after(&["Ada"]), filter: None };
        let sign = if descending { "<" } else { ">" };
        let expected = format!("SEARCH person USING INDEX person_name ((name,key){sign}(?,?))");
        assert_eq!(plan(&by_name).await, expected);
    }
}

#[tokio::test]
async fn a_prefix_is_a_range_of_the_index() {
    let filter = Some(Expr::Prefix { column: ColumnRef::Column(0), text: "Ad".to_owned() });
    let plan = plan(&Query { filter, ..Query::default() }).await;
    assert!(plan.starts_with("SEARCH person USING INDEX person_name (name>? AND name<?)"), "{plan}");
}
