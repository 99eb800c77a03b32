//! A table of people, and what the tests do with it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use campus_store::{Column, ColumnKind, ColumnRef, Config, Expect, Op, Outcome, PostgresConfig, Store, Table, Value};
use campus_testdb::Postgres;
use tempfile::TempDir;

pub(crate) const NAME: ColumnRef = ColumnRef::Column(0);
pub(crate) const EMAIL: ColumnRef = ColumnRef::Column(1);
pub(crate) const AGE: ColumnRef = ColumnRef::Column(2);

/// A body is `name|email|age`, so that the columns can be derived from it.
pub(crate) fn body(name: &str, email: &str, age: i64) -> Bytes {
    format!("{name}|{email}|{age}").into()
}

pub(crate) fn values(name: &str, email: &str, age: i64) -> Vec<Value> {
    vec![Value::Text(name.to_owned()), Value::Text(email.to_owned()), Value::Integer(age)]
}

pub(crate) fn table() -> Table {
    let derive = |body: &[u8]| {
        let text = std::str::from_utf8(body).unwrap();
        let mut parts = text.split('|').map(str::to_owned);
        let (name, email, age) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
        vec![Value::Text(name), Value::Text(email), Value::Integer(age.parse().unwrap())]
    };
    Table {
        name: "person",
        columns: vec![
            Column { name: "name", kind: ColumnKind::Text, unique: false, indexed: true },
            Column { name: "email", kind: ColumnKind::Text, unique: true, indexed: false },
            Column { name: "age", kind: ColumnKind::Integer, unique: false, indexed: false },
        ],
        derive: Arc::new(derive),
        derivation: 0,
    }
}

/// A test of each of these for each engine.
macro_rules! on_both {
    ($($test:ident)*) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $test() { super::$test($crate::support::Folder::new()).await })*
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $test() {
                if let Some(folder) = $crate::support::Folder::on_postgres() { super::$test(folder).await }
            })*
        }
    };
}
pub(crate) use on_both;

/// A place for a database: a folder, gone when it is dropped, or a schema of a server.
pub(crate) struct Folder {
    folder: TempDir,
    pub(crate) postgres: Option<PostgresConfig>,
    /// Of the server, with everything in it.
    pub(crate) url: String,
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), postgres: None, url: String::new() }
    }

    /// `None` where there is no server.
    pub(crate) fn on_postgres() -> Option<Self> {
        Postgres::shared().map(|server| Self::on(server.url()))
    }

    /// On a server of the test's own.
    pub(crate) fn on(url: &str) -> Self {
        let postgres = PostgresConfig { schema: Postgres::schema(), ..PostgresConfig::new(url.parse().unwrap()) };
        Self { postgres: Some(postgres), url: url.to_owned(), ..Self::new() }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("person.db")
    }

    pub(crate) fn config(&self) -> Config {
        Config { path: self.path(), postgres: self.postgres.clone(), ..Config::default() }
    }

    pub(crate) async fn open(&self) -> Store {
        Store::open(self.config(), table()).await.unwrap()
    }

    /// A connection beside the store, as another program would have.
    pub(crate) fn beside(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.path()).unwrap()
    }
}

pub(crate) fn create(key: &str, name: &str, email: &str, age: i64) -> Op {
    put(key, Expect::Absent, 1, name, email, age)
}

pub(crate) fn put(key: &str, expect: Expect, version: u64, name: &str, email: &str, age: i64) -> Op {
    Op::Put {
        key: key.to_owned(),
        expect,
        version,
        body: body(name, email, age),
        values: values(name, email, age),
        request: None,
    }
}

pub(crate) fn delete(key: &str) -> Op {
    Op::Delete { key: key.to_owned(), expect: None }
}

/// Writes one operation.
pub(crate) async fn write(store: &Store, op: Op) -> Outcome {
    let mut outcomes = store.write(vec![op]).await.unwrap();
    assert_eq!(outcomes.len(), 1);
    outcomes.remove(0)
}

/// Waits until something is so, at most ten seconds.
pub(crate) async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < deadline, "still waiting until {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
