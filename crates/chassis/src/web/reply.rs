//! The body of a reply.

use super::meter::Meter;
use crate::{panics, serve::Open};
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use std::{
    pin::Pin,
    task::{Context, Poll},
};
use tonic::{Status, body::Body};

/// What hyper sends after the head of a reply. An error in it cuts the reply off, so that nobody takes it for whole.
pub(crate) struct ReplyBody {
    inner: Body,
    /// Gone when the request is over.
    meter: Option<Meter>,
    open: Option<Open>,
}

impl ReplyBody {
    pub(super) fn new(inner: Body, meter: Option<Meter>, open: Option<Open>) -> Self {
        Self { inner, meter, open }
    }

    fn end(&mut self) {
        (self.meter, self.open) = (None, None);
    }
}

impl HttpBody for ReplyBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        let Some(meter) = &this.meter else { return Poll::Ready(None) };
        let entered = meter.enter();
        let polled = panics::contain(|| Pin::new(&mut this.inner).poll_frame(cx));
        drop(entered);
        let next = match polled {
            Ok(Poll::Ready(Some(Ok(frame)))) => match frame.into_data() {
                Ok(data) => Some(meter.caller.share().until_sent(data).map(Frame::data)),
                Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
            },
            Ok(Poll::Ready(None)) => None,
            Ok(Poll::Ready(Some(Err(status)))) => Some(Err(status)),
            Ok(Poll::Pending) => match meter.ending() {
                Some(why) => Some(Err(why.status())),
                None => return Poll::Pending,
            },
            Err(panic) => Some(Err(meter.panicked(&panic))),
        };
        if !matches!(next, Some(Ok(_))) {
            this.end();
        }
        Poll::Ready(next)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
