use std::sync::Arc;

use campus_store::{
    Column, ColumnKind, ColumnRef, CompareOp, Config, Expr, OpenError, Outcome, Query, Store, StoreError, Table, Value,
};

use crate::support::{AGE, Folder, create, on_both, table, write};

#[tokio::test]
async fn a_database_is_open_once() {
    let folder = Folder::new();
    let store = folder.open().await;
    let config = Config { busy_timeout_ms: 20, ..folder.config() };
    let refused = Store::open(config.clone(), table()).await.err();
    let path = folder.path().canonicalize().unwrap();
    assert_eq!(refused, Some(OpenError::InUse { path: path.clone() }));
    // By another path it is the same database.
    let link = path.with_file_name("link.db");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let refused = Store::open(Config { path: link, ..config.clone() }, table()).await.err();
    assert_eq!(refused, Some(OpenError::InUse { path }));
    store.close().await.unwrap();
    assert!(Store::open(config, table()).await.is_ok());
}

async fn a_store_that_is_dropped_ends_and_everything_written_is_there_again(folder: Folder) {
    let store = folder.open().await;
    let id = store.id().await.unwrap();
    for number in 0..10 {
        write(&store, create(&format!("p/{number}"), "A", "", 1)).await;
    }
    drop(store);
    let store = folder.open().await;
    assert_eq!(store.position().await.unwrap(), 10);
    assert!(store.get("p/9").await.unwrap().is_some());
    assert_eq!(store.id().await, Ok(id));
    assert_ne!(Folder::new().open().await.id().await, Ok(id));
}

#[tokio::test]
async fn a_database_of_a_newer_program_is_refused() {
    let folder = Folder::new();
    folder.open().await.close().await.unwrap();
    folder.beside().execute("UPDATE person_meta SET value = '9' WHERE name = 'schema'", []).unwrap();
    let error = Store::open(folder.config(), table()).await.err().unwrap();
    let path = folder.path().canonicalize().unwrap();
    assert_eq!(error, OpenError::NewerSchema { path: path.clone(), found: 9, supported: 1 });
    let line = format!(
        "{} has schema version 9, and this program knows versions up to 1; use a newer program",
        path.display()
    );
    assert_eq!(error.to_string(), line);
}

#[tokio::test]
async fn what_is_not_a_campus_database_is_refused_and_left_as_it_is() {
    let folder = Folder::new();
    folder.beside().execute_batch("CREATE TABLE notes (text)").unwrap();
    let before = std::fs::read(folder.path()).unwrap();
    let path = folder.path().canonicalize().unwrap();
    let refused = Some(OpenError::NotADatabase { path });
    assert_eq!(Store::open(folder.config(), table()).await.err(), refused);
    let tables: i64 = folder.beside().query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).unwrap();
    assert_eq!(tables, 1);
    drop(before);
    let text = "Dear diary, this is no database. ".repeat(100);
    std::fs::write(folder.path(), &text).unwrap();
    assert_eq!(Store::open(folder.config(), table()).await.err(), refused);
    assert_eq!(std::fs::read_to_string(folder.path()).unwrap(), text);
}

#[tokio::test]
async fn a_missing_folder_is_named() {
    let folder = Folder::new();
    let path = folder.path().with_file_name("missing").join("person.db");
    let error = Store::open(Config { path: path.clone(), ..folder.config() }, table()).await.err().unwrap();
    assert_eq!(
        error.to_string(),
        format!("{}: the database cannot be used: its folder does not exist; make it first", path.display())
    );
}

#[cfg(unix)]
#[tokio::test]
async fn the_files_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let store = folder.open().await;
    write(&store, create("p/1", "A", "", 1)).await;
    for file in ["db", "db-wal", "db-shm", "db.lock"] {
        let mode = folder.path().with_extension(file).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}

fn with_columns(columns: Vec<Column>, derive: fn(&[u8]) -> Vec<Value>) -> Table {
    Table { columns, derive: Arc::new(derive), ..table() }
}

fn field(body: &[u8], index: usize) -> String {
    std::str::from_utf8(body).unwrap().split('|').nth(index).unwrap().to_owned()
}

