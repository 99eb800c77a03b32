//! A client of HTTP/1.1 or HTTP/2 that sends what a test says and nothing else.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

/// No answer takes longer than this.
const PATIENCE: Duration = Duration::from_secs(20);

/// One connection, and the next one where the server has ended it.
pub(crate) struct Client {
    addr: SocketAddr,
    connection: Connection,
}

enum Connection {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) code: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Client {
    pub(crate) async fn connect(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect(addr).await.unwrap();
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self { addr, connection: Connection::Http1(sender) }
    }

    /// Speaks HTTP/2 on a connection to the address.
    pub(crate) async fn over_h2<S>(addr: SocketAddr, stream: S) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self { addr, connection: Connection::Http2(sender) }
    }

    /// Sends a request: `GET /path`, further headers, and a body.
    pub(crate) async fn send(&mut self, line: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Answer {
        let (method, target) = line.split_once(' ').unwrap();
        let request = Request::builder().method(method);
        let request = match &self.connection {
            Connection::Http1(_) => request.uri(target).header(header::HOST, "test"),
            Connection::Http2(_) => request.uri(format!("http://test{target}")),
        };
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let sent = async {
            let request = request.body(Full::new(body.into())).unwrap();
            if let Connection::Http1(sender) = &mut self.connection
                && sender.ready().await.is_err()
            {
                *self = Self::connect(self.addr).await;
            }
            let response = match &mut self.connection {
                Connection::Http1(sender) => sender.send_request(request).await.unwrap(),
                Connection::Http2(sender) => sender.send_request(request).await.unwrap(),
            };
            let (head, body) = response.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            Answer { code: head.status, headers: head.headers, body }
        };
        tokio::time::timeout(PATIENCE, sent).await.expect("no answer in time")
    }

    /// Sends a request without a body.
    pub(crate) async fn get(&mut self, target: &str) -> Answer {
        self.send(&format!("GET {target}"), &[], "").await
    }

    /// Sends JSON.
    pub(crate) async fn json(&mut self, line: &str, body: impl Into<Bytes>) -> Answer {
        self.send(line, &[("content-type", "application/json")], body).await
    }
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The body, which must be JSON.
    pub(crate) fn value(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// A header, empty if it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Code of HTTP, name of the status and reason of an error.
    pub(crate) fn fault(&self) -> (u16, String, String) {
        let error = &self.value()["error"];
        assert_eq!(error["code"], self.code.as_u16(), "{error}");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let details = error["details"].as_array().unwrap();
        let reason = details.iter().find(|detail| detail["@type"] == "type.googleapis.com/google.rpc.ErrorInfo");
        (self.code.as_u16(), text(&error["status"]), reason.map(|info| text(&info["reason"])).unwrap_or_default())
    }

    /// What the error says.
    pub(crate) fn message(&self) -> String {
        self.value()["error"]["message"].as_str().unwrap().to_owned()
    }
}
