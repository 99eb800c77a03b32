//! The store on PostgreSQL: one writer a process with group commit, reads on shared connections, and a follower that
//! sees what other processes have written.

mod address;
mod changes;
mod columns;
mod errors;
mod follow;
mod plan;
mod pool;
mod read;
mod schema;
mod session;
mod shared;
mod sql;
mod tls;
mod transaction;
mod upkeep;
mod writer;

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_postgres::Row as SqlRow;
use tokio_postgres::error::SqlState;

pub use self::address::DatabaseUrl;
pub(crate) use self::changes::PostgresChanges;
use self::errors::{is_lost, store_error};
use self::session::Params;
use self::shared::{Head, Shared};
use self::writer::Writer;
use crate::compile::{Dialect, compile};
use crate::queue::{Job, Refused, time_for};
use crate::span::Asked;
use crate::{
    Column, Config, Op, OpenError, Outcome, Page, PostgresConfig, Query, Row, Stats, StoreError, Table, Value,
};

/// How many records are read on a shared connection at most.
const SHARED_ROWS: usize = 1_000;
/// The longest key and the longest value of a column with an index: an entry of an index has 2,704 bytes at most.
const KEY_BYTES: usize = 512;
const INDEXED_BYTES: usize = 2_000;
/// A shared connection on which no answer came for so long is given up.
const SILENCE: Duration = Duration::from_secs(1);
/// How long opening waits for the database.
const OPENING: Duration = Duration::from_secs(2);

pub(crate) struct Postgres {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// What watchers read now.
    reading: changes::Running,
}

