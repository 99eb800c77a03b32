//! Following the change log.

use std::sync::Arc;

use tokio::sync::watch;

use super::shared::Log;
use super::{Sqlite, read};
use crate::span::Asked;
use crate::{Change, StoreError};

pub(crate) struct SqliteChanges {
    sqlite: Arc<Sqlite>,
    log: watch::Receiver<Log>,
    after: u64,
}

impl SqliteChanges {
    pub(crate) fn new(sqlite: Arc<Sqlite>, after: u64) -> Self {
        let log = sqlite.shared.log.subscribe();
        Self { sqlite, log, after }
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
            if self.after > log.newest {
                return Err(StoreError::Future);
            }
            if self.after < log.newest {
                // A long log is read without waiting for anything; others want their turn too.
                tokio::task::consume_budget().await;
                let asked = Asked::begin("sqlite", self.sqlite.shared.table.name, "changes");
                let changes = self.read(log.newest);
                asked.answered(&changes, Vec::len);
                return changes;
            }
            if self.log.changed().await.is_err() {
                return Err(StoreError::Closed);
            }
        }
    }

    /// A commit can be read a moment before the writer has told of it. Such changes are left for the next time: whoever
    /// resumes from a position must find it told.
    fn read(&mut self, newest: u64) -> Result<Vec<Change>, StoreError> {
        let shared = &self.sqlite.shared;
        let mut changes = shared.readers.read(|connection| read::changes(connection, &shared.sql, self.after))?;
        changes.retain(|change| change.position <= newest);
        // Positions have no gaps, so one at the start is what was dropped from the log.
        let first = changes.first().ok_or(StoreError::Corrupt)?.position;
        if first != self.after + 1 {
            return Err(StoreError::Compacted { oldest: first });
        }
        if !changes.iter().zip(first..).all(|(change, position)| change.position == position) {
            return Err(StoreError::Corrupt);
        }
        self.after += u64::try_from(changes.len()).unwrap_or_default();
        Ok(changes)
    }
}
