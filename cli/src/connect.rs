//! The way to the server: one address, one connection that comes back by itself.

use std::time::Duration;

use tonic::transport::{Channel, Endpoint};

use crate::failure::{Failure, exit};

/// What calls go over.
pub(crate) type Transport = Channel;

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
    endpoint.connect().await.map_err(|error| {
        let mut reason = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            reason = cause.to_string();
            source = cause.source();
        }
        Failure::new(exit::UNAVAILABLE, format!("no server at {uri}: {reason}"))
            .note("is it running? `campus serve` starts one here; --server says where it is")
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
    fn what_is_no_address_is_bad_usage() {
        for wrong in ["", "https://campus.example:443", "campus.example", "http://", "a b:1", "host:99999"] {
            let failure = uri(wrong).expect_err(wrong);
            assert_eq!(failure.exit(), exit::USAGE, "{wrong}");
        }
    }
}
