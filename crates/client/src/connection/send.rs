//! Sends the body of a request.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use h2::{Reason, SendStream};
use http_body::Body as _;
use tonic::{Status, body::Body};

/// Moves a body into its stream, no faster than the server takes it. Dropped before its end, the stream is reset.
#[derive(Debug)]
pub(crate) struct Send {
    body: Body,
    stream: SendStream<Bytes>,
    /// Read, and not sent: whether it is the last is not known.
    held: Option<Bytes>,
    has_begun: bool,
}

impl Send {
    pub(crate) fn new(body: Body, stream: SendStream<Bytes>) -> Self {
        Self { body, stream, held: None, has_begun: false }
    }

    fn send(&mut self, data: Bytes, is_last: bool) {
        self.has_begun = true;
        // A stream that is closed takes nothing: who reads the answer learns why.
        let _ = self.stream.send_data(data, is_last);
    }

    /// Waits for room. The first message goes without: h2 keeps it, as the caller did.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        if !self.has_begun {
            return Poll::Ready(true);
        }
        self.stream.reserve_capacity(1);
        while self.stream.capacity() == 0 {
            match ready!(self.stream.poll_capacity(cx)) {
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Poll::Ready(false),
            }
        }
        Poll::Ready(true)
    }
}

impl Future for Send {
    /// An error is of the body itself.
    type Output = Result<(), Status>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        loop {
            if this.held.is_some() && !ready!(this.poll_room(cx)) {
                return Poll::Ready(Ok(()));
            }
            // The next frame is asked for before this one goes: the last one says that it is.
            match Pin::new(&mut this.body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    let Ok(data) = frame.into_data() else { continue };
                    if let Some(held) = this.held.replace(data) {
                        this.send(held, false);
                    }
                }
                Poll::Ready(Some(Err(error))) => {
                    this.stream.send_reset(Reason::CANCEL);
                    return Poll::Ready(Err(error));
                }
                Poll::Ready(None) => {
                    let held = this.held.take().unwrap_or_default();
                    this.send(held, true);
                    return Poll::Ready(Ok(()));
                }
                Poll::Pending => {
                    if let Some(held) = this.held.take() {
                        this.send(held, false);
                    }
                    // Wakes when the server wants no more of it.
                    return this.stream.poll_reset(cx).map(|_| Ok(()));
                }
            }
        }
    }
}
