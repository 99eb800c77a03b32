//! HTTP/2 connections whose calls say less, more or something else than gRPC asks for.

use std::net::SocketAddr;

use bytes::{Buf, Bytes, BytesMut};
use h2::{
    Reason, RecvStream, SendStream,
    client::{Builder, ResponseFuture, SendRequest},
};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use tokio::{net::TcpStream, task::JoinHandle};
use tonic::Status;

use crate::within;

/// How a connection ends when it is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The socket is closed.
    Close,
    /// The socket is closed, and the peer gets a TCP RST in place of a FIN.
    Reset,
}

/// One HTTP/2 connection.
pub struct Wire {
    requests: SendRequest<Bytes>,
    connection: JoinHandle<Result<(), h2::Error>>,
}

impl Wire {
    /// Connects.
    pub async fn connect(addr: SocketAddr) -> Self {
        Self::connect_with(addr, Cut::Close, &Builder::new()).await
    }

    /// Connects, with a choice of how the connection ends and of HTTP/2 settings.
    pub async fn connect_with(addr: SocketAddr, cut: Cut, settings: &Builder) -> Self {
        let socket = TcpStream::connect(addr).await.unwrap();
        if cut == Cut::Reset {
            socket.set_zero_linger().unwrap();
        }
        let (requests, connection) = settings.handshake(socket).await.unwrap();
        Self { requests, connection: tokio::spawn(connection) }
    }

    /// Opens a call: `path` is `/service/method`.
    pub async fn call(&mut self, path: &str) -> Exchange {
        self.open(grpc_head(path).body(()).unwrap()).await
    }

    /// Opens a stream with any head.
    pub async fn open(&mut self, head: Request<()>) -> Exchange {
        within("a place for a stream", std::future::poll_fn(|cx| self.requests.poll_ready(cx))).await.unwrap();
        let (response, body) = self.requests.send_request(head, false).unwrap();
        Exchange { body, reply: Reply::Awaited(response), buffer: BytesMut::new() }
    }

    /// One whole unary call: its reply and status.
    pub async fn unary(&mut self, path: &str, message: &[u8]) -> (Vec<Bytes>, Status) {
        let mut exchange = self.call(path).await;
        exchange.send(framed(message));
        exchange.end();
        exchange.finish().await
    }

    /// Cuts the connection in the middle of whatever it does.
    pub async fn cut(self) {
        self.connection.abort();
        drop(self.connection.await);
    }

    /// Waits until the server has ended the connection.
    ///
    /// # Errors
    /// The reason, unless it was the regular end.
    pub async fn ended(self) -> Result<(), h2::Error> {
        within("the end of the connection", self.connection).await.unwrap()
    }
}

/// The head of a call as gRPC clients send it.
pub fn grpc_head(path: &str) -> http::request::Builder {
    let head = Request::post(format!("http://test{path}"));
    head.header("te", "trailers").header("content-type", "application/grpc")
}

/// A message with the prefix that gRPC puts before it.
pub fn framed(message: &[u8]) -> Bytes {
    announced(0, u32::try_from(message.len()).unwrap(), message)
}

/// Bytes behind a prefix that may say something else of them.
pub fn announced(flag: u8, size: u32, bytes: &[u8]) -> Bytes {
    [&[flag][..], &size.to_be_bytes(), bytes].concat().into()
}

enum Reply {
    Awaited(ResponseFuture),
    Begun(Response<RecvStream>),
}

/// One stream: what is said and what is answered.
pub struct Exchange {
    body: SendStream<Bytes>,
    reply: Reply,
    buffer: BytesMut,
}

impl Exchange {
    /// Sends bytes; the stream stays open.
    pub fn send(&mut self, bytes: impl Into<Bytes>) {
        self.body.send_data(bytes.into(), false).unwrap();
    }

    /// As [`send`](Self::send), where the server may have ended the stream already.
    pub fn try_send(&mut self, bytes: impl Into<Bytes>) -> bool {
        self.body.send_data(bytes.into(), false).is_ok()
    }