impl Postgres {
    pub(crate) async fn open(config: &Config, postgres: &PostgresConfig, table: Table) -> Result<Self, OpenError> {
        table.check()?;
        check(postgres)?;
        let path = postgres.url.place();
        let unavailable = |why: String| OpenError::Store { path: path.into(), source: StoreError::Unavailable(why) };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| unavailable(error.to_string()))?;
        let name = table.name;
        let shared = Arc::new(Shared::new(config, postgres, table, runtime.handle().clone()));
        let (tell, mut opened) = oneshot::channel();
        let (driven, written) = (Arc::clone(&shared), Arc::clone(&shared));
        let drive = move || {
            runtime.spawn(follow::follow(Arc::clone(&driven), tell));
            runtime.block_on(driven.stop.notified());
        };
        let spawn = |role: &str, work: Box<dyn FnOnce() + Send>| {
            std::thread::Builder::new().name(format!("{role}-{name}")).spawn(work)
        };
        let threads = spawn("postgres", Box::new(drive))
            .and_then(|driver| Ok(vec![driver, spawn("store", Box::new(move || Writer::new(written).run()))?]));
        let store = Self { shared, threads: Mutex::default(), reading: Mutex::default() };
        let threads = threads.map_err(|error| OpenError::Invalid(format!("no thread can be made: {error}")))?;
        *store.threads.lock().unwrap_or_else(PoisonError::into_inner) = threads;
        let ended = |_| Err(OpenError::Invalid("opening ended early".to_owned()));
        let opened = match timeout(OPENING, &mut opened).await {
            Ok(opened) => opened.unwrap_or_else(ended),
            Err(_) => {
                opened.close();
                // What was told just now counts.
                opened.try_recv().unwrap_or(Ok(()))
            }
        };
        opened.map(|()| store)
    }

    pub(crate) async fn get(&self, key: &str, asked: &Asked) -> Result<Option<Row>, StoreError> {
        let rows = self.ask(&self.shared.sql.get, &[&key.as_bytes()], asked).await?;
        rows.first().map(|row| read::row(row, 0)).transpose().map_err(|error| store_error(&error))
    }

    pub(crate) async fn get_many(&self, keys: &[String], asked: &Asked) -> Result<Vec<Option<Row>>, StoreError> {
        let mut found = std::collections::HashMap::with_capacity(keys.len());
        for keys in keys.chunks(SHARED_ROWS) {
            let wanted: Vec<&[u8]> = keys.iter().map(String::as_bytes).collect();
            for row in self.ask(&self.shared.sql.get_many, &[&wanted], asked).await? {
                let read = read::text(&row, 0).and_then(|key| Ok((key, read::row(&row, 1)?)));
                found.extend([read.map_err(|error| store_error(&error))?]);
            }
        }
        Ok(keys.iter().map(|key| found.get(key).cloned()).collect())
    }

    /// Reads at most so many records and bytes: on a shared connection when that is all the database looks at.
    pub(crate) async fn page(
        &self,
        query: &Query,
        rows: usize,
        bytes: usize,
        asked: &Asked,
    ) -> Result<Page, StoreError> {
        let compiled = compile(&self.shared.table, Dialect::Postgres, query, rows, bytes)?;
        let (sql, params) = (read::bounded(&compiled), read::params(&compiled));
        let found = if rows <= SHARED_ROWS && query.is_by_key() {
            self.ask(&sql, &params, asked).await?
        } else {
            self.ask_long(&sql, &params, asked).await?
        };
        read::page(&self.shared.table, &compiled, &found).map_err(|error| store_error(&error))
    }

    /// Asks on a shared connection. When that was lost, a second time on another one.
    async fn ask(&self, sql: &str, params: Params<'_>, span: &Asked) -> Result<Vec<SqlRow>, StoreError> {
        let shared = &self.shared;
        let (since, until) = (std::time::Instant::now(), Instant::now() + self.begin()?);
        let mut last = false;
        loop {
            let found = timeout_at(until, async {
                shared.up().await?;
                shared.pool.shared().await
            });
            let session = found.await.map_err(|_| shared.late())??;
            span.waited(since);
            let (asked, answered) = (Instant::now(), session.answered.load(Ordering::Relaxed));
            match timeout_at(until, session.query(sql, params)).await {
                Ok(Ok(rows)) => return Ok(rows),
                Ok(Err(error)) if !last && is_stale(&error) => shared.pool.give_up(&session),
                Ok(Err(error)) => return Err(self.failed(&error)),
                Err(_) => {
                    if asked.elapsed() >= SILENCE && session.answered.load(Ordering::Relaxed) == answered {
                        shared.pool.give_up(&session);
                    }
                    return Err(shared.late());
                }
            }
            last = true;
        }
    }

    /// Asks on a connection of its own, and has the server stop when nobody waits any more.
    async fn ask_long(&self, sql: &str, params: Params<'_>, span: &Asked) -> Result<Vec<SqlRow>, StoreError> {
        let (shared, patience, since) = (&self.shared, self.begin()?, std::time::Instant::now());
        let asked = async {
            shared.up().await?;
            for last in [false, true] {
                let own = shared.pool.own().await?;
                span.waited(since);
                let found = async {
                    own.limit_statements(patience).await?;
                    own.query(sql, params).await
                };
                match found.await {
                    Ok(rows) => {
                        own.done();
                        return Ok(rows);
                    }
                    Err(error) if !last && is_stale(&error) => own.done(),
                    Err(error) => {
                        own.done();
                        return Err(self.failed(&error));
                    }
                }
            }
            Err(StoreError::Closed)
        };
        timeout(patience, asked).await.unwrap_or_else(|_| Err(shared.late()))
    }

    fn begin(&self) -> Result<Duration, StoreError> {
        if self.shared.is_closed() { Err(StoreError::Closed) } else { Ok(self.shared.patience()) }
    }

    fn failed(&self, error: &tokio_postgres::Error) -> StoreError {
        if self.shared.is_closed() { StoreError::Closed } else { store_error(error) }
    }

    pub(crate) async fn write(&self, ops: Vec<Op>, asked: &Asked) -> Result<Vec<Outcome>, StoreError> {
        if ops.is_empty() {
            return Ok(Vec::new());
        }
        let shared = &self.shared;
        let bytes = shared.table.check_ops(&ops)?;
        check_lengths(&shared.table, &ops)?;
        let until = Instant::now() + self.begin()?;
        timeout_at(until, shared.up()).await.map_err(|_| shared.late())??;
        let (reply, outcomes) = asked.reply();
        shared.queue.push(Job { ops, bytes, reply }).map_err(|refused| match refused {
            Refused::Closed => StoreError::Closed,
            Refused::Overloaded(waiting) => {
                shared.counters.overloaded.fetch_add(1, Ordering::Relaxed);
                let retry_after = time_for(waiting.ops, shared.counters.op_nanos.load(Ordering::Relaxed));
                StoreError::Overloaded { retry_after }
            }
        })?;
        match timeout_at(until, outcomes).await {
            Ok(outcomes) => {
                outcomes.unwrap_or_else(|_| Err(StoreError::Internal("a write was not answered".to_owned())))
            }
            Err(_) => Err(StoreError::Unknown),
        }
    }

    pub(crate) async fn position(&self) -> Result<u64, StoreError> {
        let before = self.shared.newest();
        let rows = self.ask(&self.shared.sql.head, &[], &Asked::default()).await?;
        let head = rows.first().map(Head::of).ok_or(StoreError::Corrupt)?;
        self.shared.publish(head, before);
        Ok(head.newest)
    }

    pub(crate) async fn id(&self) -> Result<u64, StoreError> {
        self.begin()?;
        self.shared.up().await?;
        self.shared.id.get().copied().ok_or_else(|| self.shared.late())
    }

    pub(crate) async fn check(&self) -> Result<(), StoreError> {
        self.position().await.map(drop)
    }

    pub(crate) fn stats(&self) -> Stats {
        self.shared.stats()
    }

    pub(crate) async fn close(&self) -> Result<(), StoreError> {
        self.shared.close();
        let mut ended = self.shared.ended.subscribe();
        let result = ended.wait_for(Option::is_some).await.map_or(Ok(()), |ended| ended.clone().unwrap_or(Ok(())));
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        // The writer has ended everything else, so this does not wait.
        threads.into_iter().for_each(|thread| drop(thread.join()));
        result
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.shared.close();
    }
}