async fn columns_that_were_declared_otherwise_are_filled_from_the_bodies(folder: Folder) {
    let store = folder.open().await;
    write(&store, create("p/1", "Ada", "ada@x.org", 36)).await;
    write(&store, create("p/2", "Eve", "eve@x.org", 20)).await;
    store.close().await.unwrap();
    let columns = vec![
        Column { name: "age", kind: ColumnKind::Text, unique: false, indexed: true },
        Column { name: "letters", kind: ColumnKind::Integer, unique: false, indexed: false },
    ];
    let derive = |body: &[u8]| vec![Value::Text(field(body, 2)), Value::Integer(i64::try_from(body.len()).unwrap())];
    let store = Store::open(folder.config(), with_columns(columns.clone(), derive)).await.unwrap();
    let compare = |column, value| Query {
        filter: Some(Expr::Compare { column: ColumnRef::Column(column), op: CompareOp::Eq, value }),
        ..Query::default()
    };
    for query in [compare(0, Value::Text("20".to_owned())), compare(1, Value::Integer(16))] {
        let page = store.page(&query, 10).await.unwrap();
        let keys: Vec<_> = page.rows.iter().map(|row| row.key).collect();
        assert!(keys.contains(&"p/2"), "{keys:?}");
    }
    assert_eq!(store.position().await.unwrap(), 2, "this is no change to a record");
    store.close().await.unwrap();
    // Declared as before, nothing is derived.
    let underivable = with_columns(columns, |_| panic!("nothing has changed"));
    let store = Store::open(folder.config(), underivable).await.unwrap();
    store.close().await.unwrap();
    let store = folder.open().await;
    let query = Query {
        filter: Some(Expr::Compare { column: AGE, op: CompareOp::Gt, value: Value::Integer(30) }),
        ..Query::default()
    };
    assert_eq!(store.page(&query, 10).await.unwrap().rows.len(), 1);
    assert_eq!(write(&store, create("p/3", "Max", "ADA@x.org", 1)).await, Outcome::Taken { column: 1 });
}

#[tokio::test]
async fn a_column_cannot_become_unique_while_records_share_a_value() {
    let folder = Folder::new();
    let store = folder.open().await;
    store
        .write(vec![create("p/1", "Ada", "", 1), create("p/2", "ADA", "", 2), create("p/3", "", "", 3)])
        .await
        .unwrap();
    store.close().await.unwrap();
    let mut unique = table();
    unique.columns[0].unique = true;
    let error = Store::open(folder.config(), unique).await.err().unwrap();
    let path = folder.path().canonicalize().unwrap();
    assert_eq!(error, OpenError::Duplicate { path, column: "name".to_owned(), key: "p/2".to_owned() });
    let store = folder.open().await;
    assert!(store.get("p/1").await.unwrap().is_some(), "nothing was lost");
}

async fn columns_whose_derivation_is_counted_up_are_filled_anew(folder: Folder) {
    let store = folder.open().await;
    write(&store, create("p/1", "Ada", "", 36)).await;
    store.close().await.unwrap();
    let louder =
        |body: &[u8]| vec![Value::Text(field(body, 0).to_uppercase()), Value::Text(String::new()), Value::Integer(1)];
    let changed = Table { derivation: 1, ..with_columns(table().columns, louder) };
    let store = Store::open(folder.config(), changed).await.unwrap();
    let shouted =
        Expr::Compare { column: ColumnRef::Column(0), op: CompareOp::Eq, value: Value::Text("ADA".to_owned()) };
    let page = store.page(&Query { filter: Some(shouted), ..Query::default() }, 5).await.unwrap();
    assert_eq!(page.rows.len(), 1);
}

async fn a_declaration_that_derives_too_few_values_is_an_error_of_the_program(folder: Folder) {
    let store = folder.open().await;
    write(&store, create("p/1", "Ada", "", 1)).await;
    store.close().await.unwrap();
    let mut columns = table().columns;
    columns.pop();
    let error = Store::open(folder.config(), with_columns(columns, |_| Vec::new())).await.err().unwrap();
    assert!(
        matches!(&error, OpenError::Store { source: StoreError::Internal(why), .. } if why.contains("derives 0")),
        "{error}"
    );
}

async fn names_that_sql_would_trip_over_are_refused(folder: Folder) {
    let column = |name| Column { name, kind: ColumnKind::Text, unique: false, indexed: false };
    let table = |name, columns: &[&'static str]| Table {
        name,
        columns: columns.iter().map(|name| column(name)).collect(),
        ..table()
    };
    let cases = [
        (
            table("Person", &[]),
            r#"table Person: "Person" must be lower-case letters, digits and underscores, a letter first"#,
        ),
        (
            table("sqlite_x", &[]),
            r#"table sqlite_x: "sqlite_x" must be lower-case letters, digits and underscores, a letter first"#,
        ),
        (
            table("p", &["a\"b"]),
            r#"table p: "a\"b" must be lower-case letters, digits and underscores, a letter first"#,
        ),
        (table("p", &["body"]), r#"table p: "body" is a column that every table has"#),
        (table("p", &["a", "b", "a"]), r#"table p: "a" is declared twice"#),
    ];
    for (table, expected) in cases {
        let error = Store::open(folder.config(), table).await.err().unwrap();
        assert_eq!(error, OpenError::Invalid(expected.to_owned()));
    }
}

on_both! {
    columns_whose_derivation_is_counted_up_are_filled_anew
    a_store_that_is_dropped_ends_and_everything_written_is_there_again
    columns_that_were_declared_otherwise_are_filled_from_the_bodies
    a_declaration_that_derives_too_few_values_is_an_error_of_the_program
    names_that_sql_would_trip_over_are_refused
}
