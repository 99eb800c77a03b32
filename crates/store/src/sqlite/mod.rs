//! The store on SQLite: one writer with group commit, and readers that are called in place.

mod batch;
mod bind;
mod changes;
mod columns;
mod errors;
mod file;
mod read;
mod readers;
mod scanners;
mod schema;
mod shared;
mod sql;
#[cfg(test)]
mod tests;
mod upkeep;
mod writer;

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

pub(crate) use self::changes::SqliteChanges;
use self::file::{DatabaseFile, Role};
use self::shared::Shared;
use self::sql::Sql;
use self::writer::Writer;
use crate::compile::{Dialect, compile};
use crate::queue::{Job, Refused};
use crate::span::Asked;
use crate::{Config, Op, OpenError, Outcome, Page, Query, Row, Stats, StoreError, Table};

/// How many records are read on an event loop at most.
const IN_PLACE_ROWS: usize = 1_000;

pub(crate) struct Sqlite {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Sqlite {
    pub(crate) async fn open(config: Config, table: Table) -> Result<Self, OpenError> {
        let path = config.path.clone();
        tokio::task::spawn_blocking(move || Self::open_here(config, table)).await.unwrap_or_else(|error| {
            let source = StoreError::Internal(format!("opening ended early: {error}"));
            Err(OpenError::Store { path, source })
        })
    }

    fn open_here(config: Config, table: Table) -> Result<Self, OpenError> {
        table.check()?;
        let (file, lock) = DatabaseFile::open(&config)?;
        let path = file.path().to_owned();
        let failed = |source: StoreError| OpenError::Store { path: path.clone(), source };
        let failed_in_sql = |error: rusqlite::Error| match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::NotADatabase) => OpenError::NotADatabase { path: path.clone() },
            _ => failed(errors::store_error(&error)),
        };
        let mut connection = file.connect(Role::Writer).map_err(failed_in_sql)?;
        schema::prepare(&mut connection, &table, &path)?;
        file.made(&lock);
        let sql = Arc::new(Sql::new(&table));
        let head = schema::head(&connection, &sql).map_err(failed)?;
        let name = format!("store-{}", table.name);
        let shared = Arc::new(Shared::new(config, table, file, sql, head));
        let writer = Writer::new(Arc::clone(&shared), connection, head, lock).map_err(failed_in_sql)?;
        let thread = std::thread::Builder::new().name(name).spawn(move || {
            let _ending = writer.ending();
            writer.run();
        });
        let thread = thread.map_err(|error| failed(StoreError::Disk(error.to_string())))?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    pub(crate) fn get(&self, key: &str) -> Result<Option<Row>, StoreError> {
        self.shared.readers.read(|connection| read::get(connection, &self.shared.sql, key))
    }

    pub(crate) async fn get_many(&self, keys: &[String], asked: &Asked) -> Result<Vec<Option<Row>>, StoreError> {
        if keys.len() <= IN_PLACE_ROWS {
            return self.shared.readers.read(|connection| read::get_many(connection, &self.shared.sql, keys));
        }
        let (sql, keys) = (Arc::clone(&self.shared.sql), keys.to_vec());
        self.shared.scanners.read(asked, move |connection| read::get_many(connection, &sql, &keys)).await
    }

    /// Reads at most so many records and bytes. In place when that is all it looks at, else where it may take its
    /// time.
    pub(crate) async fn page(
        &self,
        query: &Query,
        rows: usize,
        bytes: usize,
        asked: &Asked,
    ) -> Result<Page, StoreError> {
        let compiled = compile(&self.shared.table, Dialect::Sqlite, query, rows, bytes)?;
        if rows <= IN_PLACE_ROWS && query.is_by_key() {
            return self.shared.readers.read(|connection| read::page(connection, &compiled));
        }
        self.shared.scanners.read(asked, move |connection| read::page(connection, &compiled)).await
    }

    pub(crate) async fn write(&self, ops: Vec<Op>, asked: &Asked) -> Result<Vec<Outcome>, StoreError> {
        if ops.is_empty() {
            return Ok(Vec::new());
        }
        let bytes = self.shared.table.check_ops(&ops)?;
        let (reply, outcomes) = asked.reply();
        self.shared.queue.push(Job { ops, bytes, reply }).map_err(|refused| match refused {
            Refused::Closed => StoreError::Closed,
            Refused::Overloaded(waiting) => {
                self.shared.counters.overloaded.fetch_add(1, Ordering::Relaxed);
                StoreError::Overloaded { retry_after: self.shared.retry_after(waiting) }
            }
        })?;
        outcomes.await.unwrap_or_else(|_| Err(StoreError::Internal("a write was not answered".to_owned())))
    }

    pub(crate) fn position(&self) -> Result<u64, StoreError> {
        let log = *self.shared.log.borrow();
        if log.closed { Err(StoreError::Closed) } else { Ok(log.newest) }
    }

    pub(crate) fn id(&self) -> u64 {
        self.shared.id
    }

    /// Reads with a connection of its own, so that nothing kept in memory answers in place of the file.
    pub(crate) async fn check(&self) -> Result<(), StoreError> {
        let shared = Arc::clone(&self.shared);
        let look = move || {
            if shared.log.borrow().closed {
                return Err(StoreError::Closed);
            }
            let other = shared.file.is_other();
            if other != Ok(false) {
                shared.reset();
            }
            other?;
            readers::open(&shared.file, Role::Reader, &shared.sql, shared.id).map(drop)
        };
        let looked = tokio::task::spawn_blocking(look).await;
        looked.unwrap_or_else(|error| Err(StoreError::Internal(format!("a check ended early: {error}"))))
    }

    pub(crate) fn stats(&self) -> Stats {
        self.shared.stats()
    }

    pub(crate) async fn close(&self) -> Result<(), StoreError> {
        self.shared.close();
        let mut ended = self.shared.ended.subscribe();
        let result = ended.wait_for(Option::is_some).await.map_or(Ok(()), |ended| ended.clone().unwrap_or(Ok(())));
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // It has said its last word, so this does not wait.
        thread.map(JoinHandle::join);
        result
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        self.shared.close();
    }
}
