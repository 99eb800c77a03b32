//! The body of a request, as services receive it.

use super::frames::Frames;
use crate::status;
use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};
use tonic::{Code, Status};

/// The request body that reaches a service: refuses a message that is over the limit before it is read, and passes a
/// message on when all of it is here. Who reads a message makes room for all of it when the prefix is seen, and a prefix
/// costs its sender five bytes.
#[derive(Debug)]
pub struct RequestBody {
    inner: Incoming,
    frames: Frames,
    limit: u32,
    /// The beginning of a message that is not whole yet.
    begun: BytesMut,
    /// What is passed on next.
    next: Option<Bytes>,
}

impl RequestBody {
    /// Bytes a single message may have: `limit`.
    pub(crate) fn new(inner: Incoming, limit: u32) -> Self {
        Self { inner, frames: Frames::default(), limit, begun: BytesMut::new(), next: None }
    }

    /// Takes what came; gives what can be passed on.
    fn take(&mut self, mut data: Bytes) -> Result<Option<Bytes>, Status> {
        self.frames.feed(&data, self.limit).map_err(|size| status::request_too_large(size, self.limit))?;
        let whole = data.len().saturating_sub(self.frames.begun());
        let rest = data.split_off(whole);
        if data.is_empty() {
            self.begun.extend_from_slice(&rest);
            return Ok(None);
        }
        let before = std::mem::take(&mut self.begun).freeze();
        self.begun.extend_from_slice(&rest);
        if before.is_empty() {
            return Ok(Some(data));
        }
        self.next = Some(data);
        Ok(Some(before))
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        if let Some(next) = this.next.take() {
            return Poll::Ready(Some(Ok(Frame::data(next))));
        }
        loop {
            let came = ready!(Pin::new(&mut this.inner).poll_frame(cx)).transpose().map_err(broken);
            let passed = match came.map(|frame| frame.map(Frame::into_data)) {
                Err(status) => Err(status),
                Ok(Some(Ok(data))) => match this.take(data) {
                    Ok(None) => continue,
                    Ok(Some(data)) => Ok(Some(Frame::data(data))),
                    Err(status) => Err(status),
                },
                Ok(None | Some(Err(_))) if this.frames.begun() > 0 => Err(status::request_cut_short()),
                Ok(Some(Err(trailers))) => Ok(Some(trailers)),
                Ok(None) => Ok(None),
            };
            return Poll::Ready(passed.transpose());
        }
    }

    fn is_end_stream(&self) -> bool {
        self.next.is_none() && self.begun.is_empty() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

/// tonic reads CANCELLED here as the regular end of the stream; a client that resets would seem to have said all it wanted.
fn broken(error: hyper::Error) -> Status {
    match Status::from_error(Box::new(error)) {
        status if status.code() == Code::Cancelled => Status::aborted("the client left in the middle of its request"),
        status => status,
    }
}
