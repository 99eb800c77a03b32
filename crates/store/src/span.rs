//! Spans of what is asked of the database (OpenTelemetry semantic conventions for databases). They are made for sampled
//! calls only, and hold no value of any record.

use campus_call::SPANS;
use tracing::{Span, field::Empty};

use crate::StoreError;

/// A request to the database that is under way; nothing for calls that are not sampled.
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
            campus.store.queue_us = Empty,
            campus.store.commit_us = Empty,
        )))
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

fn kind(error: &StoreError) -> &'static str {
    match error {
        StoreError::Overloaded { .. } => "overloaded",
        StoreError::Full => "full",
        StoreError::ReadOnly => "read_only",
        StoreError::Locked => "locked",
        StoreError::Corrupt => "corrupt",
        StoreError::Unavailable(_) => "unavailable",
        _ => "other",
    }
}
