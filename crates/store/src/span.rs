//! Spans of what is asked of the database (OpenTelemetry semantic conventions for databases). They are made for sampled
//! calls only, and hold no value of any record.

use campus_call::SPANS;
use std::time::Instant;

use tokio::sync::oneshot;
use tracing::{Span, field::Empty};

use crate::{Outcome, StoreError};

/// A request to the database that is under way; nothing for calls that are not sampled.
#[derive(Default)]
pub(crate) struct Asked(Option<Span>);

impl Asked {
    pub(crate) fn begin(system: &'static str, table: &'static str, operation: &'static str) -> Self {
        if !campus_call::is_sampled() {
            return Self(None);
        }
        Self(Some(tracing::info_span!(
            target: SPANS,
            "database",
            otel.name = %format_args!("{operation} {table}"),
            otel.kind = "client",
            otel.status_code = Empty,
            db.system.name = system,
            db.operation.name = operation,
            db.collection.name = table,
            db.response.returned_rows = Empty,
            "error.type" = Empty,
            campus.store.wait_us = Empty,
            campus.store.queue_us = Empty,
            campus.store.commit_us = Empty,
        )))
    }

    /// The request has the connection that it waited for since then.
    pub(crate) fn waited(&self, since: Instant) {
        if let Some(span) = &self.0 {
            span.record("campus.store.wait_us", micros(since));
        }
    }

    /// The two ends of a writer's answer to this request.
    pub(crate) fn reply(&self) -> (Reply, oneshot::Receiver<Answer>) {
        let (to, answer) = oneshot::channel();
        (Reply { to, watched: self.0.clone().map(|span| (span, Instant::now())) }, answer)
    }

    /// Ends the span with what it came to.
    pub(crate) fn answered<T>(self, answer: &Result<T, StoreError>, rows: impl FnOnce(&T) -> usize) {
        let Some(span) = self.0 else { return };
        match answer {
            Ok(found) => {
                span.record("db.response.returned_rows", rows(found));
            }
            Err(error) => {
                span.record("otel.status_code", "ERROR");
                span.record("error.type", kind(error));
            }
        }
    }
}

type Answer = Result<Vec<Outcome>, StoreError>;

/// Where a writer puts its answer. For sampled calls it tells how long the request waited, and for what.
pub(crate) struct Reply {
    to: oneshot::Sender<Answer>,
    /// Since when it waits.
    watched: Option<(Span, Instant)>,
}

impl Reply {
    /// Whether the caller is gone.
    pub(crate) fn is_closed(&self) -> bool {
        self.to.is_closed()
    }

    /// The writer begins with the request.
    pub(crate) fn taken(&mut self) {
        if let Some((span, since)) = &mut self.watched {
            span.record("campus.store.queue_us", micros(*since));
            *since = Instant::now();
        }
    }

    /// The writer is done with the request.
    ///
    /// # Errors
    /// The answer, if the caller is gone.
    pub(crate) fn send(self, answer: Answer) -> Result<(), Answer> {
        if let Some((span, since)) = self.watched {
            span.record("campus.store.commit_us", micros(since));
        }
        self.to.send(answer)
    }
}

impl From<oneshot::Sender<Answer>> for Reply {
    fn from(to: oneshot::Sender<Answer>) -> Self {
        Self { to, watched: None }
    }
}

fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}

fn kind(error: &StoreError) -> &'static str {
    match error {
        StoreError::Overloaded { .. } => "overloaded",
        StoreError::Full => "full",
        StoreError::ReadOnly(_) => "read_only",
        StoreError::Locked => "locked",
        StoreError::Corrupt | StoreError::Gone(_) => "corrupt",
        StoreError::Disk(_) | StoreError::Unavailable(_) | StoreError::Unknown | StoreError::Refused(_) => {
            "unavailable"
        }
        _ => "other",
    }
}
