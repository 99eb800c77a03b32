//! The body of a reply: passes messages on, and ends the call as the deadline, a panic, a limit or the stop demand.

use super::{
    Encoding, Meter,
    frames::{Fault, Frames, PREFIX, messages},
    metadata,
};
use crate::{panics, status};
use bytes::{BufMut, Bytes, BytesMut};
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
    packer: Option<Packer>,
}

impl ReplyBody {
    /// The body of a call that is already counted as ended.
    pub(super) fn plain(inner: Body) -> Self {
        Self { inner, ..Self::default() }
    }

    /// The body of a call that still runs, its messages to be compressed or not.
    pub(super) fn measured(inner: Body, meter: Option<Meter>, encoding: Option<Encoding>) -> Self {
        let packer = encoding.map(|encoding| Packer { encoding, begun: BytesMut::new() });
        Self { inner, meter, frames: Frames::default(), packer }
    }

    /// The end of the call: what the service still had to say is dropped.
    fn end(&mut self, status: &Status) -> Polled {
        let mut trailers = HeaderMap::with_capacity(8);
        if status.add_header(&mut trailers).is_err() {
            trailers.insert(&super::GRPC_STATUS, (status.code() as i32).into());
        }
        if let Some(mut meter) = self.meter.take() {
            if let Err(panic) = panics::contain(|| self.inner = Body::empty()) {
                meter.panicked(&panic);
            }
            metadata::end(&mut meter, &mut trailers);
        }
        Poll::Ready(Some(Ok(Frame::trailers(trailers))))
    }

    /// Passes on what came from the service, if it may be passed on.
    fn pass(&mut self, frame: Frame<Bytes>) -> Polled {
        let data = match (frame.into_data(), &mut self.meter) {
            (Ok(data), Some(_)) => data,
            (Ok(data), None) => return Poll::Ready(Some(Ok(Frame::data(data)))),
            (Err(mut frame), meter) => {
                if let (Some(trailers), Some(mut meter)) = (frame.trailers_mut(), meter.take()) {
                    metadata::end(&mut meter, trailers);
                }
                return Poll::Ready(Some(Ok(frame)));
            }
        };
        match self.data(data) {
            Ok(data) => Poll::Ready(Some(Ok(Frame::data(data)))),
            Err(status) => self.end(&status),
        }
    }

    /// What goes out for `data` of the service.
    fn data(&mut self, mut data: Bytes) -> Result<Bytes, Status> {
        let Some(meter) = &self.meter else { return Ok(data) };
        if let Some(why) = meter.ending().filter(|_| meter.method.server_streaming) {
            return Err(why.status());
        }
        let limits = &meter.method.limits;
        if limits.message_out.is_some() || self.packer.is_some() {
            let limit = limits.message_out.unwrap_or(u32::MAX);
            self.frames.feed(&data, limit, true).map_err(|fault| match fault {
                Fault::TooLarge(size) => status::reply_too_large(size, limit),
                Fault::Flag(flag) => status::bad_flag(flag),
            })?;
        }
        if let Some(packer) = &mut self.packer {
            data = packer.pack(data, self.frames.begun(), limits.compress_over)?;
        }
        meter.caller.share.until_sent(data)
    }
}

/// Compresses messages, each by itself.
struct Packer {
    encoding: Encoding,
    /// The beginning of a message that is not whole yet.
    begun: BytesMut,
}

impl Packer {
    /// The messages that `data` completes, those of more than `over` bytes compressed; its last `rest` bytes begin a
    /// message.
    fn pack(&mut self, mut data: Bytes, rest: usize, over: u32) -> Result<Bytes, Status> {
        if !self.begun.is_empty() || rest > 0 {
            self.begun.extend_from_slice(&data);
            data = self.begun.split_to(self.begun.len().saturating_sub(rest)).freeze();
        }
        let mut out = BytesMut::with_capacity(data.len());
        for (packed, message) in messages(&data) {
            let start = out.len();
            out.put_bytes(0, PREFIX);
            let mut smaller = false;
            if !packed && message.len() >= over as usize {
                self.encoding.pack(message, &mut out).map_err(|_| status::cannot_compress())?;
                smaller = out.len() - start - PREFIX < message.len();
            }
            if !smaller {
                out.truncate(start + PREFIX);
                out.extend_from_slice(message);
            }
            // Smaller than a message, whose size fits.
            let size = u32::try_from(out.len() - start - PREFIX).unwrap_or(u32::MAX);
            if let Some(mut prefix) = out.get_mut(start..start + PREFIX) {
                prefix.put_u8(u8::from(packed || smaller));
                prefix.put_u32(size);
            }
        }
        Ok(out.freeze())
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
        let entered = meter.enter();
        let polled = panics::contain(|| Pin::new(&mut this.inner).poll_frame(cx));
        drop(entered);
        match polled {
            Ok(Poll::Ready(Some(Ok(frame)))) => this.pass(frame),
            Ok(Poll::Ready(Some(Err(status)))) => this.end(&status),
            Ok(Poll::Ready(None)) => {
                meter.end(Code::Unknown, meter.elapsed());
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
