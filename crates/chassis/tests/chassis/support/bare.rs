//! Calls whose headers and bytes are a test's own.

use super::{Note, Server, h2, head, path, within};
use bytes::Bytes;
use h2::{SendStream, client::ResponseFuture};
use http::HeaderMap;
use prost::Message;
use tonic::Status;

/// Bytes behind a prefix.
pub(crate) fn framed(flag: u8, message: &[u8]) -> Bytes {
    let size = u32::try_from(message.len()).unwrap();
    [&[flag][..], &size.to_be_bytes(), message].concat().into()
}

/// A connection, and the headers of its calls beside the usual ones.
pub(crate) struct Bare {
    connection: h2::client::SendRequest<Bytes>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) head: HeaderMap,
    /// Each message with its flag.
    pub(crate) messages: Vec<(u8, Bytes)>,
    /// The last headers: trailers, or the head when there are none.
    pub(crate) end: HeaderMap,
}

impl Bare {
    pub(crate) async fn to(server: &Server) -> Self {
        Self { connection: h2(server.grpc).await }
    }

    /// Sends the head of a call.
    pub(crate) async fn open(&mut self, method: &str, headers: &[(&str, &str)]) -> (ResponseFuture, SendStream<Bytes>) {
        let request =
            headers.iter().fold(head(path(method).as_str()), |head, (name, value)| head.header(*name, *value));
        within(std::future::poll_fn(|cx| self.connection.poll_ready(cx))).await.unwrap();
        self.connection.send_request(request.body(()).unwrap(), false).unwrap()
    }

    /// A whole call that sends these bytes.
    pub(crate) async fn call(&mut self, method: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Answer {
        let (response, mut sender) = self.open(method, headers).await;
        // The server may have answered already.
        let _ = sender.send_data(body.into(), true);
        Answer::to(response).await
    }

    /// A whole call that sends this note.
    pub(crate) async fn note(&mut self, method: &str, headers: &[(&str, &str)], note: Note) -> Answer {
        self.call(method, headers, framed(0, &note.encode_to_vec())).await
    }
}

impl Answer {
    pub(crate) async fn to(response: ResponseFuture) -> Self {
        let (parts, mut body) = within(response).await.unwrap().into_parts();
        let mut bytes = Vec::new();
        while let Some(data) = within(body.data()).await {
            let data = data.unwrap();
            body.flow_control().release_capacity(data.len()).unwrap();
            bytes.extend_from_slice(&data);
        }
        let trailers = within(body.trailers()).await.unwrap();
        Self { end: trailers.unwrap_or_else(|| parts.headers.clone()), head: parts.headers, messages: split(&bytes) }
    }

    /// A header of the head, which must be there.
    pub(crate) fn head(&self, name: &str) -> &str {
        self.head.get(name).expect(name).to_str().unwrap()
    }

    /// One of the last headers, which must be there.
    pub(crate) fn end(&self, name: &str) -> &str {
        self.end.get(name).expect(name).to_str().unwrap()
    }

    pub(crate) fn status(&self) -> Status {
        Status::from_header_map(&self.end).unwrap()
    }

    /// The messages as notes; none of them may be compressed.
    pub(crate) fn notes(&self) -> Vec<Note> {
        assert!(self.messages.iter().all(|(flag, _)| *flag == 0));
        self.messages.iter().map(|(_, bytes)| Note::decode(bytes.clone()).unwrap()).collect()
    }
}

fn split(mut bytes: &[u8]) -> Vec<(u8, Bytes)> {
    let mut messages = Vec::new();
    while let Some(([flag, size @ ..], rest)) = bytes.split_first_chunk::<5>() {
        let (message, rest) = rest.split_at(u32::from_be_bytes(*size) as usize);
        messages.push((*flag, Bytes::copy_from_slice(message)));
        bytes = rest;
    }
    messages
}
