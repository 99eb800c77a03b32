//! What the writer does between its transactions: it copies the write-ahead log into the database, and drops what is
//! no longer kept.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};

use super::errors::store_error;
use super::schema::Head;
use super::shared::Shared;
use super::writer::Writer;
use crate::StoreError;
use crate::clock::{REQUEST_AGE, now};

/// The log is copied into the database when it has grown by so many pages.
const CHECKPOINT_PAGES: u64 = 4_000;
/// From so many pages on, long queries wait until the log could start over.
const HOLD_PAGES: u64 = 4 * CHECKPOINT_PAGES;
/// The log is copied when nothing was written for so long.
const QUIET: Duration = Duration::from_millis(500);
/// How often to look for what is no longer kept.
const PRUNE_EVERY: Duration = Duration::from_secs(30);
/// How many rows are dropped at once.
const PRUNE_ROWS: u64 = 2_048;

/// When to do what next.
pub(super) struct Upkeep {
    /// Pages of the log at the last look.
    pages: u64,
    /// Pages at which to copy the log.
    checkpoint_at: u64,
    /// When to copy the log although it is small; `None` when all of it is copied.
    quiet_at: Option<Instant>,
    prune_at: Instant,
}

impl Upkeep {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self { pages: 0, checkpoint_at: CHECKPOINT_PAGES, quiet_at: Some(now + QUIET), prune_at: now }
    }

    /// When there is something to do although nothing is written.
    pub(super) fn deadline(&self) -> Instant {
        self.quiet_at.map_or(self.prune_at, |quiet| quiet.min(self.prune_at))
    }

    /// Takes note of a commit.
    pub(super) fn wrote(&mut self) {
        self.quiet_at = Some(Instant::now() + QUIET);
    }
}

impl Writer {
    /// Does what is due.
    pub(super) fn keep_up(&mut self) -> Result<(), StoreError> {
        let pages = self.shared.counters.wal_pages.load(Ordering::Relaxed);
        if pages < self.upkeep.pages {
            // The log has started over.
            self.upkeep.checkpoint_at = CHECKPOINT_PAGES;
        }
        self.upkeep.pages = pages;
        let moment = Instant::now();
        if pages >= self.upkeep.checkpoint_at || self.upkeep.quiet_at.is_some_and(|at| at <= moment) {
            // Set before, so that what fails is not tried again at once.
            self.upkeep.checkpoint_at = pages + CHECKPOINT_PAGES;
            self.upkeep.quiet_at = Some(moment + QUIET);
            self.checkpoint(pages)?;
        }
        if self.upkeep.prune_at <= moment {
            self.upkeep.prune_at = moment + PRUNE_EVERY;
            self.prune()?;
        }
        Ok(())
    }

    /// Copies the log into the database. Snapshots that readers hold are ended before, since nothing newer than the
    /// oldest of them can be copied, and after, since the log starts over only when none of them looks into it.
    fn checkpoint(&mut self, pages: u64) -> Result<(), StoreError> {
        self.connect()?;
        let Some(connection) = &self.connection else { return Ok(()) };
        let Shared { readers, scanners, counters, .. } = &*self.shared;
        readers.release();
        let copied = connection.prepare_cached("PRAGMA wal_checkpoint(PASSIVE)").and_then(|mut statement| {
            statement.query_row([], |row| Ok(row.get::<_, i64>(1)? == row.get::<_, i64>(2)?))
        });
        readers.release();
        let whole = copied.map_err(|error| store_error(&error))?;
        counters.checkpoints.fetch_add(1, Ordering::Relaxed);
        if whole {
            self.upkeep.quiet_at = None;
        }
        let starts_over = whole && scanners.running() == 0;
        scanners.hold(!starts_over && pages >= HOLD_PAGES);
        Ok(())
    }

    /// Drops some of what is no longer kept; what is left is dropped after the writes that wait.
    fn prune(&mut self) -> Result<(), StoreError> {
        self.connect()?;
        let Some(connection) = &self.connection else { return Ok(()) };
        let kept = self.shared.config.change_age_s.min(i64::MAX.unsigned_abs() / 1_000_000_000) * 1_000_000_000;
        let before = now().saturating_sub_unsigned(kept);
        let (changes, requests) =
            drop_old(connection, &self.shared, self.head, before).map_err(|error| store_error(&error))?;
        self.head.oldest += changes;
        self.shared.counters.oldest.store(self.head.oldest, Ordering::Relaxed);
        if changes > 0 || requests > 0 {
            self.upkeep.wrote();
        }
        if changes >= PRUNE_ROWS || requests >= PRUNE_ROWS {
            self.upkeep.prune_at = Instant::now();
        }
        Ok(())
    }
}

/// Drops old changes, but never the newest, from which the next position follows; and old request ids.
fn drop_old(connection: &Connection, shared: &Shared, head: Head, before: i64) -> rusqlite::Result<(u64, u64)> {
    connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    let end = (head.oldest + PRUNE_ROWS).min(head.newest);
    let changes = connection.prepare_cached(&shared.sql.prune_changes)?.execute(params![end.cast_signed(), before])?;
    let requests = connection
        .prepare_cached(&shared.sql.prune_requests)?
        .execute(params![now().saturating_sub(REQUEST_AGE), PRUNE_ROWS.cast_signed()])?;
    connection.prepare_cached("COMMIT")?.execute([])?;
    Ok((changes as u64, requests as u64))
}
