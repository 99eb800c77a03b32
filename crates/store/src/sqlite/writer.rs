//! The one writer of a database: a thread that commits whatever waits as one transaction, and answers its callers
//! when that is on disk.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::batch::Batch;
use super::errors::store_error;
use super::file::Role;
use super::schema::{self, Head};
use super::shared::Shared;
use super::upkeep::Upkeep;
use crate::clock::now;
use crate::queue::{Job, Load, Taken, Wish};
use crate::{Outcome, StoreError};

/// How much goes into one transaction.
const TRANSACTION: Load = Load { ops: 16_384, bytes: 16 << 20 };
/// From so many operations on, a transaction is worth its cost, and no further callers are waited for.
const GATHER_OPS: usize = 64;
/// How long further callers are waited for at most.
const GATHER_TIME: Duration = Duration::from_millis(1);
/// How many more changes than were written are dropped from a log that is too long, each time.
const SHORTEN: u64 = 256;

pub(super) struct Writer {
    pub(super) shared: Arc<Shared>,
    /// `None` after a failure, until it is opened again.
    pub(super) connection: Option<Connection>,
    pub(super) head: Head,
    pub(super) upkeep: Upkeep,
    failing: Option<StoreError>,
    /// The last transaction: how many operations it had, and how long it took.
    last: (usize, Duration),
    /// Keeps other processes out.
    lock: File,
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>, connection: Connection, head: Head, lock: File) -> rusqlite::Result<Self> {
        let upkeep = Upkeep::new();
        let mut writer =
            Self { shared, connection: None, head, upkeep, failing: None, last: (0, Duration::ZERO), lock };
        writer.adopt(connection)?;
        Ok(writer)
    }

    /// To be dropped when the thread of the writer ends, however it ends.
    pub(super) fn ending(&self) -> Ending {
        Ending(Arc::clone(&self.shared))
    }

    /// Works until the queue is closed and empty.
    pub(super) fn run(mut self) {
        loop {
            // Waiting half a transaction for those that were just answered is less than a transaction of their own.
            let gather = (self.last.0.min(GATHER_OPS), (self.last.1 / 2).min(GATHER_TIME));
            let wish = Wish { most: TRANSACTION, deadline: self.upkeep.deadline(), gather };
            match self.shared.queue.take(wish) {
                Taken::Jobs(jobs) => self.serve(jobs),
                Taken::Quiet => {}
                Taken::Closed => break,
            }
            // What fails here fails again with the next write, which has somebody to tell.
            let _ = self.guarded(Self::keep_up);
        }
        let ended = self.guarded(Self::finish);
        let Self { shared, connection, lock, .. } = self;
        drop(connection);
        drop(lock);
        shared.ended.send_replace(Some(ended));
    }

    fn serve(&mut self, jobs: Vec<Job>) {
        let started = Instant::now();
        match self.guarded(|writer| writer.write(&jobs)) {
            Ok(outcomes) => {
                if self.failing.take().is_some() {
                    tracing::info!(table = self.shared.table.name, "writing works again");
                }
                self.last = (jobs.iter().map(|job| job.ops.len()).sum(), started.elapsed());
                self.publish();
                for (job, outcomes) in jobs.into_iter().zip(outcomes) {
                    // The caller may be gone by now; the write stands.
                    let _ = job.reply.send(Ok(outcomes));
                }
            }
            Err(error) => {
                for job in jobs {
                    let _ = job.reply.send(Err(error.clone()));
                }
            }
        }
    }

    fn write(&mut self, jobs: &[Job]) -> Result<Vec<Vec<Outcome>>, StoreError> {
        let other = self.shared.file.take_other();
        if other != Ok(false) {
            self.connection = None;
            self.shared.reset();
        }
        other?;
        self.connect()?;
        let Some(connection) = &self.connection else { return Err(StoreError::Closed) };
        let written = apply(connection, &self.shared, self.head, jobs);
        let (outcomes, head) = written.map_err(|error| store_error(&error))?;
        self.head = head;
        Ok(outcomes)
    }

    /// Tells readers and watchers of what is new. Comes before the callers are answered, so that each reads its own
    /// write.
    fn publish(&mut self) {
        let counters = &self.shared.counters;
        let (ops, took) = (u64::try_from(self.last.0).unwrap_or(u64::MAX), self.last.1);
        counters.commits.fetch_add(1, Ordering::Relaxed);
        counters.ops.fetch_add(ops, Ordering::Relaxed);
        counters.oldest.store(self.head.oldest, Ordering::Relaxed);
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX) / ops.max(1);
        let before = counters.op_nanos.load(Ordering::Relaxed);
        counters.op_nanos.store(before - before / 8 + nanos / 8, Ordering::Relaxed);
        self.upkeep.wrote();
        let newest = self.head.newest;
        if self.shared.log.borrow().newest != newest {
            self.shared.readers.committed();
            self.shared.log.send_modify(|log| log.newest = newest);
        }
    }

    /// Opens the database again when it is not open.
    pub(super) fn connect(&mut self) -> Result<(), StoreError> {
        if self.connection.is_some() {
            return Ok(());
        }
        let connection = self.shared.file.connect(Role::Writer).map_err(|error| store_error(&error))?;
        let head = schema::head(&connection, &self.shared.sql)?;
        if head.id != self.shared.id {
            return Err(StoreError::Corrupt);
        }
        self.head = head;
        self.adopt(connection).map_err(|error| store_error(&error))
    }

    fn adopt(&mut self, mut connection: Connection) -> rusqlite::Result<()> {
        let page: i64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
        self.shared.counters.page_bytes.store(page.unsigned_abs(), Ordering::Relaxed);
        let shared = Arc::clone(&self.shared);
        connection.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages: i32| {
            shared.counters.wal_pages.store(u64::from(pages.unsigned_abs()), Ordering::Relaxed);
            Ok(())
        }))?;
        self.connection = Some(connection);
        Ok(())
    }

    /// Runs a step. When it fails, the connection is closed, which undoes an open transaction; the next step opens
    /// it again. A panic is a failure like any other: the writer goes on.
    fn guarded<T>(&mut self, step: impl FnOnce(&mut Self) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let result = catch_unwind(AssertUnwindSafe(|| step(self)))
            .unwrap_or_else(|_| Err(StoreError::Internal("the writer panicked".to_owned())));
        let table = self.shared.table.name;
        if let Err(error) = &result {
            self.connection = None;
            self.shared.counters.failures.fetch_add(1, Ordering::Relaxed);
            if self.failing.as_ref() != Some(error) {
                tracing::error!(table, path = %self.shared.file.path().display(), %error, "writing fails");
                self.failing = Some(error.clone());
            }
        }
        result
    }

    /// Copies the log into the database and closes everything.
    fn finish(&mut self) -> Result<(), StoreError> {
        self.shared.readers.close();
        self.shared.scanners.close();
        self.connect()?;
        let Some(connection) = self.connection.take() else { return Ok(()) };
        let truncated = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        truncated.map_err(|error| store_error(&error))
    }
}

