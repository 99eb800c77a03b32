use std::sync::Arc;

use crate::postgres::{Postgres, PostgresChanges};
use crate::span::Asked;
use crate::sqlite::{Sqlite, SqliteChanges};
use crate::{Change, Config, Op, OpenError, Outcome, Page, Query, Row, Rows, StoreError, Table};

/// How many bytes a page has at most: replies of 4 MiB are refused by most clients.
const PAGE_BYTES: usize = 1 << 20;
/// How much a chunk of a scan has at most.
const SCAN_ROWS: usize = 512;
const SCAN_BYTES: usize = 256 << 10;

/// Records and their change log. Clones share one store.
#[derive(Clone)]
pub struct Store {
    engine: Engine,
    table: &'static str,
}

/// The databases a store can stand on.
#[derive(Clone)]
enum Engine {
    Sqlite(Arc<Sqlite>),
    Postgres(Arc<Postgres>),
}

/// What a store has done and is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Operations that wait to be written.
    pub queue_ops: u64,
    /// Bytes of bodies that wait to be written.
    pub queue_bytes: u64,
    /// Writes that were refused because too many were waiting.
    pub overloaded: u64,
    /// Transactions committed.
    pub commits: u64,
    /// Operations committed, whatever their outcome.
    pub ops: u64,
    /// Transactions that failed.
    pub failures: u64,
    /// Transactions tried again because another writer came in between or the connection was lost (PostgreSQL).
    pub retries: u64,
    /// Connections that are open (PostgreSQL).
    pub connections: u64,
    /// Connections made so far (PostgreSQL).
    pub connects: u64,
    /// Times the write-ahead log was copied into the database (SQLite).
    pub checkpoints: u64,
    /// Bytes in the write-ahead log (SQLite).
    pub wal_bytes: u64,
    /// The newest change.
    pub newest: u64,
    /// The oldest change kept; one more than `newest` when there is none.
    pub oldest: u64,
}

