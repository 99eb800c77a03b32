//! The body of a request, as services receive it.

use super::{
    Encoding, Method, Share,
    buffers::Held,
    encoding::{Unpack, ZSTD_WINDOW_LOG},
    frames::{Fault, Frames, PREFIX, messages},
};
use crate::status;
use bytes::{BufMut, Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use tonic::{Code, Status};

/// Bytes of unpacked messages that are passed on at once.
const PIECE: usize = 64 << 10;

/// Where the bytes of a request come from.
#[derive(Debug)]
pub(crate) enum Source {
    /// Another process, or a socket of this one.
    Wire(hyper::body::Incoming),
    /// A caller in this process.
    Here(tonic::body::Body),
}

impl Source {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        match self {
            Self::Wire(body) => Pin::new(body).poll_frame(cx).map_err(|error| Status::from_error(Box::new(error))),
            Self::Here(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end(&self) -> bool {
        match self {
            Self::Wire(body) => body.is_end_stream(),
            Self::Here(body) => body.is_end_stream(),
        }
    }
}

/// The request body that reaches a service: refuses a message that is over the limit before it is read, and passes a
/// message on when all of it is here, unpacked. Who reads a message makes room for all of it when the prefix is seen, and
/// a prefix costs its sender five bytes.
#[derive(Debug)]
pub struct RequestBody {
    inner: Source,
    frames: Frames,
    limit: u32,
    /// Messages there may be.
    most: u64,
    encoding: Option<Encoding>,
    /// Whole messages, still to be unpacked.
    packed: Bytes,
    /// The beginning of a message that is not whole yet.
    begun: BytesMut,
    /// What is passed on next.
    next: Option<Bytes>,
    /// Counts what is begun, and what was put together and passed on last.
    held: Held,
    /// Messages that were unpacked.
    unpacked: u64,
}

impl RequestBody {
    /// Of a call of `method`; `encoding` is what compressed messages are compressed by.
    pub(crate) fn new(inner: Source, method: &Method, encoding: Option<Encoding>, share: &Arc<Share>) -> Self {
        let (frames, begun, held) = (Frames::default(), BytesMut::new(), Held::nothing(share));
        let most = if method.client_streaming { u64::MAX } else { 1 };
        Self {
            inner,
            frames,
            limit: method.limits.message_in,
            most,
            encoding,
            packed: Bytes::new(),
            begun,
            next: None,
            held,
            unpacked: 0,
        }
    }

    /// Messages passed on so far that their sender had compressed.
    #[must_use]
    pub fn unpacked_messages(&self) -> u64 {
        self.unpacked
    }

    /// Takes what came; gives what can be passed on.
    fn take(&mut self, mut data: Bytes) -> Result<Option<Bytes>, Status> {
        self.frames.feed(&data, self.limit, self.encoding.is_some()).map_err(|fault| match fault {
            Fault::TooLarge(size) => status::request_too_large(size, self.limit),
            Fault::Flag(flag) => status::bad_flag(flag),
        })?;
        if self.frames.messages() > self.most {
            return Err(status::too_many_messages());
        }
        let rest = data.split_off(data.len().saturating_sub(self.frames.begun()));
        if data.is_empty() {
            self.begun.extend_from_slice(&rest);
            return Ok(None);
        }
        let before = std::mem::take(&mut self.begun);
        // What was begun is whole now, and still held until the next is asked for.
        if !rest.is_empty() {
            self.begun.extend_from_slice(&rest);
            self.held.hold(before.capacity() + self.begun.capacity())?;
        }
        if let Some(encoding) = self.encoding {
            let mut packed = before;
            packed.extend_from_slice(&data);
            self.packed = packed.freeze();
            return self.unpack(encoding).map(Some);
        }
        if before.is_empty() {
            return Ok(Some(data));
        }
        self.next = Some(data);
        Ok(Some(before.freeze()))
    }

    /// The next of the packed messages, no more of them than make a piece: a few bytes can become many.
    fn unpack(&mut self, encoding: Encoding) -> Result<Bytes, Status> {
        let (mut out, mut read) = (BytesMut::new(), 0);
        for (packed, message) in messages(&self.packed) {
            let start = out.len();
            out.put_bytes(0, PREFIX);
            if packed {
                encoding.unpack(message, self.limit, &mut out).map_err(|unpack| match unpack {
                    Unpack::TooLarge => status::unpacked_too_large(self.limit),
                    Unpack::WindowTooLarge => status::window_too_large(ZSTD_WINDOW_LOG),
                    Unpack::Damaged => status::bad_compression(),
                })?;
            } else {
                out.extend_from_slice(message);
            }
            // Within the limit, which is such a number.
            let size = u32::try_from(out.len() - start - PREFIX).unwrap_or(u32::MAX);
            if let Some(mut prefix) = out.get_mut(start + 1..start + PREFIX) {
                prefix.put_u32(size);
            }
            self.unpacked += u64::from(packed);
            read += PREFIX + message.len();
            if out.len() >= PIECE {
                break;
            }
        }
        self.packed = self.packed.split_off(read);
        self.held.hold(self.packed.len() + self.begun.capacity() + out.capacity())?;
        Ok(out.freeze())
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
        if let Some(encoding) = this.encoding.filter(|_| !this.packed.is_empty()) {
            return Poll::Ready(Some(this.unpack(encoding).map(Frame::data)));
        }
        loop {
            // What was passed on last has been read, and what is begun grows.
            this.held.hold(this.begun.capacity())?;
            let came = ready!(this.inner.poll(cx)).transpose().map_err(broken);
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
        self.next.is_none() && self.packed.is_empty() && self.begun.is_empty() && self.inner.is_end()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

/// tonic reads CANCELLED here as the regular end of the stream; a client that resets would seem to have said all it wanted.
fn broken(status: Status) -> Status {
    match status {
        status if status.code() == Code::Cancelled => Status::aborted("the client left in the middle of its request"),
        status => status,
    }
}
