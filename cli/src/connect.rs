//! The way to the server: one address, one connection that comes back by itself.

mod tls;
mod trouble;

use std::{
    error::Error,
    pin::Pin,
    sync::Arc,
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

use self::tls::Tls;
pub(crate) use self::tls::TlsArgs;
use crate::failure::Failure;

/// What calls go over. An answer that is not gRPC is told from a broken message of gRPC.
#[derive(Debug, Clone)]
pub(crate) struct Transport {
    channel: Channel,
    server: Arc<Server>,
}

/// Where a server is when nothing else is said.
pub(crate) const DEFAULT_SERVER: &str = "http://127.0.0.1:50051";

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A dead connection is noticed by TCP, because servers may take frequent HTTP/2 pings for an attack.
const PROBE_AFTER: Duration = Duration::from_secs(30);
const PROBE_EVERY: Duration = Duration::from_secs(10);
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 4 << 20;

/// A server as it was named, and how its connection is encrypted.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    /// `http://host:port`, `https://host:port`, `unix:/path` or `in-process:NAME`.
    pub(crate) uri: String,
    tls: Option<Tls>,
}

impl Server {
    /// `server` as it was named: `host:port` means `http://host:port`, or `https://` where something is said about TLS.
    ///
    /// # Errors
    /// If it is no address, or one of a scheme that is not spoken here, or what is said about TLS makes no sense or cannot be
    /// read.
    pub(crate) fn new(server: &str, tls: &TlsArgs) -> Result<Self, Failure> {
        if server.starts_with("in-process:") || server.strip_prefix("unix:").is_some_and(|path| !path.is_empty()) {
            tls.refuse_with(server)?;
            return Ok(Self { uri: server.to_owned(), tls: None });
        }
        let scheme = if tls.given().is_some() { "https" } else { "http" };
        let uri = if server.contains("://") { server.to_owned() } else { format!("{scheme}://{server}") };
        let no_address = |why: String| Failure::usage(format!("--server {server} {why}")).note(FORM);
        let parsed: http::Uri = uri.parse().map_err(|error| no_address(format!("is no address: {error}")))?;
        let is_https = match parsed.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(no_address("is not an http or https address".to_owned())),
        };
        if parsed.host().is_none_or(str::is_empty) {
            return Err(no_address("has no host".to_owned()));
        }
        if parsed.port_u16().is_none() {
            return Err(no_address("has no port".to_owned()));
        }
        let tls = if is_https {
            let host = parsed.host().unwrap_or_default();
            Some(tls.load(host)?)
        } else {
            tls.refuse_with(server)?;
            None
        };
        Ok(Self { uri: uri.trim_end_matches('/').to_owned(), tls })
    }

    /// Connects.
    ///
    /// # Errors
    /// If nobody listens there, or not in this way.
    pub(crate) async fn connect(&self, within: Option<Duration>) -> Result<Transport, Failure> {
        let limit = within.map_or(CONNECT_TIMEOUT, |within| within.min(CONNECT_TIMEOUT));
        let uri = &self.uri;
        let in_process = uri.strip_prefix("in-process:");
        let usage = |error: &dyn Error| Failure::usage(format!("{uri} is no address: {}", trouble::innermost(error)));
        // What the connector connects to is not the endpoint's business where it has one of its own.
        let endpoint = match in_process {
            Some(_) => Endpoint::from_shared(DEFAULT_SERVER),
            None => Endpoint::from_shared(uri.replacen("https://", "http://", 1)),
        };
        let endpoint = endpoint
            .map_err(|error| usage(&error))?
            .connect_timeout(limit)
            .tcp_nodelay(true)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .tcp_keepalive(Some(PROBE_AFTER))
            .tcp_keepalive_interval(Some(PROBE_EVERY));
        let connected = match (in_process, &self.tls) {
            (Some(name), _) => endpoint.connect_with_connector(campus_chassis::in_process(name)).await,
            (None, Some(tls)) => {
                let origin = uri.parse().map_err(|error: http::uri::InvalidUri| usage(&error))?;
                endpoint.origin(origin).connect_with_connector(tls.connector()).await
            }
            (None, None) => endpoint.connect().await,
        };
        match connected {
            Ok(channel) => Ok(Transport { channel, server: Arc::new(self.clone()) }),
            Err(error) => Err(trouble::no_connection(&self.uri, &error)),
        }
    }
}

const FORM: &str = "give host:port, http://host:port, https://host:port or unix:/path, for example 127.0.0.1:50051";

type BoxError = Box<dyn Error + Send + Sync>;

impl Service<Request<Body>> for Transport {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.channel.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (answer, server) = (self.channel.call(request), Arc::clone(&self.server));
        Box::pin(async move {
            let answer = match answer.await {
                Ok(answer) => answer,
                Err(error) => return Err(trouble::explained(&server, error).await),
            };
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
    use crate::failure::exit;

    fn uri(server: &str) -> Result<String, Failure> {
        Server::new(server, &TlsArgs::default()).map(|server| server.uri)
    }

    #[test]
    fn an_address_may_leave_out_the_scheme() {
        assert_eq!(uri("127.0.0.1:50051").unwrap(), "http://127.0.0.1:50051");
        assert_eq!(uri("localhost:1").unwrap(), "http://localhost:1");
        assert_eq!(uri("[::1]:50051").unwrap(), "http://[::1]:50051");
        assert_eq!(uri("http://campus.example:80/").unwrap(), "http://campus.example:80");
        assert_eq!(uri("https://campus.example:443/").unwrap(), "https://campus.example:443");
        assert_eq!(uri("unix:/run/campus.sock").unwrap(), "unix:/run/campus.sock");
        let named = TlsArgs { tls_server_name: Some("campus.example".into()), ..TlsArgs::default() };
        assert_eq!(
            Server::new("10.0.0.1:1", &named).unwrap().uri,
            "https://10.0.0.1:1",
            "there is something to encrypt"
        );
    }

    #[test]
    fn what_is_said_about_tls_and_cannot_be_of_use_is_bad_usage() {
        let named = TlsArgs { tls_server_name: Some("campus.example".into()), ..TlsArgs::default() };
        let half = TlsArgs { tls_cert: Some("client.pem".into()), ..TlsArgs::default() };
        for (server, tls) in [("http://a:1", &named), ("unix:/a", &named), ("a:1", &half)] {
            assert_eq!(Server::new(server, tls).unwrap_err().exit(), exit::USAGE, "{server}");
        }
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
        for wrong in [
            "",
            "ftp://campus.example:443",
            "https://campus.example",
            "unix:",
            "campus.example",
            "http://",
            "a b:1",
            "host:99999",
        ] {
            let failure = uri(wrong).expect_err(wrong);
            assert_eq!(failure.exit(), exit::USAGE, "{wrong}");
        }
    }
}
