//! The body of a request.

use super::Notice;
use crate::{
    call::{Caller, Held},
    serve::Open,
};
use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use std::{
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::time::{Sleep, sleep};
use tonic::Status;

/// The body of a request, as it comes. Its sender waits while nobody reads it.
#[derive(Debug)]
pub struct WebBody {
    inner: Incoming,
    caller: Arc<Caller>,
    /// Learns that something is left of the body when it is dropped, where the next request is behind it.
    open: Option<Open>,
    ended: bool,
    /// The longest pause between two parts.
    pause: Duration,
    /// Runs while a part is waited for.
    late: Option<Pin<Box<Sleep>>>,
}

/// Why a body does not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// Nothing came for as long as the server waits (`server.max_body_pause`).
    #[error("nothing came of it for {} ms", .0.as_millis())]
    Late(Duration),
    /// The client has left in the middle of it, or broke the protocol.
    #[error(transparent)]
    Broken(#[from] hyper::Error),
}

/// Why a body cannot be had.
#[derive(Debug)]
pub enum ReadError {
    /// It is larger than it may be.
    TooLarge,
    /// It does not come to its end.
    Broken(BodyError),
    /// The server holds as many bytes as it may.
    Full(Status),
}

impl WebBody {
    pub(crate) fn new(inner: Incoming, caller: &Arc<Caller>, pause: Duration, open: Option<Open>) -> Self {
        Self { ended: inner.is_end_stream(), inner, caller: Arc::clone(caller), open, pause, late: None }
    }

    /// Tells the reply to this request when it has to end.
    #[must_use]
    pub fn notice(&self) -> Notice {
        Notice::new(&self.caller)
    }

    /// Reads all of it; its bytes count as the server's (`max_buffered`) while they are held.
    ///
    /// # Errors
    /// [`ReadError`], when more than `limit` bytes come, or too few.
    pub async fn read(mut self, limit: usize) -> Result<Bytes, ReadError> {
        let hint = self.inner.size_hint();
        let announced = usize::try_from(hint.lower()).unwrap_or(usize::MAX);
        if announced > limit {
            return Err(ReadError::TooLarge);
        }
        let (mut first, mut all, mut held) = (Bytes::new(), BytesMut::new(), Held::nothing(self.caller.share()));
        while let Some(data) = self.next().await? {
            if first.len() + all.len() + data.len() > limit {
                return Err(ReadError::TooLarge);
            }
            if first.is_empty() && all.is_empty() {
                first = data;
                continue;
            }
            if all.is_empty() {
                all.reserve(announced.max(first.len() + data.len()));
                all.extend_from_slice(&std::mem::take(&mut first));
            }
            all.extend_from_slice(&data);
            held.hold(all.capacity()).map_err(ReadError::Full)?;
        }
        let whole = if all.is_empty() { first } else { all.freeze() };
        drop(held);
        self.caller.share().until_sent(whole).map_err(ReadError::Full)
    }

    async fn next(&mut self) -> Result<Option<Bytes>, ReadError> {
        while let Some(frame) = poll_fn(|cx| Pin::new(&mut *self).poll_frame(cx)).await {
            let frame = frame.map_err(ReadError::Broken)?;
            if let Ok(data) = frame.into_data() {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }
}

impl Body for WebBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(cx) {
            self.late = None;
            self.ended |= frame.is_none();
            return Poll::Ready(frame.map(|frame| frame.map_err(BodyError::Broken)));
        }
        let pause = self.pause;
        ready!(self.late.get_or_insert_with(|| Box::pin(sleep(pause))).as_mut().poll(cx));
        Poll::Ready(Some(Err(BodyError::Late(pause))))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for WebBody {
    fn drop(&mut self) {
        if let Some(open) = self.open.as_ref().filter(|_| !self.ended && !self.inner.is_end_stream()) {
            open.leave_unread();
        }
    }
}
