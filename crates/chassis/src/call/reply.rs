//! The body of a reply: passes messages on, and ends the call as the deadline, a panic, a limit or the stop demand.

use super::{Meter, code, frames::Frames};
use crate::{panics, status};
use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as HttpBody, Frame, SizeHint};
use std::{
    pin::Pin,
    task::{Context, Poll},
};
use tonic::{Code, Status, body::Body};

type Polled = Poll<Option<Result<Frame<Bytes>, Status>>>;

/// What hyper sends after the head of a reply.
#[derive(Default)]
pub(crate) struct ReplyBody {
    inner: Body,
    /// Gone when the call is over.
    meter: Option<Meter>,
    frames: Frames,
}

impl ReplyBody {
    /// The body of a call that is already counted as ended.
    pub(super) fn plain(inner: Body) -> Self {
        Self { inner, ..Self::default() }
    }

    /// The body of a call that still runs.
    pub(super) fn measured(inner: Body, meter: Option<Meter>) -> Self {
        Self { inner, meter, frames: Frames::default() }
    }

    /// The end of the call: what the service still had to say is dropped.
    fn end(&mut self, status: &Status) -> Polled {
        if let Some(mut meter) = self.meter.take() {
            if let Err(panic) = panics::contain(|| self.inner = Body::empty()) {
                meter.panicked(&panic);
            }
            meter.end(status.code());
        }
        let mut trailers = HeaderMap::with_capacity(4);
        if status.add_header(&mut trailers).is_err() {
            trailers.insert(&super::GRPC_STATUS, (status.code() as i32).into());
        }
        Poll::Ready(Some(Ok(Frame::trailers(trailers))))
    }

    /// Passes on what came from the service, if it may be passed on.
    fn pass(&mut self, frame: Frame<Bytes>) -> Polled {
        let Some(meter) = &mut self.meter else { return Poll::Ready(Some(Ok(frame))) };
        if let Some(trailers) = frame.trailers_ref() {
            meter.end(code(trailers).unwrap_or(Code::Unknown));
            self.meter = None;
            return Poll::Ready(Some(Ok(frame)));
        }
        if let Some(why) = meter.ending().filter(|_| meter.method.server_streaming) {
            return self.end(&why.status());
        }
        if let (Some(limit), Some(data)) = (meter.method.limits.message_out, frame.data_ref())
            && let Err(size) = self.frames.feed(data, limit)
        {
            return self.end(&status::reply_too_large(size, limit));
        }
        Poll::Ready(Some(Ok(frame)))
    }
}

impl HttpBody for ReplyBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled {
        let this = &mut *self;
        let Some(meter) = &mut this.meter else { return Pin::new(&mut this.inner).poll_frame(cx) };
        if meter.late() {
            return this.end(&status::deadline_exceeded());
        }
        match panics::contain(|| Pin::new(&mut this.inner).poll_frame(cx)) {
            Ok(Poll::Ready(Some(Ok(frame)))) => this.pass(frame),
            Ok(Poll::Ready(Some(Err(status)))) => this.end(&status),
            Ok(Poll::Ready(None)) => {
                meter.end(Code::Unknown);
                this.meter = None;
                Poll::Ready(None)
            }
            Ok(Poll::Pending) if meter.late() => this.end(&status::deadline_exceeded()),
            Ok(Poll::Pending) => match meter.ending() {
                Some(why) => this.end(&why.status()),
                None => Poll::Pending,
            },
            Err(panic) => {
                let status = meter.panicked(&panic);
                this.end(&status)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.meter.is_none() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}
