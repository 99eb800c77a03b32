use crate::Peer;
use std::sync::Arc;
use tokio::time::Instant;

/// One call. Clones are the same call.
#[derive(Clone, Debug)]
pub struct Call(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    request_id: Box<str>,
    deadline: Option<Instant>,
    peer: Arc<Peer>,
    trace: Option<Trace>,
}

/// Where a call stands in a trace (W3C Trace Context, level 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    /// 16 bytes, not all zero.
    pub trace_id: u128,
    /// 8 bytes, not all zero: of the server's own span when there is one, else the caller's.
    pub span_id: u64,
    /// Whether spans are recorded.
    pub sampled: bool,
}

/// A [`Call`] that is being put together.
#[derive(Debug)]
pub struct CallBuilder(Inner);

impl Call {
    /// Begins with what every call has.
    #[must_use]
    pub fn builder(request_id: impl Into<Box<str>>, peer: Arc<Peer>) -> CallBuilder {
        CallBuilder(Inner { request_id: request_id.into(), deadline: None, peer, trace: None })
    }

    /// Names the call in logs, errors and spans. Given by the client or made by the server; visible ASCII.
    #[must_use]
    pub fn request_id(&self) -> &str {
        &self.0.request_id
    }

    /// When the answer is of no use any more.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.0.deadline
    }

    /// Who asks.
    #[must_use]
    pub fn peer(&self) -> &Peer {
        &self.0.peer
    }

    /// Where the call stands in a trace, if anybody traces.
    #[must_use]
    pub fn trace(&self) -> Option<Trace> {
        self.0.trace
    }

    /// Whether spans are recorded for this call.
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        self.0.trace.is_some_and(|trace| trace.sampled)
    }
}

impl CallBuilder {
    /// Sets the end of the call's time.
    #[must_use]
    pub fn deadline(mut self, deadline: Option<Instant>) -> Self {
        self.0.deadline = deadline;
        self
    }

    /// Sets where the call stands in a trace.
    #[must_use]
    pub fn trace(mut self, trace: Option<Trace>) -> Self {
        self.0.trace = trace;
        self
    }

    /// The call.
    #[must_use]
    pub fn build(self) -> Call {
        Call(Arc::new(self.0))
    }
}
