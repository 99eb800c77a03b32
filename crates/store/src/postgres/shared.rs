//! What the callers of a store, its writer and its follower share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio_postgres::Row;

use super::pool::Pool;
use super::session::{Connector, SILENT};
use super::sql::Sql;
use crate::queue::{Load, Queue};
use crate::{Config, PostgresConfig, Stats, StoreError, Table};

pub(super) struct Shared {
    pub(super) table: Table,
    pub(super) signature: String,
    /// What the role has to be allowed.
    pub(super) all_connections: usize,
    pub(super) change_rows: u64,
    pub(super) change_age_s: u64,
    pub(super) sql: Sql,
    pub(super) connector: Arc<Connector>,
    pub(super) pool: Arc<Pool>,
    pub(super) queue: Queue,
    pub(super) log: watch::Sender<Log>,
    pub(super) state: watch::Sender<State>,
    /// The random number made with the database; unset until it was reached.
    pub(super) id: OnceLock<u64>,
    /// How the writer ended, once it has.
    pub(super) ended: watch::Sender<Option<Result<(), StoreError>>>,
    /// Ends the threads that drive the connections.
    pub(super) stop: Notify,
    pub(super) counters: Counters,
}

/// Where the change log stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) newest: u64,
    pub(super) oldest: u64,
}

impl Head {
    /// From the first two columns of a row.
    pub(super) fn of(row: &Row) -> Self {
        let number = |index| row.try_get::<_, i64>(index).unwrap_or_default().cast_unsigned();
        Self { newest: number(0), oldest: number(1) }
    }
}

/// How far the change log goes, as far as this process knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Log {
    pub(super) head: Head,
    pub(super) closed: bool,
}

/// Whether there is a database to speak of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    /// It is being looked for.
    Looking,
    Up,
    Down(StoreError),
}

#[derive(Default)]
pub(super) struct Counters {
    pub(super) overloaded: AtomicU64,
    pub(super) commits: AtomicU64,
    pub(super) ops: AtomicU64,
    pub(super) failures: AtomicU64,
    pub(super) retries: AtomicU64,
    /// What one operation took lately, in nanoseconds.
    pub(super) op_nanos: AtomicU64,
}

impl Shared {
    pub(super) fn new(config: &Config, postgres: &PostgresConfig, table: Table, engine: Handle) -> Self {
        let connector = Arc::new(Connector::new(postgres, table.name, engine));
        let limit = Load { ops: config.queue_ops, bytes: config.queue_mib.saturating_mul(1 << 20) };
        Self {
            sql: Sql::new(&table),
            signature: table.signature(),
            table,
            all_connections: postgres.all_connections,
            change_rows: config.change_rows,
            change_age_s: config.change_age_s,
            pool: Arc::new(Pool::new(Arc::clone(&connector), postgres.connections)),
            connector,
            queue: Queue::new(limit),
            log: watch::Sender::new(Log { head: Head { newest: 0, oldest: 1 }, closed: false }),
            state: watch::Sender::new(State::Looking),
            id: OnceLock::new(),
            ended: watch::Sender::new(None),
            stop: Notify::new(),
            counters: Counters::default(),
        }
    }

    /// Waits while the database is being looked for, and fails when it is known to be away.
    pub(super) async fn up(&self) -> Result<(), StoreError> {
        if *self.state.borrow() == State::Up {
            return Ok(());
        }
        let mut state = self.state.subscribe();
        let known =
            tokio::time::timeout(self.connector.connect_limit, state.wait_for(|state| *state != State::Looking));
        match known.await.map(|known| known.map(|state| state.clone())) {
            Ok(Ok(State::Down(why))) => Err(why),
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(StoreError::Closed),
            Err(_) => Err(StoreError::Unavailable(SILENT.to_owned())),
        }
    }

    pub(super) fn set(&self, state: State) {
        self.state.send_if_modified(|now| {
            let other = *now != state;
            *now = state;
            other
        });
    }

    /// Tells of where the log stands now. What others have read before may come later and is older; only a database
    /// that was set back since `before` has less than was known `before`.
    pub(super) fn publish(&self, head: Head, before: u64) {
        self.log.send_if_modified(|log| {
            let newest = if head.newest < before { head.newest } else { head.newest.max(log.head.newest) };
            let oldest = if head.newest < before { head.oldest } else { head.oldest.max(log.head.oldest) };
            let moved = newest != log.head.newest;
            log.head = Head { newest, oldest };
            moved
        });
    }

    pub(super) fn newest(&self) -> u64 {
        self.log.borrow().head.newest
    }

    /// How long a call may wait for the database: until a little before its deadline, so that it learns why there is no
    /// answer.
    pub(super) fn patience(&self) -> Duration {
        let most = self.connector.statement_limit;
        let Some(deadline) = campus_call::current().and_then(|call| call.deadline()) else { return most };
        let left = deadline.saturating_duration_since(tokio::time::Instant::now());
        most.min(left - (left / 10).min(Duration::from_millis(100)))
    }

    /// What to say when that has passed.
    pub(super) fn late(&self) -> StoreError {
        match &*self.state.borrow() {
            State::Down(why) => why.clone(),
            _ => StoreError::Unavailable(SILENT.to_owned()),
        }
    }

    /// Refuses further writes, lets the writer end, and ends those that follow the changes.
    pub(super) fn close(&self) {
        self.queue.close();
        self.log.send_if_modified(|log| !std::mem::replace(&mut log.closed, true));
    }

    pub(super) fn is_closed(&self) -> bool {
        self.log.borrow().closed
    }

    pub(super) fn stats(&self) -> Stats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (waiting, log, counters) = (self.queue.load(), *self.log.borrow(), &self.counters);
        Stats {
            queue_ops: u64::try_from(waiting.ops).unwrap_or(u64::MAX),
            queue_bytes: u64::try_from(waiting.bytes).unwrap_or(u64::MAX),
            overloaded: read(&counters.overloaded),
            commits: read(&counters.commits),
            ops: read(&counters.ops),
            failures: read(&counters.failures),
            retries: read(&counters.retries),
            connections: read(&self.connector.open),
            connects: read(&self.connector.connects),
            newest: log.head.newest,
            oldest: log.head.oldest,
            ..Stats::default()
        }
    }
}
