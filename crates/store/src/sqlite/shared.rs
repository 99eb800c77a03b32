//! What the callers of a store and its writer share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;

use super::file::DatabaseFile;
use super::readers::Readers;
use super::scanners::Scanners;
use super::schema::Head;
use super::sql::Sql;
use crate::queue::{Load, Queue, time_for};
use crate::{Config, Stats, StoreError, Table};

pub(super) struct Shared {
    pub(super) table: Table,
    pub(super) config: Config,
    pub(super) sql: Arc<Sql>,
    pub(super) file: Arc<DatabaseFile>,
    pub(super) id: u64,
    pub(super) queue: Queue,
    pub(super) readers: Readers,
    pub(super) scanners: Arc<Scanners>,
    pub(super) log: watch::Sender<Log>,
    /// How the writer ended, once it has.
    pub(super) ended: watch::Sender<Option<Result<(), StoreError>>>,
    pub(super) counters: Counters,
    #[cfg(test)]
    pub(super) faults: super::tests::Faults,
}

/// How far the change log goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Log {
    pub(super) newest: u64,
    pub(super) closed: bool,
}

/// Figures that are read while the writer changes them.
#[derive(Default)]
pub(super) struct Counters {
    pub(super) overloaded: AtomicU64,
    pub(super) commits: AtomicU64,
    pub(super) ops: AtomicU64,
    pub(super) failures: AtomicU64,
    pub(super) checkpoints: AtomicU64,
    pub(super) wal_pages: AtomicU64,
    pub(super) page_bytes: AtomicU64,
    pub(super) oldest: AtomicU64,
    /// What one operation took lately, in nanoseconds.
    pub(super) op_nanos: AtomicU64,
}

impl Shared {
    pub(super) fn new(config: Config, table: Table, file: DatabaseFile, sql: Arc<Sql>, head: Head) -> Self {
        let file = Arc::new(file);
        let limit = Load { ops: config.queue_ops, bytes: config.queue_mib.saturating_mul(1 << 20) };
        let scanners = Scanners::new(Arc::clone(&file), Arc::clone(&sql), head.id, config.scan_readers);
        let shared = Self {
            readers: Readers::new(Arc::clone(&file), Arc::clone(&sql), head.id),
            scanners: Arc::new(scanners),
            table,
            config,
            sql,
            file,
            id: head.id,
            queue: Queue::new(limit),
            log: watch::Sender::new(Log { newest: head.newest, closed: false }),
            ended: watch::Sender::new(None),
            counters: Counters::default(),
            #[cfg(test)]
            faults: super::tests::Faults::default(),
        };
        shared.counters.oldest.store(head.oldest, Ordering::Relaxed);
        shared
    }

    /// Refuses further writes, lets the writer end, and ends those that follow the changes.
    pub(super) fn close(&self) {
        self.queue.close();
        self.log.send_if_modified(|log| !std::mem::replace(&mut log.closed, true));
    }

    /// Works with the file that now stands at the path.
    pub(super) fn reset(&self) {
        self.readers.reset();
        self.scanners.reset();
    }

    /// When a queue of this load should have room again.
    pub(super) fn retry_after(&self, waiting: Load) -> Duration {
        time_for(waiting.ops, self.counters.op_nanos.load(Ordering::Relaxed))
    }

    pub(super) fn stats(&self) -> Stats {
        let counters = &self.counters;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let waiting = self.queue.load();
        Stats {
            queue_ops: u64::try_from(waiting.ops).unwrap_or(u64::MAX),
            queue_bytes: u64::try_from(waiting.bytes).unwrap_or(u64::MAX),
            overloaded: read(&counters.overloaded),
            commits: read(&counters.commits),
            ops: read(&counters.ops),
            failures: read(&counters.failures),
            checkpoints: read(&counters.checkpoints),
            wal_bytes: read(&counters.wal_pages) * read(&counters.page_bytes),
            newest: self.log.borrow().newest,
            oldest: read(&counters.oldest),
            ..Stats::default()
        }
    }
}