/// Sees to it that nobody waits for a writer that is no more.
pub(super) struct Ending(Arc<Shared>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.close();
        let most = Load { ops: usize::MAX, bytes: usize::MAX };
        drop(self.0.queue.take(Wish { most, deadline: Instant::now(), gather: (0, Duration::ZERO) }));
        let lost = || Err(StoreError::Internal("the writer ended early".to_owned()));
        self.0.ended.send_if_modified(|ended| {
            let early = ended.is_none();
            ended.get_or_insert_with(lost).is_err() && early
        });
    }
}

fn apply(
    connection: &Connection,
    shared: &Shared,
    head: Head,
    jobs: &[Job],
) -> rusqlite::Result<(Vec<Vec<Outcome>>, Head)> {
    #[cfg(test)]
    shared.faults.before(connection);
    let mut batch = Batch::begin(connection, &shared.sql, head, now())?;
    let mut outcomes = Vec::with_capacity(jobs.len());
    for job in jobs {
        outcomes.push(job.ops.iter().map(|op| batch.apply(op)).collect::<rusqlite::Result<Vec<_>>>()?);
    }
    #[cfg(test)]
    shared.faults.within();
    let after = batch.head();
    let kept = after.newest + 1 - after.oldest;
    let most = shared.config.change_rows.max(1);
    if kept > most {
        let written = after.newest - head.newest;
        batch.drop_changes(after.oldest + (kept - most).min(2 * written + SHORTEN))?;
    }
    Ok((outcomes, batch.commit()?))
}