/// Whether the same question may be answered on another connection: this one is lost, or knows the tables as they were.
fn is_stale(error: &tokio_postgres::Error) -> bool {
    let known = [SqlState::FEATURE_NOT_SUPPORTED, SqlState::INVALID_SQL_STATEMENT_NAME];
    is_lost(error) || error.code().is_some_and(|code| known.contains(code))
}

fn check(config: &PostgresConfig) -> Result<(), OpenError> {
    if let Some(why) = PostgresConfig::schema_fault(&config.schema) {
        return Err(OpenError::Invalid(format!("setting store.schema is {:?}: {why}", config.schema)));
    }
    config.password_file.as_deref().map(session::password).transpose().map_err(OpenError::Invalid)?;
    tls::connector(&config.url).map(drop).map_err(OpenError::Invalid)
}

/// Refuses what an index cannot hold.
fn check_lengths(table: &Table, ops: &[Op]) -> Result<(), StoreError> {
    for (index, op) in ops.iter().enumerate() {
        let bad = |what: &str, most| {
            let why = format!("{} write {index}: {what} is longer than {most} bytes", table.name);
            Err(StoreError::Invalid(why))
        };
        let (Op::Put { key, .. } | Op::Delete { key, .. }) = op;
        if key.len() > KEY_BYTES {
            return bad("the key", KEY_BYTES);
        }
        let Op::Put { values, .. } = op else { continue };
        for (Column { name, unique, indexed, .. }, value) in table.columns.iter().zip(values) {
            let Value::Text(text) = value else { continue };
            let folded = || plan::folded(value).is_some_and(|folded| folded.len() > INDEXED_BYTES);
            if (*indexed && text.len() > INDEXED_BYTES) || (*unique && folded()) {
                return bad(name, INDEXED_BYTES);
            }
        }
    }
    Ok(())
}
