//! Employees and students over REST, as HTTP clients do it: a connection is kept for as long as the server keeps it.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{
    Method, Request, Response,
    body::Incoming,
    client::conn::http1::{self, SendRequest},
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use uuid::Uuid;

use crate::tally::{Answer, Tally};

struct Client {
    host: Arc<str>,
    connection: Option<SendRequest<Full<Bytes>>>,
}

/// A worker, without an end.
pub(crate) async fn work(host: Arc<str>, tally: Tally) {
    let mut client = Client { host, connection: None };
    for (kind, mask) in ["employee", "student"].map(|kind| (kind, "given_name")).iter().cycle() {
        let (id, request_id) = (format!("load-{}", Uuid::new_v4()), Uuid::new_v4());
        let one = format!("/v1/{kind}s/{id}");
        let create = format!("/v1/{kind}s?{kind}_id={id}&request_id={request_id}");
        let person = r#"{"givenName": "One", "familyName": "Load"}"#;
        if tally.call("POST", client.call(Method::POST, &create, person)).await.is_none() {
            continue;
        }
        tally.call("GET", client.call(Method::GET, &one, "")).await;
        let change = format!("{one}?update_mask={mask}");
        tally.call("PATCH", client.call(Method::PATCH, &change, r#"{"givenName": "Two"}"#)).await;
        tally.call("GET", client.call(Method::GET, &one, "")).await;
        tally.call("GET list", client.call(Method::GET, &format!("/v1/{kind}s?page_size=10"), "")).await;
        tally.call("DELETE", client.call(Method::DELETE, &format!("{one}?allow_missing=true"), "")).await;
    }
}

impl Client {
    async fn call(&mut self, method: Method, path: &str, body: &str) -> Result<Answer<Bytes>, String> {
        let response = self.send(method, path, body).await?;
        let status = response.status();
        let by = response.headers().get("x-served-by").and_then(|by| by.to_str().ok()).map(str::to_owned);
        let last = response.headers().get("connection").is_some_and(|said| said == "close");
        let body =
            response.into_body().collect().await.map_err(|error| format!("in the answer: {error:?}"))?.to_bytes();
        if last {
            self.connection = None;
        }
        if status.is_success() {
            Ok(Answer { body, by })
        } else {
            Err(format!("{status}: {}", String::from_utf8_lossy(&body)))
        }
    }

    /// Only what has not been sent is sent over another connection.
    async fn send(&mut self, method: Method, path: &str, body: &str) -> Result<Response<Incoming>, String> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", &*self.host)
            .header("content-type", "application/json")
            .body(Full::new(Bytes::copy_from_slice(body.as_bytes())))
            .map_err(|error| error.to_string())?;
        loop {
            let mut connection = match self.connection.take() {
                Some(kept) => kept,
                None => self.connect().await?,
            };
            if connection.ready().await.is_err() {
                continue;
            }
            match connection.try_send_request(request).await {
                Ok(response) => {
                    self.connection = Some(connection);
                    return Ok(response);
                }
                Err(mut unsent) => match unsent.take_message() {
                    Some(message) => request = message,
                    None => return Err(format!("{:?}", unsent.into_error())),
                },
            }
        }
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, String> {
        let stream = TcpStream::connect(&*self.host).await.map_err(|error| format!("connecting: {error}"))?;
        let handshake = http1::handshake(TokioIo::new(stream)).await;
        let (sender, connection) = handshake.map_err(|error| format!("connecting: {error}"))?;
        tokio::spawn(connection);
        Ok(sender)
    }
}
