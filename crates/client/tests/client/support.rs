//! Servers on free ports of loopback addresses, and calls to them.

#[path = "../../../chassis/tests/chassis/support/probe.rs"]
mod probe;

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use campus_chassis::{AdminConfig, App, Handle, RunError, ServerConfig, config::HumanDuration};
use campus_client::{
    Address, Answer, Builder, Channel, EndpointDump, PoolConfig, ResolveError, ResolverSettings, State,
};
use futures_util::future::BoxFuture;
use http::uri::PathAndQuery;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinHandle,
};
use tonic::{Request, Response, Status, Streaming, client::Grpc};
use tonic_prost::ProstCodec;

pub(crate) use probe::{DESCRIPTOR_PACKAGE, Note, Probe, descriptors};

/// No condition of a test takes longer than this.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A running server of the chassis.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) handle: Handle,
    /// Whether it is ready, in its own opinion.
    pub(crate) well: Arc<AtomicBool>,
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
        let (probe, well) = (Probe::default(), Arc::new(AtomicBool::new(true)));
        let builder = App::builder(&config, &admin).descriptors(descriptors()).service(probe.clone());
        let asked = Arc::clone(&well);
        let check = move || std::future::ready(if asked.load(SeqCst) { Ok(()) } else { Err("unwell".to_owned()) });
        let app = builder.ready_check("test", check).build().unwrap();
        let address = app.grpc_addr().unwrap_or_else(|| ([127, 0, 0, 1], 0).into());
        let (handle, health) = (app.handle(), app.health());
        let ended = tokio::spawn(app.run_until(std::future::pending::<()>()));
        within(health.serving()).await;
        Self { address, handle, well, probe, ended }
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

/// Short pauses, no slow start, and time enough on a machine that has much to do.
pub(crate) fn quick() -> PoolConfig {
    PoolConfig {
        connect_timeout: PATIENCE / 2,
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

/// Addresses that a test changes, in place of DNS; they are asked for every few milliseconds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names(Arc<Mutex<Vec<SocketAddr>>>);

impl Names {
    pub(crate) fn of(addresses: &[SocketAddr]) -> Self {
        let names = Self::default();
        names.set(addresses);
        names
    }

    pub(crate) fn set(&self, addresses: &[SocketAddr]) {
        *self.0.lock().unwrap() = addresses.to_vec();
    }

    /// A channel to these.
    pub(crate) fn channel(&self, config: PoolConfig) -> Channel {
        self.builder(config).build()
    }

    pub(crate) fn builder(&self, config: PoolConfig) -> Builder {
        let names = self.clone();
        let settings = ResolverSettings {
            min_interval: Duration::from_millis(5),
            max_interval: Duration::from_millis(10),
            retry_after: Duration::from_millis(5),
            ..ResolverSettings::default()
        };
        let resolve = move || -> BoxFuture<'static, Result<Answer, ResolveError>> {
            let addresses: Vec<Address> = names.0.lock().unwrap().iter().copied().map(Address::Tcp).collect();
            let answer = Answer { addresses, ttl: Duration::from_millis(5) };
            let empty = answer.addresses.is_empty();
            Box::pin(async move { if empty { Err(ResolveError::Empty("no address".to_owned())) } else { Ok(answer) } })
        };
        Channel::builder("dns:///names.test:1").unwrap().resolver(resolve).resolver_settings(settings).pool(config)
    }
}

/// The endpoint at this address, as the channel shows it.
pub(crate) fn shown(channel: &Channel, address: SocketAddr) -> Option<EndpointDump> {
    channel.dump().endpoints.into_iter().find(|endpoint| endpoint.address == address.to_string())
}

/// A way to a server that can go dead without a sign.
pub(crate) struct Way {
    pub(crate) address: SocketAddr,
    stalled: watch::Sender<bool>,
}

impl Way {
    pub(crate) async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, (stalled, seen)) = (listener.local_addr().unwrap(), watch::channel(false));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(server).await.unwrap();
                let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
                tokio::spawn(pass(from_client, to_server, seen.clone()));
                tokio::spawn(pass(from_server, to_client, seen.clone()));
            }
        });
        Self { address, stalled }
    }

    /// Passes nothing on from now on.
    pub(crate) fn stall(&self) {
        self.stalled.send_replace(true);
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut stalled: watch::Receiver<bool>) {
    let mut bytes = vec![0; 16 << 10];
    while let Ok(read @ 1..) = from.read(&mut bytes).await {
        if stalled.wait_for(|stalled| !stalled).await.is_err() || to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
}
