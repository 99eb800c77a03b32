//! How a call fails on its way.

use std::sync::Arc;

use h2::Reason;
use tonic::{Code, Status};

/// A call that did not begin: there is no connection to this endpoint any more. Nothing of it has left, so it may be sent
/// elsewhere, as often as need be (gRFC A6, transparent retries).
#[derive(Debug)]
pub(crate) struct NeverSent {
    /// Why.
    pub(crate) status: Status,
}

/// A call that ended before the head of an answer came.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What it says of the server.
    pub(crate) kind: FailureKind,
    /// What to tell the caller.
    pub(crate) status: Status,
}

/// What a failed call says of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailureKind {
    /// The server says that it has not begun: `REFUSED_STREAM`, or above the last stream of a GOAWAY (RFC 9113, 8.7). It may
    /// be sent once more (gRFC A6, transparent retries).
    Refused,
    /// The connection was lost; nobody knows what became of the call.
    Lost,
    /// The server reset this call.
    Reset,
    /// The request itself, or its body, is at fault, and not the server.
    Request,
}

impl Failure {
    /// The request cannot be sent to anybody.
    pub(super) fn request(error: &h2::Error) -> Self {
        let status = Status::internal(format!("the request is none of HTTP/2: {error}"));
        Self { kind: FailureKind::Request, status }
    }

    pub(crate) fn of(error: h2::Error, endpoint: &str) -> Self {
        let refused = error.is_reset() && error.reason() == Some(Reason::REFUSED_STREAM);
        let kind = if refused || (error.is_go_away() && error.is_remote()) {
            FailureKind::Refused
        } else if error.is_reset() && error.is_remote() {
            FailureKind::Reset
        } else {
            FailureKind::Lost
        };
        Self { kind, status: status(error, kind, endpoint) }
    }
}

/// What an error of HTTP/2 means for a call. Source: gRPC over HTTP/2, "Errors".
fn status(error: h2::Error, kind: FailureKind, endpoint: &str) -> Status {
    let reset = match error.reason() {
        Some(Reason::REFUSED_STREAM) => Code::Unavailable,
        Some(Reason::CANCEL) => Code::Cancelled,
        Some(Reason::ENHANCE_YOUR_CALM) => Code::ResourceExhausted,
        Some(Reason::INADEQUATE_SECURITY) => Code::PermissionDenied,
        _ => Code::Internal,
    };
    let (code, what) = match kind {
        FailureKind::Refused => (Code::Unavailable, "did not take the call"),
        FailureKind::Lost => (Code::Unavailable, "was lost during the call"),
        FailureKind::Reset | FailureKind::Request => (reset, "reset the call"),
    };
    let mut status = Status::new(code, format!("{endpoint} {what}: {error}"));
    status.set_source(Arc::new(error));
    status
}
