use std::cmp::Ordering;
use std::sync::atomic::{AtomicBool, Ordering as Atomic};

use bytes::Bytes;
use campus_store::{ColumnRef, CompareOp, Expect, Expr, Op, Order, Position, Query, Store, StoreError, Value};
use proptest::prelude::*;

use crate::support::{AGE, EMAIL, Folder, NAME, create, delete, on_both, put, values, write};

fn order(column: ColumnRef, descending: bool) -> Order {
    Order { column, descending }
}

/// All keys of a query, read in pages of this size.
async fn paged(store: &Store, mut query: Query, size: usize) -> Result<Vec<String>, StoreError> {
    let mut keys = Vec::new();
    loop {
        let page = store.page(&query, size).await?;
        assert!(page.rows.len() <= size);
        keys.extend(page.rows.iter().map(|row| row.key.to_owned()));
        match page.next {
            Some(next) => {
                assert_eq!(page.rows.len(), size, "a page before the last is full");
                query.after = Some(next);
            }
            None => return Ok(keys),
        }
    }
}

/// The order as the documentation has it.
fn compare(order: &[Order], left: &(String, Vec<Value>), right: &(String, Vec<Value>)) -> Ordering {
    let of = |column, record: &(String, Vec<Value>)| match column {
        ColumnRef::Key => Value::Text(record.0.clone()),
        ColumnRef::Column(index) => record.1[index].clone(),
    };
    let last = order.last().is_some_and(|last| last.descending);
    let key = Order { column: ColumnRef::Key, descending: last };
    order.iter().chain([&key]).fold(Ordering::Equal, |found, term| {
        let next = of(term.column, left).cmp(&of(term.column, right));
        found.then(if term.descending { next.reverse() } else { next })
    })
}

fn orders() -> impl Strategy<Value = Vec<Order>> {
    let column = prop::sample::select(vec![ColumnRef::Key, NAME, EMAIL, AGE]);
    prop::collection::vec((column, any::<bool>()).prop_map(|(column, descending)| order(column, descending)), 0..4)
}

#[test]
fn pages_of_every_order_are_the_sorted_records_in_pieces_on_sqlite() {
    pages_of_every_order_are_the_sorted_records_in_pieces(&Folder::new());
}

#[test]
fn pages_of_every_order_are_the_sorted_records_in_pieces_on_postgres() {
    if let Some(folder) = Folder::on_postgres() {
        pages_of_every_order_are_the_sorted_records_in_pieces(&folder);
    }
}

fn pages_of_every_order_are_the_sorted_records_in_pieces(folder: &Folder) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let store = runtime.block_on(folder.open());
    let names = ["", "Ada", "ada", "Bob", "Zoë", "B"];
    let records: Vec<_> = (0..60_usize)
        .map(|number| {
            let email = if number % 3 == 0 { String::new() } else { format!("{}@x.org", number * 37 % 60) };
            let age = [-1, 0, i64::MAX][number % 3];
            (format!("p/{}", number * 17 % 60), values(names[number * 5 % names.len()], &email, age))
        })
        .collect();
    let ops = records.iter().map(|(key, values)| Op::Put {
        key: key.clone(),
        expect: Expect::Absent,
        version: 1,
        body: Bytes::new(),
        values: values.clone(),
        request: None,
    });
    runtime.block_on(store.write(ops.collect())).unwrap();
    let config = ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(order in orders(), size in 1_usize..9, filtered in any::<bool>())| {
        let adults = Expr::Compare { column: AGE, op: CompareOp::Ge, value: Value::Integer(0) };
        let filter = filtered.then_some(adults);
        let mut sorted: Vec<_> =
            records.iter().filter(|(key, values)| filter.as_ref().is_none_or(|filter| filter.matches(key, values))).collect();
        sorted.sort_by(|left, right| compare(&order, left, right));
        let sorted: Vec<_> = sorted.into_iter().map(|(key, _)| key.clone()).collect();
        let query = Query { filter, order, after: None };
        prop_assert_eq!(runtime.block_on(paged(&store, query, size)).unwrap(), sorted);
    });
}

async fn paging_under_concurrent_writes_neither_skips_nor_repeats_what_stays(folder: Folder) {
    let store = folder.open().await;
    let stable = |number: usize| create(&format!("p/{:03}", number * 7 % 200), &format!("N{}", number % 9), "", 1);
    store.write((0..200).map(stable).collect()).await.unwrap();
    let done = std::sync::Arc::new(AtomicBool::new(false));
    let noise = {
        let (store, done) = (store.clone(), std::sync::Arc::clone(&done));
        tokio::spawn(async move {
            let mut round = 0;
            while !done.load(Atomic::Relaxed) {
                let key = |number| format!("p/{:03}x", (round * 31 + number * 13) % 200);
                let name = |number| format!("N{}", (round + number) % 9);
                store.write((0..20).map(|number| create(&key(number), &name(number), "", 1)).collect()).await.unwrap();
                let moved = |number| put(&key(number), Expect::Version(1), 2, &name(number + 4), "", 1);
                store.write((0..20).map(moved).collect()).await.unwrap();
                store.write((0..20).map(|number| delete(&key(number))).collect()).await.unwrap();
                round += 1;
            }
            round
        })
    };
    let quiet = paged(&store, Query::default(), 7).await.unwrap();
    assert!(quiet.len() >= 200);
    let orders = [
        vec![],
        vec![order(NAME, false)],
        vec![order(NAME, true)],
        vec![order(NAME, true), order(ColumnRef::Key, false)],
    ];
    for order in orders.iter().cycle().take(12) {
        let query = Query { order: order.clone(), ..Query::default() };
        let keys = paged(&store, query, 7).await.unwrap();
        let mut kept: Vec<_> = keys.into_iter().filter(|key| !key.ends_with('x')).collect();
        if !order.is_empty() {
            kept.sort();
        }
        let expected: Vec<_> = (0..200).map(|number| format!("p/{number:03}")).collect();
        assert_eq!(kept, expected, "{order:?}");
    }
    done.store(true, Atomic::Relaxed);
    assert!(noise.await.unwrap() > 0);
}

