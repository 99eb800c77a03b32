//! Following the change log.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use tokio::sync::watch;

use super::Postgres;
use super::read;
use super::shared::{Log, State};
use crate::span::Asked;
use crate::{Change, StoreError};

/// How many changes are read at once, and how many bytes of their bodies.
const ROWS: i64 = 256;
const BYTES: i64 = 256 << 10;

/// What comes of a reading of the log.
type Read = BoxFuture<'static, Result<Vec<Change>, StoreError>>;
type Reading = Shared<Read>;

/// The reading that runs, by the positions it is between.
pub(super) type Running = Mutex<Option<(u64, u64, WeakShared<Read>)>>;

pub(crate) struct PostgresChanges {
    postgres: Arc<Postgres>,
    log: watch::Receiver<Log>,
    state: watch::Receiver<State>,
    after: u64,
}

impl PostgresChanges {
    pub(crate) fn new(postgres: Arc<Postgres>, after: u64) -> Self {
        let (log, state) = (postgres.shared.log.subscribe(), postgres.shared.state.subscribe());
        Self { postgres, log, state, after }
    }

    pub(crate) fn position(&self) -> u64 {
        self.after
    }

    pub(crate) async fn next(&mut self) -> Result<Vec<Change>, StoreError> {
        loop {
            let log = *self.log.borrow_and_update();
            if log.closed {
                return Err(StoreError::Closed);
            }
            // Another process may have handed out a position that this one has not heard of yet.
            if self.after > log.head.newest && self.after > self.postgres.position().await? {
                return Err(StoreError::Future);
            }
            if self.after < log.head.newest {
                tokio::task::consume_budget().await;
                let asked = Asked::begin("postgresql", self.postgres.shared.table.name, "changes");
                let changes = self.read(log.head.newest).await;
                asked.answered(&changes, Vec::len);
                return changes;
            }
            // One that is away is waited for; one that will not come back by itself is not.
            if let State::Down(why) = &*self.state.borrow_and_update()
                && why.is_lasting()
            {
                return Err(why.clone());
            }
            let told = tokio::select! {
                told = self.log.changed() => told,
                told = self.state.changed() => told,
            };
            if told.is_err() {
                return Err(StoreError::Closed);
            }
        }
    }

    async fn read(&mut self, newest: u64) -> Result<Vec<Change>, StoreError> {
        let changes = self.reading(newest).await?;
        self.after += u64::try_from(changes.len()).unwrap_or_default();
        Ok(changes)
    }

    /// Who reads the same at the same time reads it once. It goes on whoever stops waiting for it.
    fn reading(&self, newest: u64) -> Reading {
        let mut running = self.postgres.reading.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((after, until, reading)) = &*running
            && (*after, *until) == (self.after, newest)
            && let Some(reading) = reading.upgrade()
        {
            return reading;
        }
        let (postgres, after) = (Arc::clone(&self.postgres), self.after);
        let engine = postgres.shared.connector.engine.clone();
        let task = engine.spawn(async move { read_log(&postgres, after, newest).await });
        let reading = async move { task.await.unwrap_or(Err(StoreError::Closed)) }.boxed().shared();
        *running = reading.downgrade().map(|reading| (after, newest, reading));
        reading
    }
}

/// What was committed since `newest` became known is left for the next time: whoever resumes from a position must
/// find it told.
async fn read_log(postgres: &Postgres, after: u64, newest: u64) -> Result<Vec<Change>, StoreError> {
    let from = i64::try_from(after).unwrap_or(i64::MAX);
    let rows = postgres.ask(&postgres.shared.sql.changes, &[&from, &ROWS, &BYTES], &Asked::default()).await?;
    let mut changes = rows.iter().map(read::change).collect::<Result<Vec<_>, _>>()?;
    changes.retain(|change| change.position <= newest);
    // Positions have no gaps, so one at the start is what was dropped from the log.
    let first = changes.first().ok_or(StoreError::Corrupt)?.position;
    if first != after + 1 {
        return Err(StoreError::Compacted { oldest: first });
    }
    if !changes.iter().zip(first..).all(|(change, position)| change.position == position) {
        return Err(StoreError::Corrupt);
    }
    Ok(changes)
}
