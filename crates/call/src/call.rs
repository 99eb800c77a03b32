use crate::{BadMetadata, Peer, RequestId, trailers::Trailers};
use http::{HeaderMap, HeaderValue};
use std::sync::Arc;
use tokio::time::Instant;

/// One call. Clones are the same call.
#[derive(Clone, Debug)]
pub struct Call(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    request_id: RequestId,
    deadline: Option<Instant>,
    peer: Arc<Peer>,
    trace: Option<Trace>,
    trailers: Trailers,
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
    pub fn builder(request_id: impl Into<RequestId>, peer: Arc<Peer>) -> CallBuilder {
        let request_id = request_id.into();
        CallBuilder(Inner { request_id, deadline: None, peer, trace: None, trailers: Trailers::default() })
    }

    /// Names the call in logs, errors and spans. Given by the client or made by the server; visible ASCII.
    #[must_use]
    pub fn request_id(&self) -> &str {
        self.0.request_id.as_str()
    }

    /// The same as a header carries it.
    #[must_use]
    pub fn request_id_header(&self) -> HeaderValue {
        self.0.request_id.header()
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

    /// Adds to the trailing metadata of the reply, whether the call succeeds or fails.
    ///
    /// # Errors
    /// [`BadMetadata`] for a key that is malformed, reserved, or ends in `-bin`, and for a value that is not printable ASCII.
    pub fn add_trailer(&self, key: &str, value: &str) -> Result<(), BadMetadata> {
        self.0.trailers.text(key, value)
    }

    /// As [`add_trailer`](Self::add_trailer), for bytes; the key ends in `-bin`.
    ///
    /// # Errors
    /// [`BadMetadata`] for a key that is malformed, reserved, or does not end in `-bin`.
    pub fn add_binary_trailer(&self, key: &str, value: &[u8]) -> Result<(), BadMetadata> {
        self.0.trailers.bytes(key, value)
    }

    /// The trailing metadata added so far, as headers; it is not there a second time.
    #[must_use]
    pub fn take_trailers(&self) -> HeaderMap {
        self.0.trailers.take()
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