async fn a_scan_reads_everything_in_bounded_chunks(folder: Folder) {
    let store = folder.open().await;
    let record = |number: usize| Op::Put {
        key: format!("p/{number:04}"),
        expect: Expect::Absent,
        version: 7,
        body: vec![b'x'; if number < 1000 { 10 } else { 3000 }].into(),
        values: values(if number.is_multiple_of(2) { "even" } else { "odd" }, "", 1),
        request: None,
    };
    store.write((0..1200).map(record).collect()).await.unwrap();
    let even = Expr::Compare { column: NAME, op: CompareOp::Eq, value: Value::Text("even".to_owned()) };
    for (filter, step) in [(None, 1), (Some(even), 2)] {
        let mut scan = store.scan(Query { filter, ..Query::default() });
        let mut keys = Vec::new();
        while let Some(rows) = scan.next().await.unwrap() {
            assert!(!rows.is_empty() && rows.len() <= 512, "{}", rows.len());
            assert!(rows.bodies().len() <= 256 << 10, "{}", rows.bodies().len());
            for row in rows.iter() {
                assert_eq!((row.version, row.body.iter().all(|byte| *byte == b'x')), (7, true));
                keys.push(row.key.to_owned());
            }
        }
        let expected: Vec<_> = (0..1200).step_by(step).map(|number| format!("p/{number:04}")).collect();
        assert_eq!(keys, expected);
        assert_eq!(scan.next().await, Ok(None), "the end stays the end");
    }
    let after = Some(Position { values: Vec::new(), key: "p/1198".to_owned() });
    let mut middle = store.scan(Query { after, ..Query::default() });
    let elsewhere = tokio::spawn(async move { middle.next().await.unwrap().unwrap().len() });
    assert_eq!(elsewhere.await.unwrap(), 1);
}

async fn a_page_of_large_records_ends_early_and_a_huge_record_stands_alone(folder: Folder) {
    let store = folder.open().await;
    for (number, size) in [300 << 10, 300 << 10, 5 << 20, 300 << 10].into_iter().enumerate() {
        let op = Op::Put {
            key: format!("p/{number}"),
            expect: Expect::Absent,
            version: 1,
            body: vec![0; size].into(),
            values: values("", "", 0),
            request: None,
        };
        write(&store, op).await;
    }
    let mut query = Query::default();
    let mut sizes = Vec::new();
    loop {
        let page = store.page(&query, 50).await.unwrap();
        sizes.push(page.rows.len());
        match page.next {
            Some(next) => query.after = Some(next),
            None => break,
        }
    }
    assert_eq!(sizes, [2, 1, 1]);
}

async fn an_empty_store_has_one_empty_page(folder: Folder) {
    let store = folder.open().await;
    let page = store.page(&Query::default(), 0).await.unwrap();
    assert_eq!((page.rows.len(), page.next), (0, None));
    assert_eq!(store.scan(Query::default()).next().await, Ok(None));
}

async fn a_position_that_does_not_fit_the_order_is_refused(folder: Folder) {
    let store = folder.open().await;
    let query = |order: Vec<Order>, values: Vec<Value>| Query {
        filter: None,
        order,
        after: Some(Position { values, key: "p/1".to_owned() }),
    };
    let cases = [
        (query(vec![order(NAME, false)], vec![]), "the position has 0 values for an order of 1"),
        (query(vec![], vec![Value::Integer(1)]), "the position has 1 values for an order of 0"),
        (query(vec![order(NAME, false)], vec![Value::Integer(1)]), "person.name is Text, not Integer"),
        (
            Query { order: vec![order(ColumnRef::Column(9), true)], ..Query::default() },
            "there is no column 9 in person",
        ),
    ];
    for (query, expected) in cases {
        assert_eq!(store.page(&query, 5).await.unwrap_err(), StoreError::Invalid(expected.to_owned()));
    }
}

#[test]
fn what_is_shown_for_debugging_has_no_contents() {
    let secret = "Ada Lovelace";
    let value = Value::Text(secret.to_owned());
    let filter = Expr::And(vec![
        Expr::Compare { column: NAME, op: CompareOp::Eq, value: value.clone() },
        Expr::Prefix { column: NAME, text: secret.to_owned() },
    ]);
    let query = Query {
        filter: Some(filter),
        order: vec![order(NAME, false)],
        after: Some(Position { values: vec![value], key: "p/1".to_owned() }),
    };
    let shown = format!("{query:?} {:?}", create("p/1", secret, secret, 1));
    assert!(!shown.contains("Ada"), "{shown}");
    assert!(shown.contains("Text(12 bytes)") && shown.contains("p/1"), "{shown}");
}

on_both! {
    paging_under_concurrent_writes_neither_skips_nor_repeats_what_stays
    a_scan_reads_everything_in_bounded_chunks
    a_page_of_large_records_ends_early_and_a_huge_record_stands_alone
    an_empty_store_has_one_empty_page
    a_position_that_does_not_fit_the_order_is_refused
}
