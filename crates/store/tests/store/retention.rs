use std::path::Path;

use campus_store::{Config, Expect, Op, Outcome, RequestId, Store, StoreError};

use crate::support::{Folder, body, create, on_both, table, until, values, write};

async fn a_log_that_is_too_long_loses_its_oldest_changes_and_says_so(folder: Folder) {
    let store = Store::open(Config { change_rows: 100, ..folder.config() }, table()).await.unwrap();
    let mut slow = store.changes(0);
    for batch in 0..10 {
        let create = |number: usize| create(&format!("p/{batch}-{number}"), "A", "", 1);
        store.write((0..100).map(create).collect()).await.unwrap();
    }
    let stats = store.stats();
    assert_eq!((stats.oldest, stats.newest), (901, 1000));
    assert_eq!(slow.next().await, Err(StoreError::Compacted { oldest: 901 }));
    assert_eq!(store.changes(899).next().await, Err(StoreError::Compacted { oldest: 901 }));
    assert_eq!(store.changes(900).next().await.unwrap()[0].position, 901);
    store.close().await.unwrap();
    let store = folder.open().await;
    assert_eq!(store.stats().oldest, 901, "after a restart too");
    write(&store, create("p/new", "A", "", 1)).await;
    assert_eq!(store.position().await.unwrap(), 1001);
}

fn age(path: &Path, sql: &str) {
    let hour = 3_600_000_000_000_i64;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    let past = i64::try_from(now).unwrap() - 26 * hour;
    rusqlite::Connection::open(path).unwrap().execute(sql, [past]).unwrap();
}

#[tokio::test]
async fn changes_past_their_age_go_but_the_newest_position_is_never_forgotten() {
    let folder = Folder::new();
    let store = folder.open().await;
    let create = |number: usize| create(&format!("p/{number}"), "A", "", 1);
    store.write((0..5000).map(create).collect()).await.unwrap();
    store.close().await.unwrap();
    age(&folder.path(), "UPDATE person_change SET at = ? WHERE position <= 4500");
    let config = Config { change_age_s: 3600, ..folder.config() };
    let store = Store::open(config.clone(), table()).await.unwrap();
    until("the old changes are gone", || store.stats().oldest == 4501).await;
    store.close().await.unwrap();
    age(&folder.path(), "UPDATE person_change SET at = ?");
    let store = Store::open(config, table()).await.unwrap();
    until("all but the newest are gone", || store.stats().oldest == 5000).await;
    assert_eq!(store.position().await.unwrap(), 5000);
    write(&store, create(9999)).await;
    assert_eq!(store.position().await.unwrap(), 5001);
}

#[tokio::test]
async fn the_time_of_changes_never_goes_back() {
    let folder = Folder::new();
    let store = folder.open().await;
    write(&store, create("p/1", "A", "", 1)).await;
    store.close().await.unwrap();
    // As if the clock had been set back since.
    let ahead = i64::MAX - 5;
    folder.beside().execute("UPDATE person_change SET at = ?", [ahead]).unwrap();
    let store = folder.open().await;
    write(&store, create("p/2", "A", "", 1)).await;
    assert_eq!(store.changes(1).next().await.unwrap()[0].at, ahead);
}

#[tokio::test]
async fn request_ids_are_kept_for_a_day_and_then_forgotten() {
    let folder = Folder::new();
    let store = folder.open().await;
    let requested = |key: &str, id: &str| Op::Put {
        key: key.to_owned(),
        expect: Expect::Absent,
        version: 1,
        body: body("A", "", 1),
        values: values("A", "", 1),
        request: Some(RequestId { id: id.to_owned(), digest: 1 }),
    };
    for number in 0..3 {
        write(&store, requested(&format!("p/{number}"), &format!("r{number}"))).await;
    }
    store.close().await.unwrap();
    age(&folder.path(), "UPDATE person_request SET at = ? WHERE id <> 'r2'");
    let store = folder.open().await;
    let other = folder.beside();
    let count = || other.query_row("SELECT count(*) FROM person_request", [], |row| row.get::<_, i64>(0)).unwrap();
    until("the old requests are forgotten", || count() == 1).await;
    assert_eq!(write(&store, requested("p/10", "r0")).await, Outcome::Created);
    assert_eq!(write(&store, requested("p/11", "r2")).await, Outcome::Repeated(body("A", "", 1)));
}

on_both! {
    a_log_that_is_too_long_loses_its_oldest_changes_and_says_so
}
