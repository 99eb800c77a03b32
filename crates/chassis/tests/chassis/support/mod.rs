//! A server on free ports, a service that does what a test needs, and clients.

mod bare;
mod http1;
mod probe;
mod raw;
pub(crate) mod web;

pub(crate) use bare::{Answer, Bare, framed};
pub(crate) use http1::{get, request};
pub(crate) use probe::{DESCRIPTOR_PACKAGE, Note, Probe, descriptors};
pub(crate) use raw::{Frame, GOAWAY, HEADERS, PING, Raw};

use campus_chassis::{
    AdminConfig, App, AppBuilder, BuildInfo, Handle, Health, Listen, RunError, ServerConfig, config::HumanDuration,
};
use http::uri::PathAndQuery;
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::task::JoinHandle;
use tonic::{
    Request, Response, Status, Streaming,
    body::Body,
    client::Grpc,
    transport::{Channel, Endpoint},
};
use tonic_prost::ProstCodec;
use tower::{ServiceExt, service_fn, util::BoxCloneSyncService};

/// No condition of a test takes longer than this.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A running server.
pub(crate) struct Server {
    pub(crate) grpc: SocketAddr,
    pub(crate) addresses: Listen,
    pub(crate) web: Listen,
    pub(crate) admin: SocketAddr,
    pub(crate) handle: Handle,
    pub(crate) health: Health,
    pub(crate) probe: Probe,
    pub(crate) ended: JoinHandle<Result<(), RunError>>,
}

pub(crate) fn server_config() -> ServerConfig {
    let (listen, drain_delay) = ("127.0.0.1:0".parse().unwrap(), HumanDuration::secs(0));
    ServerConfig { listen, shards: 1, drain_delay, ..ServerConfig::default() }
}

pub(crate) fn admin_config() -> AdminConfig {
    AdminConfig {
        listen: "127.0.0.1:0".parse().unwrap(),
        ready_interval: HumanDuration::millis(20),
        ready_limit: HumanDuration::millis(200),
        ..AdminConfig::default()
    }
}

impl Server {
    /// With the default settings, ready.
    pub(crate) async fn start() -> Self {
        Self::with(server_config()).await
    }

    /// With these settings, ready.
    pub(crate) async fn with(config: ServerConfig) -> Self {
        let server = Self::launch(&config, |builder| builder);
        assert!(within(server.health.serving()).await);
        server
    }

    /// With these settings and further parts; perhaps not ready yet.
    pub(crate) fn launch(config: &ServerConfig, more: impl FnOnce(AppBuilder) -> AppBuilder) -> Self {
        Self::launch_with(config, &admin_config(), more)
    }

    /// As [`launch`](Self::launch), with other settings of the admin port too.
    pub(crate) fn launch_with(
        config: &ServerConfig,
        admin: &AdminConfig,
        more: impl FnOnce(AppBuilder) -> AppBuilder,
    ) -> Self {
        let probe = Probe::default();
        let builder = App::builder(config, admin)
            .descriptors(descriptors())
            .build_info(BuildInfo::new("probe", "1.2.3", "abc"))
            .service(probe.clone());
        let app = more(builder).build().unwrap();
        let (addresses, web) = (app.grpc_addresses().clone(), app.web_addresses().clone());
        let (grpc, admin, handle, health) = (app.grpc_addr().unwrap(), app.admin_addr(), app.handle(), app.health());
        let ended = tokio::spawn(app.run_until(std::future::pending::<()>()));
        Self { grpc, addresses, web, admin, handle, health, probe, ended }
    }

    pub(crate) async fn channel(&self) -> Channel {
        Endpoint::from_shared(format!("http://{}", self.grpc)).unwrap().connect().await.unwrap()
    }

    pub(crate) async fn client(&self) -> Client {
        Client::from(self.channel().await)
    }

    /// Stops, and waits for the end.
    pub(crate) async fn stop(self) {
        self.handle.skip_drain();
        within(self.ended).await.unwrap().unwrap();
    }
}

