//! Faults of the machine, which need a hand inside the store, and what only the inside can tell.

mod faults;
mod plans;
mod queries;
mod wal;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tempfile::TempDir;

use super::Sqlite;
use crate::{Column, ColumnKind, Config, Expect, Op, Table, Value};

/// What goes wrong with the next transactions.
#[derive(Default)]
pub(super) struct Faults {
    /// How many pages the database may have; 0 for as many as fit.
    max_pages: AtomicI64,
    /// Whether the database may not be written.
    read_only: AtomicBool,
    /// Panic once, in the middle of a transaction.
    panic: AtomicBool,
}

impl Faults {
    pub(super) fn before(&self, connection: &Connection) {
        let pages = self.max_pages.load(Ordering::Relaxed);
        connection.pragma_update(None, "max_page_count", if pages == 0 { i64::from(i32::MAX) } else { pages }).unwrap();
        connection.pragma_update(None, "query_only", self.read_only.load(Ordering::Relaxed)).unwrap();
    }

    pub(super) fn within(&self) {
        assert!(!self.panic.swap(false, Ordering::Relaxed), "a fault that was asked for");
    }
}

fn table() -> Table {
    let text = |name, indexed| Column { name, kind: ColumnKind::Text, unique: false, indexed };
    Table {
        name: "person",
        columns: vec![text("name", true), text("note", false)],
        derive: Arc::new(|_| Vec::new()),
        derivation: 0,
    }
}

async fn open(folder: &TempDir) -> Arc<Sqlite> {
    let config = Config { path: folder.path().join("person.db"), ..Config::default() };
    Arc::new(Sqlite::open(config, table()).await.unwrap())
}

fn create(key: String, size: usize) -> Op {
    let name = Value::Text(format!("name of {key}"));
    let values = vec![name, Value::Text(String::new())];
    Op::Put { key, expect: Expect::Absent, version: 1, body: vec![7; size].into(), values, request: None }
}

/// Waits until something is so, at most ten seconds.
async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < deadline, "still waiting until {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
