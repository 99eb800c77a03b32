//! A call whose messages are compressed one by one, as its caller says; tonic compresses all of a stream or none, and does
//! not show what came compressed.

use std::io::{Read, Write};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use campus_client::Channel;
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use futures_util::stream;
use http::{HeaderMap, Request};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use prost::Message;
use tonic::{Status, body::Body};
use tower::Service;

/// Sends the messages, each compressed or not, and gives those that came, each with whether it was compressed.
///
/// # Errors
/// With the status that the call ended with.
pub(super) async fn exchange<Q: Message, A: Message + Default>(
    channel: &Channel,
    method: &str,
    messages: &[(bool, Q)],
) -> Result<Vec<(bool, A)>, Status> {
    let frames: Vec<_> = messages.iter().map(|(pack, message)| frame(*pack, &message.encode_to_vec())).collect();
    let frames = frames.into_iter().map(|data| Ok::<_, Status>(Frame::data(data)));
    let mut request = Request::post(format!("/grpc.testing.TestService/{method}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("grpc-accept-encoding", "identity,gzip");
    if messages.iter().any(|(pack, _)| *pack) {
        request = request.header("grpc-encoding", "gzip");
    }
    let request = request.body(Body::new(StreamBody::new(stream::iter(frames))));
    let response = channel.clone().call(request.map_err(|error| Status::internal(error.to_string()))?).await?;
    status(response.headers()).unwrap_or(Ok(()))?;
    let came = response.into_body().collect().await?;
    came.trailers().and_then(status).unwrap_or_else(|| Err(Status::unknown("the answer has no status")))?;
    read(came.to_bytes())
}

fn status(headers: &HeaderMap) -> Option<Result<(), Status>> {
    let status = Status::from_header_map(headers)?;
    Some(if status.code() == tonic::Code::Ok { Ok(()) } else { Err(status) })
}

fn frame(pack: bool, message: &[u8]) -> Bytes {
    let mut packed = Vec::new();
    if pack {
        let mut encoder = GzEncoder::new(&mut packed, Compression::fast());
        // Writing to a vector does not fail.
        let _ = encoder.write_all(message).and_then(|()| encoder.finish().map(drop));
    } else {
        packed.extend_from_slice(message);
    }
    let mut frame = BytesMut::with_capacity(packed.len() + 5);
    frame.put_u8(pack.into());
    frame.put_u32(u32::try_from(packed.len()).unwrap_or(u32::MAX));
    frame.put_slice(&packed);
    frame.freeze()
}

fn read<A: Message + Default>(mut bytes: Bytes) -> Result<Vec<(bool, A)>, Status> {
    let cut = || Status::internal("the answer is cut short");
    let mut messages = Vec::new();
    while bytes.has_remaining() {
        let is_packed = bytes.try_get_u8().map_err(|_| cut())? == 1;
        let size = bytes.try_get_u32().map_err(|_| cut())? as usize;
        if bytes.len() < size {
            return Err(cut());
        }
        let message = bytes.split_to(size);
        let message = if is_packed { unpack(&message)? } else { message };
        let message = A::decode(message).map_err(|error| Status::internal(format!("no such message: {error}")))?;
        messages.push((is_packed, message));
    }
    Ok(messages)
}

fn unpack(message: &[u8]) -> Result<Bytes, Status> {
    let mut whole = Vec::new();
    let read = GzDecoder::new(message).read_to_end(&mut whole);
    read.map_err(|error| Status::internal(format!("the answer is no gzip: {error}")))?;
    Ok(whole.into())
}
