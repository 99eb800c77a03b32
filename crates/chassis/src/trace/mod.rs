//! Where a call stands in a trace, and the span that is made of it when it is sampled.

mod context;
mod span;

pub use campus_telemetry::Sampler;
pub(crate) use span::CallSpan;

use campus_call::{Peer, Trace};
use http::HeaderMap;
use opentelemetry::{Context, trace::TraceContextExt};

/// Traces calls. Without a [`Sampler`] no span is made, and callers' traces are passed on all the same.
#[derive(Clone, Copy, Debug)]
pub struct Tracer {
    sampler: Option<Sampler>,
    propagates: bool,
}

impl Default for Tracer {
    fn default() -> Self {
        Self { sampler: None, propagates: true }
    }
}

/// What a span says of a call from its start.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Labels<'a> {
    /// Of a gRPC call.
    Rpc { service: &'a str, method: &'a str, request_id: &'a str, peer: &'a Peer },
    /// Of a request that is none.
    Web { method: &'a str, request_id: &'a str, peer: &'a Peer },
}

impl Tracer {
    /// Makes spans of the calls that `sampler` picks; `propagates` says whether `traceparent` is read.
    #[must_use]
    pub fn new(sampler: Option<Sampler>, propagates: bool) -> Self {
        Self { sampler, propagates }
    }

    /// Places a call in its trace, and begins its span if it is sampled. `headers` are those of a caller that traces.
    /// Whether a call is sampled costs no more than two random numbers; nothing is made of calls that are not.
    pub(crate) fn begin(&self, headers: Option<&HeaderMap>, labels: &Labels<'_>) -> (Option<Trace>, Option<CallSpan>) {
        let headers = headers.filter(|_| self.propagates);
        let parent = headers.and_then(context::parent);
        let Some(sampler) = self.sampler else { return (parent, None) };
        let trace_id = parent.map_or_else(|| fastrand::u128(1..), |parent| parent.trace_id);
        if sampler.samples(parent.map(|parent| parent.sampled), trace_id) {
            let (trace, span) = CallSpan::begin(trace_id, parent.zip(headers), labels);
            return (Some(trace), Some(span));
        }
        let span_id = parent.map_or_else(|| fastrand::u64(1..), |parent| parent.span_id);
        (Some(Trace { trace_id, span_id, sampled: false }), None)
    }
}

/// Writes `traceparent` (and `tracestate`) for a request that is sent on behalf of the call that is being served; nothing
/// outside of one.
pub fn inject(headers: &mut HeaderMap) {
    if let Some(trace) = campus_call::current().and_then(|call| call.trace()) {
        let state = Context::map_current(|context| context.span().span_context().trace_state().clone());
        context::write(trace, &state, headers);
    }
}
