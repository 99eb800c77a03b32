//! Ids of traces and spans.

use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry_sdk::trace::IdGenerator;
use std::cell::Cell;

thread_local! {
    static NEXT: Cell<Option<u128>> = const { Cell::new(None) };
}

/// Runs `start`; a trace that begins in it gets this id. Whether a trace is sampled depends on its id and is decided before
/// its first span is made, so the span has to take the id the decision was made on.
pub fn with_trace_id<T>(id: u128, start: impl FnOnce() -> T) -> T {
    NEXT.set(Some(id));
    let started = start();
    NEXT.set(None);
    started
}

/// Random ids, but for what [`with_trace_id`] says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ids;

impl IdGenerator for Ids {
    fn new_trace_id(&self) -> TraceId {
        TraceId::from(NEXT.take().unwrap_or_else(|| fastrand::u128(1..)))
    }

    fn new_span_id(&self) -> SpanId {
        SpanId::from(fastrand::u64(1..))
    }
}