    /// Waits for room in the server's windows and sends no more than fits; `false` if there is none within `patience`.
    pub async fn send_within(&mut self, bytes: &Bytes, patience: std::time::Duration) -> bool {
        self.body.reserve_capacity(bytes.len());
        loop {
            if self.body.capacity() >= bytes.len() {
                return self.try_send(bytes.clone());
            }
            let more = std::future::poll_fn(|cx| self.body.poll_capacity(cx));
            let Ok(Some(Ok(_))) = tokio::time::timeout(patience, more).await else { return false };
        }
    }

    /// Half-closes.
    pub fn end(&mut self) {
        // The server may have ended the stream already.
        drop(self.body.send_data(Bytes::new(), true));
    }

    /// Half-closes with trailers, which no gRPC client sends.
    pub fn end_with_trailers(&mut self) {
        let trailers = HeaderMap::from_iter([(HeaderName::from_static("x-end"), HeaderValue::from_static("1"))]);
        self.body.send_trailers(trailers).unwrap();
    }

    /// Resets the stream.
    pub fn reset(mut self, reason: Reason) {
        self.body.send_reset(reason);
    }

    /// The head of the reply.
    ///
    /// # Errors
    /// When the stream or the connection was reset.
    pub async fn try_head(&mut self) -> Result<&mut Response<RecvStream>, h2::Error> {
        if let Reply::Awaited(response) = &mut self.reply {
            self.reply = Reply::Begun(within("the head of a reply", response).await?);
        }
        match &mut self.reply {
            Reply::Begun(reply) => Ok(reply),
            Reply::Awaited(_) => unreachable!("it was awaited"),
        }
    }

    /// The HTTP status and headers of the reply.
    pub async fn head(&mut self) -> (StatusCode, HeaderMap) {
        let reply = self.try_head().await.unwrap();
        (reply.status(), reply.headers().clone())
    }

    /// The next message of the reply; nothing at the end.
    ///
    /// # Errors
    /// When the stream or the connection was reset.
    pub async fn try_message(&mut self) -> Result<Option<Bytes>, h2::Error> {
        loop {
            if let Some(message) = self.buffered() {
                return Ok(Some(message));
            }
            let body = self.try_head().await?.body_mut();
            let Some(chunk) = within("more of a reply", body.data()).await else { return Ok(None) };
            let chunk = chunk?;
            body.flow_control().release_capacity(chunk.len())?;
            self.buffer.extend_from_slice(&chunk);
        }
    }

    fn buffered(&mut self) -> Option<Bytes> {
        let prefix = self.buffer.get(1..5)?;
        let size = u32::from_be_bytes(prefix.try_into().unwrap()) as usize;
        if self.buffer.len() < 5 + size {
            return None;
        }
        self.buffer.advance(5);
        Some(self.buffer.split_to(size).freeze())
    }

    /// The next message of the reply, which there must be.
    pub async fn message(&mut self) -> Bytes {
        self.try_message().await.unwrap().expect("a message")
    }

    /// The rest of the reply, and the status of the call.
    ///
    /// # Errors
    /// When the stream or the connection was reset.
    pub async fn try_finish(mut self) -> Result<(Vec<Bytes>, Status), h2::Error> {
        let mut messages = Vec::new();
        while let Some(message) = self.try_message().await? {
            messages.push(message);
        }
        let reply = self.try_head().await?;
        let trailers = within("the trailers", reply.body_mut().trailers()).await?;
        let from = trailers.as_ref().unwrap_or(reply.headers());
        let status = Status::from_header_map(from).unwrap_or_else(|| panic!("no grpc-status in {from:?}"));
        Ok((messages, status))
    }

    /// As [`try_finish`](Self::try_finish), of a stream that is not reset.
    pub async fn finish(self) -> (Vec<Bytes>, Status) {
        self.try_finish().await.unwrap()
    }

    /// The status of the call.
    pub async fn status(self) -> Status {
        self.finish().await.1
    }
}
