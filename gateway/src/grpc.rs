//! One call of gRPC, as bytes (gRPC over HTTP/2).

use std::{
    future::{poll_fn, ready},
    pin::Pin,
};

use bytes::{BufMut, Bytes, BytesMut};
use campus_client::Channel;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body::Body as _;
use http_body_util::{BodyExt, Empty, Full};
use tonic::{Code, Status, body::Body};
use tower::Service;

use crate::trouble;

/// Bytes before a message: a flag and its size.
pub(crate) const PREFIX: usize = 5;

/// Largest message of a reply, in bytes: what one takes into memory.
const LARGEST: usize = 256 << 20;

/// A reply of one message.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) message: Bytes,
    /// Metadata of the head.
    pub(crate) head: HeaderMap,
    /// Metadata behind the message.
    pub(crate) trailers: HeaderMap,
}

/// A call that failed.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) status: Status,
    /// Of the head, and of what was behind the messages.
    pub(crate) metadata: Box<[HeaderMap; 2]>,
}

impl Failed {
    pub(crate) fn new(status: Status, head: HeaderMap, trailers: HeaderMap) -> Self {
        Self { status, metadata: Box::new([head, trailers]) }
    }
}

impl From<Status> for Failed {
    fn from(status: Status) -> Self {
        Self::new(status, HeaderMap::new(), HeaderMap::new())
    }
}

/// Room for the prefix of a message that is to be appended.
pub(crate) fn frame() -> Vec<u8> {
    let mut frame = Vec::with_capacity(256);
    frame.extend_from_slice(&[0; PREFIX]);
    frame
}

/// Fills the prefix of a message in, which is all that stands behind it.
pub(crate) fn sealed(mut frame: Vec<u8>) -> Bytes {
    let size = u32::try_from(frame.len() - PREFIX).unwrap_or(u32::MAX);
    if let Some(mut place) = frame.get_mut(1..PREFIX) {
        place.put_u32(size);
    }
    frame.into()
}

/// The head of a call, with its metadata.
pub(crate) fn request(uri: Uri, mut metadata: HeaderMap, body: Body) -> Request<Body> {
    metadata.insert(header::TE, HeaderValue::from_static("trailers"));
    metadata.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    let mut request = Request::new(body);
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri;
    *request.headers_mut() = metadata;
    request
}

/// Calls a method that takes one message and answers with one.
pub(crate) async fn unary(channel: &Channel, uri: Uri, metadata: HeaderMap, frame: Bytes) -> Result<Reply, Failed> {
    one(channel, request(uri, metadata, Body::new(Full::new(frame)))).await
}

/// The answer to a call, or what a client may know of why there is none.
pub(crate) async fn sent(channel: &Channel, request: Request<Body>) -> Result<Response<Body>, Status> {
    channel.clone().call(request).await.map_err(|told| trouble::of_channel(&told))
}

/// Calls a method that answers with one message.
pub(crate) async fn one(channel: &Channel, request: Request<Body>) -> Result<Reply, Failed> {
    let response = sent(channel, request).await?;
    let (head, mut body) = opened(response)?;
    let mut message = None;
    let mut begun = BytesMut::new();
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        match frame.map_err(|told| trouble::of_channel(&told))?.into_data() {
            Ok(data) if message.is_none() => message = whole(&mut begun, &data)?,
            Ok(data) if data.is_empty() => {}
            Ok(_) => return Err(trouble::bad_reply("the service sent more than one message").into()),
            Err(frame) => {
                let trailers = frame.into_trailers().unwrap_or_default();
                return ended(head, trailers, message);
            }
        }
    }
    ended(head, HeaderMap::new(), message)
}

/// The head and the body of an answer that is one of gRPC and is no refusal.
pub(crate) fn opened(response: Response<Body>) -> Result<(HeaderMap, Body), Failed> {
    let (parts, body) = response.into_parts();
    if parts.status != StatusCode::OK {
        return Err(foreign(parts.status).into());
    }
    match Status::from_header_map(&parts.headers) {
        Some(status) if status.code() != Code::Ok => Err(Failed::new(status, HeaderMap::new(), parts.headers)),
        // Nothing comes behind such a head ("Trailers-Only").
        Some(_) => Ok((parts.headers, nothing())),
        None => Ok((parts.headers, body)),
    }
}

