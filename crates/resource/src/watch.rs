//! Watch: committed changes, each once, in order.

use std::collections::VecDeque;

use bytes::Bytes;
use campus_proto::standard::{ChangeType, WatchRequest, WatchResponse};
use campus_store::{Change, ChangeKind, Changes, Expr};
use futures_util::{Stream, stream};
use prost_types::Timestamp;
use tokio::{sync::watch, time};

use crate::{collection::Collection, error::Error, filter, record, token};

impl Collection {
    /// Every change after the resume token, each once and in commit order; first, and when nothing happens, marks of
    /// progress. Ends only with an error.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Expired`]; the stream's items fail with the same, [`Error::Stopping`], or what the
    /// store failed with.
    pub async fn watch(
        &self,
        request: &WatchRequest,
    ) -> Result<impl Stream<Item = Result<WatchResponse, Error>> + Send + use<>, Error> {
        let filter = filter::parse(&self.kind, &request.filter)?;
        let newest = self.store.position().await?;
        let store = self.store.id().await?;
        let from =
            if request.resume_token.is_empty() { newest } else { token::read_resume(store, &request.resume_token)? };
        if from > newest {
            return Err(Error::Expired);
        }
        let mut watching = Watching {
            collection: self.clone(),
            store,
            changes: self.store.changes(from),
            filter,
            ready: VecDeque::new(),
            position: from,
            stopping: self.stopping(),
        };
        watching.ready.push_back(watching.mark());
        Ok(stream::try_unfold(watching, async |mut watching| {
            let response = watching.next().await?;
            Ok(Some((response, watching)))
        }))
    }
}

struct Watching {
    collection: Collection,
    /// The identity of the database.
    store: u64,
    changes: Changes,
    filter: Option<Expr>,
    ready: VecDeque<WatchResponse>,
    /// Everything up to here has been sent, or does not match.
    position: u64,
    stopping: watch::Receiver<bool>,
}

impl Watching {
    async fn next(&mut self) -> Result<WatchResponse, Error> {
        let idle = self.collection.limits.watch_mark;
        let mut stopping = self.stopping.clone();
        loop {
            if let Some(response) = self.ready.pop_front() {
                return Ok(response);
            }
            let changes = tokio::select! {
                biased;
                _ = stopping.wait_for(|stopping| *stopping) => return Err(Error::Stopping),
                changes = time::timeout(idle, self.changes.next()) => changes,
            };
            match changes {
                Ok(changes) => self.take(changes?),
                Err(_idle) => return Ok(self.mark()),
            }
        }
    }

    fn take(&mut self, changes: Vec<Change>) {
        for change in changes {
            self.position = change.position;
            let (change_type, record) = match self.seen(&change) {
                Some(ChangeType::Deleted) => {
                    (ChangeType::Deleted, record::name_only(&self.collection.kind, &change.key))
                }
                Some(change_type) => (change_type, change.body),
                None => continue,
            };
            self.ready.push_back(self.response(change_type, Some(record), change.at));
        }
    }

    /// What a change is to somebody who sees only the records that match.
    fn seen(&self, change: &Change) -> Option<ChangeType> {
        let happened = match change.kind {
            ChangeKind::Created => ChangeType::Created,
            ChangeKind::Updated => ChangeType::Updated,
            ChangeKind::Deleted => ChangeType::Deleted,
        };
        let Some(filter) = &self.filter else { return Some(happened) };
        let kind = &self.collection.kind;
        let matches = |body: &Bytes| filter.matches(&change.key, &kind.values(body));
        if happened == ChangeType::Deleted {
            return matches(&change.body).then_some(ChangeType::Deleted);
        }
        if matches(&change.body) {
            return Some(happened);
        }
        // It stopped matching: to this watcher it is gone.
        change.previous.as_ref().is_some_and(matches).then_some(ChangeType::Deleted)
    }

    /// How far the watch is.
    fn mark(&self) -> WatchResponse {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        self.response(ChangeType::Unspecified, None, i64::try_from(now.as_nanos()).unwrap_or(i64::MAX))
    }

    /// `at` is in nanoseconds since 1970.
    fn response(&self, change_type: ChangeType, record: Option<Bytes>, at: i64) -> WatchResponse {
        let nanos = i32::try_from(at.rem_euclid(1_000_000_000)).unwrap_or_default();
        WatchResponse {
            change_type: change_type.into(),
            record,
            resume_token: token::resume(self.store, self.position),
            change_time: Some(Timestamp { seconds: at.div_euclid(1_000_000_000), nanos }),
        }
    }
}
