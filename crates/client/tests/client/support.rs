//! Servers on free ports of loopback addresses, and calls to them.

#[path = "../../../chassis/tests/chassis/support/probe.rs"]
mod probe;

use std::{net::SocketAddr, time::Duration};

use campus_chassis::{AdminConfig, App, Handle, Health, RunError, ServerConfig, config::HumanDuration};
use campus_client::{Builder, Channel, PoolConfig, State};
use http::uri::PathAndQuery;
use tokio::task::JoinHandle;
use tonic::{Request, Response, Status, Streaming, client::Grpc};
use tonic_prost::ProstCodec;

pub(crate) use probe::{DESCRIPTOR_PACKAGE, Note, Probe, descriptors};

/// No condition of a test takes longer than this.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A running server of the chassis.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) handle: Handle,
    pub(crate) health: Health,
    pub(crate) probe: Probe,
    pub(crate) ended: JoinHandle<Result<(), RunError>>,
}

pub(crate) fn server_config() -> ServerConfig {
    let (listen, drain_delay) = ("127.0.0.1:0".parse().unwrap(), HumanDuration::secs(0));
    ServerConfig { listen, shards: 1, drain_delay, ..ServerConfig::default() }
}

impl Server {
    /// With the default settings, on a free port of this address, ready.
    pub(crate) async fn at(address: &str) -> Self {
        Self::with(ServerConfig { listen: address.parse().unwrap(), ..server_config() }).await
    }

    pub(crate) async fn start() -> Self {
        Self::with(server_config()).await
    }

    pub(crate) async fn with(config: ServerConfig) -> Self {
        let admin = AdminConfig {
            listen: "127.0.0.1:0".parse().unwrap(),
            ready_interval: HumanDuration::millis(20),
            ..AdminConfig::default()
        };
        let probe = Probe::default();
        let builder = App::builder(&config, &admin).descriptors(descriptors()).service(probe.clone());
        let app = builder.build().unwrap();
        let address = app.grpc_addr().unwrap_or_else(|| ([127, 0, 0, 1], 0).into());
        let (handle, health) = (app.handle(), app.health());
        let ended = tokio::spawn(app.run_until(std::future::pending::<()>()));
        within(health.serving()).await;
        Self { address, handle, health, probe, ended }
    }

    /// Stops at once, and waits for the end.
    pub(crate) async fn stop(self) {
        self.handle.skip_drain();
        within(self.ended).await.unwrap().unwrap();
    }
}

/// A channel to these, with short pauses.
pub(crate) fn channel_to(addresses: &[SocketAddr]) -> Builder {
    let list: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    Channel::builder(&format!("static:///{}", list.join(","))).unwrap().pool(quick())
}

/// Short pauses, and no slow start.
pub(crate) fn quick() -> PoolConfig {
    PoolConfig {
        backoff: Duration::from_millis(50),
        max_backoff: Duration::from_millis(100),
        slow_start: Duration::ZERO,
        ..PoolConfig::default()
    }
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

/// Waits until the channel is in this state.
pub(crate) async fn reaches(channel: &Channel, state: State) {
    within(channel.watch_state().wait_for(|now| *now == state)).await.unwrap();
}

/// Calls the probe service.
pub(crate) async fn unary(channel: &Channel, method: &str, request: Request<Note>) -> Result<Note, Status> {
    let mut grpc = Grpc::new(channel.clone());
    within(grpc.unary(request, path(method), ProstCodec::default())).await.map(Response::into_inner)
}

pub(crate) async fn stream(channel: &Channel, method: &str, number: u64) -> Result<Streaming<Note>, Status> {
    let mut grpc = Grpc::new(channel.clone());
    let codec: ProstCodec<Note, Note> = ProstCodec::default();
    within(grpc.server_streaming(note(number), path(method), codec)).await.map(Response::into_inner)
}

pub(crate) fn path(method: &str) -> PathAndQuery {
    format!("/{DESCRIPTOR_PACKAGE}.Probe/{method}").parse().unwrap()
}

pub(crate) fn note(number: u64) -> Request<Note> {
    Request::new(Note { text: String::new(), number })
}
