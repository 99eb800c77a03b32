//! Answers that are read as they come.

use std::{convert::Infallible, net::SocketAddr, time::Duration};

use bytes::Bytes;
use futures_util::StreamExt;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use hyper::{
    body::Incoming,
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{net::TcpStream, sync::mpsc};
use tokio_stream::wrappers::ReceiverStream;

/// No piece of an answer takes longer than this.
const PATIENCE: Duration = Duration::from_secs(20);

/// An answer whose body is read piece by piece. Dropped before its end, the client is gone.
pub(crate) struct Open {
    pub(crate) code: StatusCode,
    pub(crate) headers: HeaderMap,
    body: Incoming,
    begun: Vec<u8>,
    trailers: HeaderMap,
}

/// The body of a request that is sent piece by piece.
pub(crate) type Pieces = mpsc::Sender<Bytes>;

impl Open {
    /// As [`post`](Self::post), with the first piece of the body.
    pub(crate) async fn started(
        addr: SocketAddr,
        target: &str,
        headers: &[(&str, &str)],
        first: &'static str,
    ) -> (Pieces, Self) {
        let (pieces, body) = mpsc::channel(16);
        pieces.send(Bytes::from_static(first.as_bytes())).await.unwrap();
        (pieces, Self::send(addr, Method::POST, target, headers, body).await)
    }

    /// Sends a request without a body over HTTP/1.1.
    pub(crate) async fn get(addr: SocketAddr, target: &str, headers: &[(&str, &str)]) -> Self {
        let (_, body) = mpsc::channel(1);
        let stream = TcpStream::connect(addr).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let request = Request::builder().uri(target).header(header::HOST, "test");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let request = request.body(body_of(body)).unwrap();
        let sent = tokio::time::timeout(PATIENCE, sender.send_request(request)).await;
        Self::of(sent.expect("no answer in time").unwrap())
    }

    /// Sends a request over HTTP/2, with a body that is still to come.
    pub(crate) async fn post(addr: SocketAddr, target: &str, headers: &[(&str, &str)]) -> (Pieces, Self) {
        let (pieces, body) = mpsc::channel(16);
        (pieces, Self::send(addr, Method::POST, target, headers, body).await)
    }

    /// Sends a request without a body over HTTP/2.
    pub(crate) async fn get_h2(addr: SocketAddr, target: &str, headers: &[(&str, &str)]) -> Self {
        let (_, body) = mpsc::channel(1);
        Self::send(addr, Method::GET, target, headers, body).await
    }

    async fn send(
        addr: SocketAddr,
        method: Method,
        target: &str,
        headers: &[(&str, &str)],
        body: mpsc::Receiver<Bytes>,
    ) -> Self {
        let stream = TcpStream::connect(addr).await.unwrap();
        let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let request = Request::builder().method(method).uri(format!("http://test{target}"));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let request = request.body(body_of(body)).unwrap();
        let sent = tokio::time::timeout(PATIENCE, sender.send_request(request)).await;
        Self::of(sent.expect("no answer in time").unwrap())
    }

    fn of(response: Response<Incoming>) -> Self {
        let (head, body) = response.into_parts();
        let (begun, trailers) = (Vec::new(), HeaderMap::new());
        Self { code: head.status, headers: head.headers, body, begun, trailers }
    }

    /// The text up to a mark, with it; `None` when the body has come to its end.
    pub(crate) async fn until(&mut self, mark: &str) -> Option<String> {
        loop {
            let found = self.begun.windows(mark.len()).position(|bytes| bytes == mark.as_bytes());
            if let Some(at) = found {
                let rest = self.begun.split_off(at + mark.len());
                return Some(String::from_utf8(std::mem::replace(&mut self.begun, rest)).unwrap());
            }
            let frame = tokio::time::timeout(PATIENCE, self.body.frame()).await.expect("nothing comes")?.unwrap();
            match frame.into_data() {
                Ok(data) => self.begun.extend_from_slice(&data),
                Err(frame) => self.trailers = frame.into_trailers().unwrap(),
            }
        }
    }

    /// All that is left, and what comes behind it.
    pub(crate) async fn rest(mut self) -> (String, HeaderMap) {
        while self.until("\0").await.is_some() {}
        (String::from_utf8(self.begun).unwrap(), self.trailers)
    }

    /// Whether the body breaks off instead of coming to its end.
    pub(crate) async fn breaks_off(mut self) -> bool {
        loop {
            match tokio::time::timeout(PATIENCE, self.body.frame()).await.expect("nothing comes") {
                Some(Ok(_)) => {}
                Some(Err(_)) => return true,
                None => return false,
            }
        }
    }

    /// A header, empty if it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

fn body_of(pieces: mpsc::Receiver<Bytes>) -> http_body_util::combinators::UnsyncBoxBody<Bytes, Infallible> {
    StreamBody::new(ReceiverStream::new(pieces).map(|piece| Ok(Frame::data(piece)))).boxed_unsync()
}
