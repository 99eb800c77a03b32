//! The body of a request, as services receive it.

use super::frames::Frames;
use crate::status;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};
use tonic::{Code, Status};

/// The request body that reaches a service: refuses a message that is over the limit before it is read.
#[derive(Debug)]
pub struct RequestBody {
    inner: Incoming,
    frames: Frames,
    limit: u32,
}

impl RequestBody {
    /// Bytes a single message may have: `limit`.
    pub(crate) fn new(inner: Incoming, limit: u32) -> Self {
        Self { inner, frames: Frames::default(), limit }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        Poll::Ready(match ready!(Pin::new(&mut this.inner).poll_frame(cx)) {
            Some(Ok(frame)) => match frame.data_ref().map(|data| this.frames.feed(data, this.limit)) {
                Some(Err(size)) => Some(Err(status::request_too_large(size, this.limit))),
                _ => Some(Ok(frame)),
            },
            Some(Err(error)) => Some(Err(broken(error))),
            None => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// tonic reads CANCELLED here as the regular end of the stream; a client that resets would seem to have said all it wanted.
fn broken(error: hyper::Error) -> Status {
    match Status::from_error(Box::new(error)) {
        status if status.code() == Code::Cancelled => Status::aborted("the client left in the middle of its request"),
        status => status,
    }
}
