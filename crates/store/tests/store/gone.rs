//! Tables that somebody drops under an open store.

use std::time::Duration;

use campus_store::{Store, StoreError};

use crate::load::{beside, eventually, open};
use crate::support::{Folder, create, table, write};

/// Waits until the store says that this is gone.
async fn missing(store: &Store, what: &str) {
    let gone = StoreError::Gone(what.to_owned());
    let said = gone.to_string();
    let expected = Err(gone);
    eventually("it is noticed", async || (store.check().await == expected).then_some(())).await;
    assert!(said.contains(what) && said.contains("restore"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_that_are_gone_make_a_store_unready_end_its_watches_and_are_not_made_anew() {
    let Some(folder) = Folder::on_postgres() else { return };
    let schema = folder.postgres.as_ref().unwrap().schema.clone();
    let store = open(&folder).await;
    write(&store, create("p/1", "Ada", "", 1)).await;
    let mut changes = store.changes(store.position().await.unwrap());
    let watching = tokio::spawn(async move { changes.next().await });
    let other = beside(&folder).await;
    // Only the records: what the store looks at by itself is there.
    other.batch_execute("ALTER TABLE person RENAME TO aside").await.unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(20), watching).await.unwrap().unwrap();
    let gone = format!("person in schema {schema}");
    assert_eq!(ended, Err(StoreError::Gone(gone.clone())));
    missing(&store, &gone).await;
    assert!(matches!(store.get("p/1").await, Err(StoreError::Gone(_))));
    assert!(matches!(store.write(vec![create("p/2", "Eve", "", 1)]).await, Err(StoreError::Gone(_))));
    other.batch_execute("ALTER TABLE aside RENAME TO person").await.unwrap();
    eventually("it works again when they are back", async || store.check().await.ok()).await;
    assert!(store.get("p/1").await.unwrap().is_some());

    other.batch_execute(&format!("DROP SCHEMA {schema} CASCADE")).await.unwrap();
    let all = format!("person, person_change, person_head, person_meta, person_request in schema {schema}");
    missing(&store, &all).await;
    let looked = store.stats().connects;
    eventually("it is looked for again", async || (store.stats().connects > looked + 1).then_some(())).await;
    let made = other.query_opt("SELECT FROM pg_namespace WHERE nspname = $1", &[&schema]).await.unwrap();
    assert!(made.is_none(), "empty tables would stand in the way of a backup");
    assert_eq!(Store::open(folder.config(), table()).await.unwrap().position().await, Ok(0), "a start makes them anew");
    eventually("the old process sees others in their place", async || {
        matches!(store.check().await, Err(StoreError::Corrupt)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_start_on_tables_of_which_some_are_gone_ends_with_their_names() {
    let Some(folder) = Folder::on_postgres() else { return };
    folder.open().await.close().await.unwrap();
    beside(&folder).await.batch_execute("DROP TABLE person_request, person_change").await.unwrap();
    let error = Store::open(folder.config(), table()).await.err().unwrap().to_string();
    assert!(error.contains("tables of the database are gone: person_change, person_request in schema"), "{error}");
}