impl Store {
    /// Opens the database, making it when it is missing and bringing its schema up to date. A PostgreSQL server that
    /// cannot be reached is no error here: it is looked for until it is there, and all else fails until then. So it is
    /// with one that does not answer within 2 s, and with what it refuses after that.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn open(config: Config, table: Table) -> Result<Self, OpenError> {
        let name = table.name;
        let engine = match &config.postgres {
            Some(postgres) => Engine::Postgres(Arc::new(Postgres::open(&config, postgres, table).await?)),
            None => Engine::Sqlite(Arc::new(Sqlite::open(config, table).await?)),
        };
        Ok(Self { engine, table: name })
    }

    /// One record.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn get(&self, key: &str) -> Result<Option<Row>, StoreError> {
        let asked = self.ask("get");
        let found = match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.get(key),
            Engine::Postgres(postgres) => postgres.get(key, &asked).await,
        };
        asked.answered(&found, |row| usize::from(row.is_some()));
        found
    }

    /// Several records, in the order of the keys.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Row>>, StoreError> {
        let asked = self.ask("get_many");
        let found = match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.get_many(keys, &asked).await,
            Engine::Postgres(postgres) => postgres.get_many(keys, &asked).await,
        };
        asked.answered(&found, |rows| rows.iter().flatten().count());
        found
    }

    /// At most `size` records of a query (at least one is read), and where the next ones start.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn page(&self, query: &Query, size: usize) -> Result<Page, StoreError> {
        self.read_page(query, size.max(1), PAGE_BYTES).await
    }

    async fn read_page(&self, query: &Query, rows: usize, bytes: usize) -> Result<Page, StoreError> {
        let asked = self.ask("page");
        let page = match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.page(query, rows, bytes, &asked).await,
            Engine::Postgres(postgres) => postgres.page(query, rows, bytes, &asked).await,
        };
        asked.answered(&page, |page| page.rows.len());
        page
    }

    /// Begins the span of one request to the database.
    fn ask(&self, operation: &'static str) -> Asked {
        let system = match &self.engine {
            Engine::Sqlite(_) => "sqlite",
            Engine::Postgres(_) => "postgresql",
        };
        Asked::begin(system, self.table, operation)
    }

    /// All records of a query, in chunks.
    #[must_use]
    pub fn scan(&self, query: Query) -> Scan {
        Scan { store: self.clone(), query, done: false }
    }

    /// Writes, and answers when it is on disk. The operations are independent of each other: one that is not done does
    /// not undo its neighbours. All of one call are in one transaction, and so become visible together.
    ///
    /// A caller that drops this future before its turn has come leaves no trace.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn write(&self, ops: Vec<Op>) -> Result<Vec<Outcome>, StoreError> {
        let asked = self.ask("write");
        let written = match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.write(ops, &asked).await,
            Engine::Postgres(postgres) => postgres.write(ops, &asked).await,
        };
        asked.answered(&written, Vec::len);
        written
    }

    /// The position of the newest change; 0 when there is none.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn position(&self) -> Result<u64, StoreError> {
        match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.position(),
            Engine::Postgres(postgres) => postgres.position().await,
        }
    }

    /// The changes behind a position: first those in the log, then each new one as it comes.
    #[must_use]
    pub fn changes(&self, after: u64) -> Changes {
        match &self.engine {
            Engine::Sqlite(sqlite) => {
                Changes { engine: Following::Sqlite(SqliteChanges::new(Arc::clone(sqlite), after)) }
            }
            Engine::Postgres(postgres) => {
                Changes { engine: Following::Postgres(PostgresChanges::new(Arc::clone(postgres), after)) }
            }
        }
    }

    /// A random number made with the database: what was handed out by one database is not for another.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] for a database that was not reached yet.
    pub async fn id(&self) -> Result<u64, StoreError> {
        match &self.engine {
            Engine::Sqlite(sqlite) => Ok(sqlite.id()),
            Engine::Postgres(postgres) => postgres.id().await,
        }
    }

    /// Reads from the database, past everything kept in memory, to see whether it can be read.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn check(&self) -> Result<(), StoreError> {
        match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.check().await,
            Engine::Postgres(postgres) => postgres.check().await,
        }
    }

    /// What the store has done and is doing.
    #[must_use]
    pub fn stats(&self) -> Stats {
        match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.stats(),
            Engine::Postgres(postgres) => postgres.stats(),
        }
    }

    /// Refuses further writes, finishes those that wait, and closes the database. Everything after it is
    /// [`StoreError::Closed`].
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn close(&self) -> Result<(), StoreError> {
        match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.close().await,
            Engine::Postgres(postgres) => postgres.close().await,
        }
    }
}

/// A reading of all records of a query, made by [`Store::scan`].
pub struct Scan {
    store: Store,
    query: Query,
    done: bool,
}

impl Scan {
    /// The next records, at most 512 and about 256 KiB; `None` at the end.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn next(&mut self) -> Result<Option<Rows>, StoreError> {
        if self.done {
            return Ok(None);
        }
        // A long scan may not have to wait for anything; others want their turn too.
        tokio::task::consume_budget().await;
        let page = self.store.read_page(&self.query, SCAN_ROWS, SCAN_BYTES).await?;
        match page.next {
            Some(next) => self.query.after = Some(next),
            None => self.done = true,
        }
        Ok(Some(page.rows).filter(|rows| !rows.is_empty()))
    }
}

/// A reading of the change log, made by [`Store::changes`].
pub struct Changes {
    engine: Following,
}

enum Following {
    Sqlite(SqliteChanges),
    Postgres(PostgresChanges),
}

impl Changes {
    /// The next changes, in order, none left out and none twice. Waits until there is one; never empty.
    ///
    /// # Errors
    /// [`StoreError::Compacted`] when changes behind the position are no longer kept, [`StoreError::Future`] for a
    /// position the log has not reached, [`StoreError::Closed`] when the store is closed, and see [`StoreError`].
    pub async fn next(&mut self) -> Result<Vec<Change>, StoreError> {
        match &mut self.engine {
            Following::Sqlite(changes) => changes.next().await,
            Following::Postgres(changes) => changes.next().await,
        }
    }

    /// The position of the last change that was handed out.
    #[must_use]
    pub fn position(&self) -> u64 {
        match &self.engine {
            Following::Sqlite(changes) => changes.position(),
            Following::Postgres(changes) => changes.position(),
        }
    }
}
