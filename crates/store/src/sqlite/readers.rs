//! Readers that are called in place: on the thread of the caller, without a hop to another one.
//!
//! Each thread has its own slot, so that their locks are free when they are taken. A slot holds its read transaction
//! until the writer has committed again, because beginning one costs more than a point read. What was committed
//! before a call is seen by that call: the writer counts a commit before it answers.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, Result};

use super::errors::store_error;
use super::file::{DatabaseFile, Role};
use super::schema;
use super::sql::Sql;
use crate::StoreError;

pub(super) struct Readers {
    file: Arc<DatabaseFile>,
    sql: Arc<Sql>,
    id: u64,
    slots: Box<[Slot]>,
    commits: AtomicU64,
}

/// Padded to lines of the processor's cache, so that threads do not disturb each other.
#[repr(align(128))]
struct Slot(Mutex<State>);

enum State {
    Unopened,
    Open(Snapshot),
    Closed,
}

struct Snapshot {
    connection: Connection,
    /// The count of commits when the held transaction began.
    begun: Option<u64>,
}

static THREADS: AtomicUsize = AtomicUsize::new(0);
thread_local! {
    static THREAD: usize = THREADS.fetch_add(1, Ordering::Relaxed);
}

impl Readers {
    pub(super) fn new(file: Arc<DatabaseFile>, sql: Arc<Sql>, id: u64) -> Self {
        let threads = std::thread::available_parallelism().map_or(4, usize::from);
        let slots = (0..(threads * 2).clamp(4, 64)).map(|_| Slot(Mutex::new(State::Unopened))).collect();
        Self { file, sql, id, slots, commits: AtomicU64::new(0) }
    }

    /// Calls a function with this thread's reader. It is called a second time, with a new connection, when it fails
    /// with one that was open before.
    pub(super) fn read<T>(&self, mut query: impl FnMut(&Connection) -> Result<T>) -> Result<T, StoreError> {
        let Some(mut slot) = self.own_slot() else { return Err(StoreError::Closed) };
        let commits = self.commits.load(Ordering::Acquire);
        if let State::Open(snapshot) = &mut *slot
            && let Ok(found) = snapshot.read(commits, &mut query)
        {
            return Ok(found);
        }
        if matches!(*slot, State::Closed) {
            return Err(StoreError::Closed);
        }
        *slot = State::Unopened;
        let mut snapshot = Snapshot { connection: open(&self.file, Role::Reader, &self.sql, self.id)?, begun: None };
        let found = snapshot.read(commits, &mut query).map_err(|error| store_error(&error))?;
        *slot = State::Open(snapshot);
        Ok(found)
    }

    fn own_slot(&self) -> Option<MutexGuard<'_, State>> {
        let number = THREAD.with(|number| *number);
        let slot = self.slots.get(number % self.slots.len())?;
        Some(slot.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes later reads see what was committed before.
    pub(super) fn committed(&self) {
        self.commits.fetch_add(1, Ordering::Release);
    }

    /// Ends the transactions that are held, which the log of the database waits for.
    pub(super) fn release(&self) {
        for slot in &self.slots {
            let mut slot = slot.0.lock().unwrap_or_else(PoisonError::into_inner);
            if let State::Open(snapshot) = &mut *slot
                && snapshot.end().is_err()
            {
                *slot = State::Unopened;
            }
        }
    }

    /// Drops the connections; the next reads make new ones.
    pub(super) fn reset(&self) {
        self.set(|| State::Unopened);
    }

    /// Refuses every later read.
    pub(super) fn close(&self) {
        self.set(|| State::Closed);
    }

    fn set(&self, state: impl Fn() -> State) {
        for slot in &self.slots {
            let mut slot = slot.0.lock().unwrap_or_else(PoisonError::into_inner);
            if !matches!(*slot, State::Closed) {
                *slot = state();
            }
        }
    }
}

impl Snapshot {
    fn read<T>(&mut self, commits: u64, query: &mut impl FnMut(&Connection) -> Result<T>) -> Result<T> {
        if self.begun != Some(commits) {
            self.end()?;
            self.connection.prepare_cached("BEGIN")?.execute([])?;
            self.begun = Some(commits);
        }
        query(&self.connection)
    }

    fn end(&mut self) -> Result<()> {
        if self.begun.take().is_some() {
            self.connection.prepare_cached("COMMIT")?.execute([])?;
        }
        Ok(())
    }
}

/// Opens a connection for reading and sees that it leads to the database it is meant for.
pub(super) fn open(file: &DatabaseFile, role: Role, sql: &Sql, id: u64) -> Result<Connection, StoreError> {
    let connection = file.connect(role).map_err(|error| store_error(&error))?;
    if schema::id(&connection, sql)? == id { Ok(connection) } else { Err(StoreError::Corrupt) }
}
