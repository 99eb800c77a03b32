//! The way to the server: one address, one connection that comes back by itself.

use std::{
    error::Error,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header::CONTENT_TYPE};
use tonic::{
    Status,
    body::Body,
    codegen::Service,
    transport::{Channel, Endpoint},
};

use crate::failure::{Failure, exit};

/// What calls go over. An answer that is not gRPC is told from a broken message of gRPC.
#[derive(Debug, Clone)]
pub(crate) struct Transport(Channel);

/// Where a server is when nothing else is said.
pub(crate) const DEFAULT_SERVER: &str = "http://127.0.0.1:50051";

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A dead connection is noticed by TCP, because servers may take frequent HTTP/2 pings for an attack.
const PROBE_AFTER: Duration = Duration::from_secs(30);
const PROBE_EVERY: Duration = Duration::from_secs(10);
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 4 << 20;

/// `server` as a URI: `host:port` means `http://host:port`.
///
/// # Errors
/// If it is no address, or one of a scheme that is not spoken here.
pub(crate) fn uri(server: &str) -> Result<String, Failure> {
    let uri = if server.contains("://") { server.to_owned() } else { format!("http://{server}") };
    let parsed: http::Uri =
        uri.parse().map_err(|error| Failure::usage(format!("--server {server} is no address: {error}")).note(FORM))?;
    match (parsed.scheme_str(), parsed.host()) {
        (Some("http"), Some(_)) if parsed.port_u16().is_some() => Ok(uri.trim_end_matches('/').to_owned()),
        (Some("http"), Some(_)) => Err(Failure::usage(format!("--server {server} has no port")).note(FORM)),
        _ => Err(Failure::usage(format!("--server {server} is not an http address")).note(FORM)),
    }
}

const FORM: &str = "give host:port or http://host:port, for example 127.0.0.1:50051";

/// Connects to the server at `uri`.
///
/// # Errors
/// If nobody listens there.
pub(crate) async fn connect(uri: &str, within: Option<Duration>) -> Result<Transport, Failure> {
    let limit = within.map_or(CONNECT_TIMEOUT, |within| within.min(CONNECT_TIMEOUT));
    let endpoint = Endpoint::from_shared(uri.to_owned())
        .map_err(|error| Failure::usage(format!("{uri} is no address: {error}")))?
        .connect_timeout(limit)
        .tcp_nodelay(true)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .tcp_keepalive(Some(PROBE_AFTER))
        .tcp_keepalive_interval(Some(PROBE_EVERY));
    endpoint.connect().await.map(Transport).map_err(|error| {
        let mut reason = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            reason = cause.to_string();
            source = cause.source();
        }
        Failure::new(exit::UNAVAILABLE, format!("no server at {uri}: {reason}"))
            .note("is it running? `campus serve` starts one here; --server says where it is")
    })
}

type BoxError = Box<dyn Error + Send + Sync>;

impl Service<Request<Body>> for Transport {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let answer = self.0.call(request);
        Box::pin(async move {
            let answer = answer.await?;
            is_grpc(answer.status(), answer.headers())?;
            Ok(answer)
        })
    }
}

/// Whether an answer is one of gRPC, by its content type, or else what its HTTP status means for a call.
///
/// Source: gRPC over HTTP/2, "Responses", and "HTTP to gRPC status code mapping".
fn is_grpc(status: StatusCode, headers: &HeaderMap) -> Result<(), Status> {
    let content = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    if content.is_some_and(|value| value.starts_with(b"application/grpc")) || headers.contains_key("grpc-status") {
        return Ok(());
    }
    let what = format!("what answers there is not a gRPC service: HTTP {status}");
    Err(match status {
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => Status::unavailable(what),
        _ => Status::unimplemented(format!("{what}; is this the admin port?")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_leave_out_the_scheme() {
        assert_eq!(uri("127.0.0.1:50051").unwrap(), "http://127.0.0.1:50051");
        assert_eq!(uri("localhost:1").unwrap(), "http://localhost:1");
        assert_eq!(uri("[::1]:50051").unwrap(), "http://[::1]:50051");
        assert_eq!(uri("http://campus.example:80/").unwrap(), "http://campus.example:80");
    }

    #[test]
    fn an_answer_that_is_not_grpc_is_told_by_its_content_type_and_status() {
        let of = |content: &'static str| HeaderMap::from_iter([(CONTENT_TYPE, content.parse().unwrap())]);
        assert!(is_grpc(StatusCode::OK, &of("application/grpc+proto")).is_ok());
        let trailers = HeaderMap::from_iter([("grpc-status".parse().unwrap(), "5".parse().unwrap())]);
        assert!(is_grpc(StatusCode::OK, &trailers).is_ok());
        let refused = is_grpc(StatusCode::NOT_FOUND, &of("text/plain")).unwrap_err();
        assert_eq!(refused.code(), tonic::Code::Unimplemented);
        assert!(refused.message().contains("HTTP 404 Not Found; is this the admin port?"), "{refused}");
        let busy = is_grpc(StatusCode::BAD_GATEWAY, &of("text/html")).unwrap_err();
        assert_eq!(busy.code(), tonic::Code::Unavailable);
    }

    #[test]
    fn what_is_no_address_is_bad_usage() {
        for wrong in ["", "https://campus.example:443", "campus.example", "http://", "a b:1", "host:99999"] {
            let failure = uri(wrong).expect_err(wrong);
            assert_eq!(failure.exit(), exit::USAGE, "{wrong}");
        }
    }
}
