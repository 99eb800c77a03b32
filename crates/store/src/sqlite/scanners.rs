//! Readers for queries that may look at every record: they run on threads that may wait, a few at once, and stop when
//! their caller is gone.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use rusqlite::Connection;
use tokio::sync::{Semaphore, watch};

use super::errors::store_error;
use super::file::{DatabaseFile, Role};
use super::readers::open;
use super::sql::Sql;
use crate::StoreError;
use crate::span::Asked;

/// How many steps of SQLite's machine pass between two looks at whether the caller is still there.
const STEPS: i32 = 10_000;

pub(super) struct Scanners {
    file: Arc<DatabaseFile>,
    sql: Arc<Sql>,
    id: u64,
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<Connection>>,
    running: AtomicUsize,
    /// Whether the writer holds new queries back, so that the log of the database can start over.
    held: watch::Sender<bool>,
}

impl Scanners {
    pub(super) fn new(file: Arc<DatabaseFile>, sql: Arc<Sql>, id: u64, count: usize) -> Self {
        Self {
            file,
            sql,
            id,
            permits: Arc::new(Semaphore::new(count.clamp(1, Semaphore::MAX_PERMITS))),
            idle: Mutex::default(),
            running: AtomicUsize::new(0),
            held: watch::Sender::new(false),
        }
    }

    /// Calls a function with a reader of its own. It is called a second time, with a new connection, when it fails
    /// with one that was open before.
    pub(super) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        asked: &Asked,
        query: impl FnMut(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let since = Instant::now();
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| StoreError::Closed)?;
        self.held.subscribe().wait_for(|held| !held).await.map_err(|_| StoreError::Closed)?;
        asked.waited(since);
        let running = Running::start(self);
        let gone = Gone::default();
        let stop = Arc::clone(&gone.0);
        let read = move || {
            let _permit = permit;
            running.0.run(&stop, query)
        };
        match tokio::task::spawn_blocking(read).await {
            Ok(found) => found,
            Err(error) => Err(StoreError::Internal(format!("a query ended early: {error}"))),
        }
    }

    fn run<T>(
        &self,
        gone: &Arc<AtomicBool>,
        mut query: impl FnMut(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let (gone, permits) = (Arc::clone(gone), Arc::clone(&self.permits));
        let stop = move || gone.load(Ordering::Relaxed) || permits.is_closed();
        let known = self.lock().pop();
        if let Some(mut connection) = known {
            let found = stoppable(&mut connection, stop.clone(), &mut query);
            if found.is_ok() || stop() {
                self.keep(connection);
                return found.map_err(|_| StoreError::Closed);
            }
        }
        let mut connection = open(&self.file, Role::Scanner, &self.sql, self.id)?;
        let found = stoppable(&mut connection, stop.clone(), &mut query)
            .map_err(|error| if stop() { StoreError::Closed } else { store_error(&error) })?;
        self.keep(connection);
        Ok(found)
    }

    fn keep(&self, connection: Connection) {
        let mut idle = self.lock();
        if !self.permits.is_closed() {
            idle.push(connection);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn running(&self) -> usize {
        self.running.load(Ordering::Acquire)
    }

    /// Holds new queries back, or lets them go on.
    pub(super) fn hold(&self, held: bool) {
        self.held.send_if_modified(|now| std::mem::replace(now, held) != held);
    }

    /// Drops the connections; the next queries make new ones.
    pub(super) fn reset(&self) {
        self.lock().clear();
    }

    /// Ends the queries that run, and refuses every later one.
    pub(super) fn close(&self) {
        self.permits.close();
        self.reset();
    }
}

/// Calls a function with a connection whose statements end early when that is asked for.
fn stoppable<T>(
    connection: &mut Connection,
    stop: impl FnMut() -> bool + Send + 'static,
    query: &mut impl FnMut(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    connection.progress_handler(STEPS, Some(stop))?;
    query(connection)
}

/// Counts a query while it runs.
struct Running(Arc<Scanners>);

impl Running {
    fn start(scanners: &Arc<Scanners>) -> Self {
        scanners.running.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(scanners))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Says so when the caller is gone.
#[derive(Default)]
struct Gone(Arc<AtomicBool>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