/// A body without messages that ends well.
fn nothing() -> Body {
    let status = HeaderMap::from_iter([(HeaderName::from_static("grpc-status"), HeaderValue::from_static("0"))]);
    Body::new(Empty::<Bytes>::new().with_trailers(ready(Some(Ok(status)))))
}

/// What gRPC makes of an answer that is none of its own ("HTTP to gRPC Status Code Mapping").
fn foreign(code: StatusCode) -> Status {
    let message = format!("the server behind the gateway answered with HTTP {}; is it one of gRPC?", code.as_u16());
    let code = match code.as_u16() {
        400 => Code::Internal,
        401 => Code::Unauthenticated,
        403 => Code::PermissionDenied,
        404 => Code::Unimplemented,
        429 | 502..=504 => Code::Unavailable,
        _ => Code::Unknown,
    };
    trouble::status(code, "BACKEND_FAILED", message)
}

/// The message, once all of it is here.
fn whole(begun: &mut BytesMut, data: &Bytes) -> Result<Option<Bytes>, Status> {
    if begun.is_empty()
        && let Some(size) = size(data)?
        && data.len() == PREFIX + size
    {
        return Ok(Some(data.slice(PREFIX..)));
    }
    begun.extend_from_slice(data);
    let Some(size) = size(begun)? else { return Ok(None) };
    if begun.len() > PREFIX + size {
        return Err(trouble::bad_reply("the service sent more than one message"));
    }
    if begun.len() < PREFIX + size {
        begun.reserve(PREFIX + size - begun.len());
        return Ok(None);
    }
    Ok(Some(begun.split_off(PREFIX).freeze()))
}

/// The size of the message that begins here, once it is known.
pub(crate) fn size(bytes: &[u8]) -> Result<Option<usize>, Status> {
    let Some([flag, size @ ..]) = bytes.first_chunk::<PREFIX>() else { return Ok(None) };
    let size = u32::from_be_bytes(*size) as usize;
    match flag {
        0 if size <= LARGEST => Ok(Some(size)),
        0 => {
            let message = format!("the reply of {size} bytes is over the limit of {LARGEST}");
            Err(trouble::status(Code::ResourceExhausted, "REPLY_TOO_LARGE", message))
        }
        _ => Err(trouble::bad_reply("the service compressed a message, which it was not asked for")),
    }
}

fn ended(head: HeaderMap, trailers: HeaderMap, message: Option<Bytes>) -> Result<Reply, Failed> {
    match (Status::from_header_map(&trailers), message) {
        (Some(status), Some(message)) if status.code() == Code::Ok => Ok(Reply { message, head, trailers }),
        (Some(status), None) if status.code() == Code::Ok => {
            Err(trouble::bad_reply("the service sent no message").into())
        }
        (Some(status), _) => Err(Failed::new(status, head, trailers)),
        (None, _) => Err(cut_off().into()),
    }
}

/// A reply that has no status at its end.
pub(crate) fn cut_off() -> Status {
    trouble::status(Code::Unavailable, "REPLY_CUT_OFF", "the reply was cut off before its end; try again")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_found_however_its_bytes_are_cut() {
        let frame = sealed([frame(), b"a message".to_vec()].concat());
        for piece in 1..=frame.len() {
            let (mut begun, mut found) = (BytesMut::new(), None);
            for chunk in frame.chunks(piece) {
                assert_eq!(found, None);
                found = whole(&mut begun, &Bytes::copy_from_slice(chunk)).unwrap();
            }
            assert_eq!(found.as_deref(), Some(&b"a message"[..]), "in pieces of {piece}");
        }
        assert_eq!(whole(&mut BytesMut::new(), &sealed(super::frame())).unwrap().as_deref(), Some(&b""[..]));
    }

    #[test]
    fn what_is_no_single_plain_message_is_refused() {
        let one = sealed([frame(), b"x".to_vec()].concat());
        let two = Bytes::from([&one[..], &one[..]].concat());
        for bad in [two, Bytes::from_static(&[1, 0, 0, 0, 0]), Bytes::from_static(&[0, 255, 255, 255, 255])] {
            assert!(whole(&mut BytesMut::new(), &bad).is_err());
        }
    }
}
