//! The messages of a gRPC stream, out of the pieces that its body comes in.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes, BytesMut};
use http::HeaderMap;
use http_body::Body as _;
use tonic::{Code, Status, body::Body};

use crate::{
    grpc::{self, PREFIX},
    trouble,
};

/// The replies of a call, one after the other.
#[derive(Debug)]
pub(super) struct Source {
    /// None when it has come to its end.
    body: Option<Body>,
    piece: Bytes,
    /// What has come of a message that does not end in the piece it begins in.
    begun: BytesMut,
}

/// What comes next.
#[derive(Debug)]
pub(super) enum Next {
    Message(Bytes),
    /// There is no more, for this reason, with the metadata that came last.
    End(Status, HeaderMap),
}

impl Source {
    pub(super) fn new(body: Body) -> Self {
        Self { body: Some(body), piece: Bytes::new(), begun: BytesMut::new() }
    }

    /// The next message, or the end. Nothing is read from the server while this is not asked.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Next> {
        loop {
            match self.cut() {
                Ok(Some(message)) => return Poll::Ready(Next::Message(message)),
                Ok(None) => {}
                Err(status) => return Poll::Ready(self.end(status, HeaderMap::new())),
            }
            let Some(body) = &mut self.body else {
                return Poll::Ready(Next::End(Status::ok(""), HeaderMap::new()));
            };
            let frame = match ready!(Pin::new(body).poll_frame(cx)) {
                Some(Ok(frame)) => frame,
                Some(Err(told)) => return Poll::Ready(self.end(trouble::of_channel(&told), HeaderMap::new())),
                None => return Poll::Ready(self.end(grpc::cut_off(), HeaderMap::new())),
            };
            match frame.into_data() {
                Ok(data) => self.piece = data,
                Err(frame) => {
                    let trailers = frame.into_trailers().unwrap_or_default();
                    let status = Status::from_header_map(&trailers).unwrap_or_else(grpc::cut_off);
                    let whole = self.begun.is_empty() || status.code() != Code::Ok;
                    return Poll::Ready(self.end(if whole { status } else { grpc::cut_off() }, trailers));
                }
            }
        }
    }

    fn end(&mut self, status: Status, trailers: HeaderMap) -> Next {
        self.body = None;
        (self.piece, self.begun) = (Bytes::new(), BytesMut::new());
        Next::End(status, trailers)
    }

    /// A message that is whole. One that lies within a piece is not copied.
    fn cut(&mut self) -> Result<Option<Bytes>, Status> {
        if self.begun.is_empty() {
            match grpc::size(&self.piece)? {
                Some(size) if self.piece.len() >= PREFIX + size => {
                    self.piece.advance(PREFIX);
                    return Ok(Some(self.piece.split_to(size)));
                }
                _ => {}
            }
        }
        // No more is taken than this message needs.
        let mut needed = grpc::size(&self.begun)?.map_or(PREFIX, |size| PREFIX + size);
        loop {
            let taken = needed.saturating_sub(self.begun.len()).min(self.piece.len());
            self.begun.extend_from_slice(&self.piece.split_to(taken));
            if self.begun.len() < needed {
                return Ok(None);
            }
            let whole = grpc::size(&self.begun)?.map_or(PREFIX, |size| PREFIX + size);
            if whole == needed {
                break;
            }
            needed = whole;
        }
        self.begun.advance(PREFIX);
        Ok(Some(self.begun.split().freeze()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::StreamBody;
    use std::convert::Infallible;

    fn framed(messages: &[&[u8]]) -> Vec<u8> {
        let mut all = Vec::new();
        for message in messages {
            let mut frame = grpc::frame();
            frame.extend_from_slice(message);
            all.extend_from_slice(&grpc::sealed(frame));
        }
        all
    }

    async fn read(bytes: &[u8], piece: usize, trailers: &[(&'static str, &'static str)]) -> (Vec<Vec<u8>>, Status) {
        let trailers = trailers
            .iter()
            .map(|(name, value)| (http::HeaderName::from_static(name), http::HeaderValue::from_static(value)));
        let pieces = bytes.chunks(piece).map(|piece| http_body::Frame::data(Bytes::copy_from_slice(piece)));
        let frames: Vec<Result<_, Infallible>> =
            pieces.chain([http_body::Frame::trailers(trailers.collect())]).map(Ok).collect();
        let mut source = Source::new(Body::new(StreamBody::new(futures_util::stream::iter(frames))));
        let mut messages = Vec::new();
        loop {
            match std::future::poll_fn(|cx| source.poll_next(cx)).await {
                Next::Message(message) => messages.push(message.to_vec()),
                Next::End(status, _) => return (messages, status),
            }
        }
    }

    #[tokio::test]
    async fn messages_are_found_however_their_bytes_are_cut() {
        let messages: [&[u8]; 4] = [b"one", b"", b"a longer one that is cut", b"x"];
        let bytes = framed(&messages);
        for piece in 1..=bytes.len() {
            let (found, status) = read(&bytes, piece, &[("grpc-status", "0")]).await;
            assert_eq!((found, status.code()), (messages.map(<[u8]>::to_vec).to_vec(), Code::Ok), "pieces of {piece}");
        }
    }

    #[tokio::test]
    async fn a_stream_without_its_end_is_cut_off_and_is_not_taken_for_whole() {
        let bytes = framed(&[b"one", b"two"]);
        for (bytes, trailers) in [(&bytes[..], &[][..]), (&bytes[..bytes.len() - 1], &[("grpc-status", "0")][..])] {
            for piece in 1..=bytes.len() {
                assert_eq!(read(bytes, piece, trailers).await.1.code(), Code::Unavailable, "pieces of {piece}");
            }
        }
        let (found, status) = read(&bytes, 3, &[("grpc-status", "11")]).await;
        assert_eq!((found.len(), status.code()), (2, Code::OutOfRange));
    }
}