/// What the metric of this name, labels included, stands at.
pub(crate) async fn metric(server: &Server, name: &str) -> f64 {
    let text = get(server.admin, "/metrics").await.body;
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.expect(name).parse().unwrap()
}

/// Waits for `future` with a deadline.
pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.expect("took too long")
}

/// Asks until the answer is yes.
pub(crate) async fn eventually(mut condition: impl AsyncFnMut() -> bool) {
    within(async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// Calls the probe service.
#[derive(Clone)]
pub(crate) struct Client(pub(crate) Lane);

/// What carries calls, whatever it is.
pub(crate) type Lane = BoxCloneSyncService<http::Request<Body>, http::Response<Body>, Status>;

impl From<Channel> for Client {
    fn from(channel: Channel) -> Self {
        Self(BoxCloneSyncService::new(channel.map_err(|error| Status::from_error(error.into()))))
    }
}

impl From<campus_inprocess::Connection> for Client {
    fn from(connection: campus_inprocess::Connection) -> Self {
        let connection = Arc::new(connection);
        Self(BoxCloneSyncService::new(service_fn(move |request| {
            let connection = Arc::clone(&connection);
            async move { Ok(connection.call(request).await) }
        })))
    }
}

impl Client {
    pub(crate) async fn unary(&self, method: &str, note: Request<Note>) -> Result<Response<Note>, Status> {
        let mut grpc = Grpc::new(self.0.clone());
        grpc.ready().await.map_err(|e| Status::unavailable(e.to_string()))?;
        let codec: ProstCodec<Note, Note> = ProstCodec::default();
        within(grpc.unary(note, path(method), codec)).await
    }

    pub(crate) async fn stream(&self, method: &str, note: Request<Note>) -> Result<Streaming<Note>, Status> {
        let mut grpc = Grpc::new(self.0.clone());
        grpc.ready().await.map_err(|e| Status::unavailable(e.to_string()))?;
        let codec: ProstCodec<Note, Note> = ProstCodec::default();
        within(grpc.server_streaming(note, path(method), codec)).await.map(Response::into_inner)
    }

    pub(crate) async fn collect(&self, notes: Vec<Note>) -> Result<Response<Note>, Status> {
        let mut grpc = Grpc::new(self.0.clone());
        grpc.ready().await.map_err(|e| Status::unavailable(e.to_string()))?;
        let codec: ProstCodec<Note, Note> = ProstCodec::default();
        within(grpc.client_streaming(Request::new(tokio_stream::iter(notes)), path("Collect"), codec)).await
    }
}

pub(crate) fn path(method: &str) -> PathAndQuery {
    format!("/{DESCRIPTOR_PACKAGE}.Probe/{method}").parse().unwrap()
}

pub(crate) fn note(text: &str) -> Request<Note> {
    Request::new(Note { text: text.to_owned(), number: 0 })
}

pub(crate) fn number(number: u64) -> Request<Note> {
    Request::new(Note { text: String::new(), number })
}

/// The reason in a status' `ErrorInfo`, which must be of the chassis' domain.
pub(crate) fn reason(status: &Status) -> String {
    use tonic_types::StatusExt;
    let info = status.get_details_error_info().expect("a status of the chassis has ErrorInfo");
    assert_eq!(info.domain, campus_chassis::DOMAIN);
    info.reason
}

/// Connects a bare HTTP/2 client.
pub(crate) async fn h2(addr: SocketAddr) -> h2::client::SendRequest<bytes::Bytes> {
    let stream = tokio::net::TcpStream::connect(addr).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    within(client.ready()).await.unwrap()
}

/// A head as gRPC clients send it.
pub(crate) fn head(path: &str) -> http::request::Builder {
    http::Request::post(format!("http://test{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
}

/// A figure without labels, or with those in its name.
pub(crate) async fn figure(server: &Server, name: &str) -> f64 {
    let text = get(server.admin, "/metrics").await.body;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
}

/// Connections closed for this reason.
pub(crate) async fn closed(server: &Server, reason: &str) -> u64 {
    let name = format!("grpc_server_connections_closed_total{{reason=\"{reason}\"}}");
    figure(server, &name).await.to_string().parse().unwrap()
}
