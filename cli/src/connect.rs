//! The way to the server: a channel, and words for what is in its way.

mod tls;
mod trouble;

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use campus_client::{Address, Channel, PoolConfig, Resolve, Target, Tls};
use campus_schema::SchemaError;
use http::{Request, Response};
use serde_json::json;
use tokio::time::{Instant, timeout, timeout_at};
use tonic::{Status, body::Body, codegen::Service};

pub(crate) use self::{
    tls::TlsArgs,
    trouble::{Explained, advice},
};
use crate::{
    failure::{Failure, exit},
    kind,
};

/// What calls go over. What is in the way of TLS is told in words.
#[derive(Clone)]
pub(crate) struct Transport {
    channel: Channel,
    server: Arc<Server>,
}

/// Where a server is when nothing else is said.
pub(crate) const DEFAULT_SERVER: &str = "http://127.0.0.1:50051";

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Somebody watches: a server that freezes is found sooner than among services.
const KEEPALIVE: Duration = Duration::from_secs(10);

/// A server as it was named, and how its connections are encrypted.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    /// As of [`Target`].
    pub(crate) uri: String,
    target: Target,
    tls: Option<Tls>,
}

impl Server {
    /// `server` as it was named: without TLS, unless it or what is said about TLS asks for that.
    ///
    /// # Errors
    /// If it is no address, or what is said about TLS makes no sense or cannot be read.
    pub(crate) fn new(server: &str, tls: &TlsArgs) -> Result<Self, Failure> {
        let no_target = |error| Failure::usage(format!("--server {error}"));
        let target: Target = server.parse().map_err(no_target)?;
        let tls = match target.tls() {
            Some(false) => tls.refuse_with(server).map(|()| None)?,
            Some(true) => Some(tls.load(&target)?),
            None if tls.is_asked_for() => Some(tls.load(&target)?),
            None => None,
        };
        Ok(Self { uri: server.trim_end_matches('/').to_owned(), target, tls })
    }

    /// Each server behind a target that is there to name several, alone; else it itself.
    ///
    /// # Errors
    /// If none can be found.
    pub(crate) async fn each(self, within: Option<Duration>) -> Result<Vec<Self>, Failure> {
        let text = self.uri.to_ascii_lowercase();
        if !text.starts_with("dns:") && !text.starts_with("static:") {
            return Ok(vec![self]);
        }
        let limit = within.unwrap_or(CONNECT_TIMEOUT * 2);
        let found = timeout(limit, self.target.resolve()).await.map_err(|_| trouble::no_name(&self, limit))?;
        let addresses = found.map_err(|error| trouble::not_found(&self, &error))?.addresses;
        let one = |address: &Address| {
            let target: Target = format!("static:///{address}").parse().ok()?;
            Some(Self { uri: address.to_string(), target, tls: self.tls.clone() })
        };
        Ok(addresses.iter().filter_map(one).collect())
    }

    /// A channel, which connects when it is used; it asks servers for their health if a service is named for that.
    ///
    /// # Errors
    /// If the contract of this build has a fault.
    pub(crate) fn channel(&self, within: Option<Duration>, health_service: Option<String>) -> Result<Channel, Failure> {
        let limit = within.map_or(CONNECT_TIMEOUT, |within| within.min(CONNECT_TIMEOUT));
        // Calls have a deadline of the command line, and streams may have none.
        let builder = Channel::to(self.target.clone()).default_deadline(None);
        let pool = PoolConfig { connect_timeout: limit, health_service, ..PoolConfig::default() };
        let builder =
            builder.pool(PoolConfig { keepalive: Some(KEEPALIVE), keepalive_timeout: CONNECT_TIMEOUT, ..pool });
        let builder =
            builder.service_config(&reads().map_err(|error| fault(&error))?).map_err(|error| fault(&error))?;
        Ok(match &self.tls {
            Some(tls) => builder.tls(tls.clone()).build(),
            None => builder.build(),
        })
    }

    /// Calls over a channel of its own.
    pub(crate) fn over(&self, channel: Channel) -> Transport {
        Transport { channel, server: Arc::new(self.clone()) }
    }

    /// Connects.
    ///
    /// # Errors
    /// If nobody listens there, or not in this way, or not in time.
    pub(crate) async fn connect(&self, within: Option<Duration>) -> Result<Transport, Failure> {
        let limit = within.unwrap_or(CONNECT_TIMEOUT * 2);
        let until = Instant::now() + limit;
        // What is in the way is to be known before nothing is known but that the time is over.
        let channel = self.channel(within.map(|_| limit - limit / 20), None)?;
        match timeout_at(until, channel.ready()).await {
            Ok(Ok(())) => Ok(self.over(channel)),
            Ok(Err(status)) => Err(trouble::no_connection(self, &status, until).await),
            Err(_) => Err(trouble::too_late(self, &channel.dump(), limit)),
        }
    }
}

/// gRPC's service config: what only reads is asked of another server, if there is one, where one stands still.
fn reads() -> Result<String, SchemaError> {
    let services = kind::schema()?.services();
    let methods = services.iter().flat_map(|service| service.methods.iter().map(move |method| (service, method)));
    let reads = methods.filter(|(_, method)| method.only_reads);
    let names: Vec<_> = reads.map(|(of, method)| json!({ "service": of.full_name, "method": method.name })).collect();
    let hedging = json!({ "maxAttempts": 3, "hedgingDelay": "0.5s", "nonFatalStatusCodes": ["UNAVAILABLE"] });
    Ok(json!({ "methodConfig": [{ "name": names, "hedgingPolicy": hedging }] }).to_string())
}

fn fault(error: &dyn std::error::Error) -> Failure {
    Failure::new(exit::INTERNAL, format!("fault in this build: {error}"))
}

impl Service<Request<Body>> for Transport {
    type Response = Response<Body>;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Status>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Status>> {
        self.channel.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (answer, server) = (self.channel.call(request), Arc::clone(&self.server));
        Box::pin(async move { answer.await.map_err(|status| trouble::explained(&server, status)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_has_tls_when_it_or_a_flag_says_so() {
        let named = TlsArgs { tls_server_name: Some("campus.example".into()), ..TlsArgs::default() };
        for (server, tls, expected) in [
            ("127.0.0.1:50051", &TlsArgs::default(), false),
            ("http://campus.example:80/", &TlsArgs::default(), false),
            ("https://campus.example:443/", &TlsArgs::default(), true),
            ("10.0.0.1:1", &named, true),
            ("dns:///campus.example:1", &named, true),
            ("static:///10.0.0.1:1,10.0.0.2:1", &named, true),
        ] {
            assert_eq!(Server::new(server, tls).unwrap().tls.is_some(), expected, "{server}");
        }
    }

    #[test]
    fn what_is_said_about_tls_and_cannot_be_of_use_is_bad_usage() {
        let named = TlsArgs { tls_server_name: Some("campus.example".into()), ..TlsArgs::default() };
        let half = TlsArgs { tls_cert: Some("client.pem".into()), ..TlsArgs::default() };
        for (server, tls) in [
            ("http://a:1", &named),
            ("unix:/a", &named),
            ("in-process:a", &named),
            ("a:1", &half),
            ("static:///10.0.0.1:1,10.0.0.2:1", &half),
        ] {
            assert_eq!(Server::new(server, tls).unwrap_err().exit(), exit::USAGE, "{server}");
        }
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
            let failure = Server::new(wrong, &TlsArgs::default()).expect_err(wrong);
            assert_eq!(failure.exit(), exit::USAGE, "{wrong}");
        }
    }
}
