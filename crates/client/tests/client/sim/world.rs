//! Servers, names and a network that do what a story tells them to.

use std::{
    cell::RefCell,
    collections::HashMap,
    net::SocketAddr,
    rc::Rc,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use campus_call::{Peer, Transport};
use campus_chassis::{AdminConfig, App, Handle, ServerConfig, config::HumanDuration};
use campus_client::{Address, Answer, Builder, Channel, PoolConfig, ResolveError, ResolverSettings};
use futures_util::{future::BoxFuture, stream};
use turmoil::{Sim, net::TcpListener};

use crate::support::{Probe, descriptors, server_config};

const PORT: u16 = 50051;
pub(crate) const CLIENT: &str = "client";
/// The clock's step.
pub(crate) const TICK: Duration = Duration::from_millis(20);
/// Longest time a message is under way, unless it is slow or lost.
const LATENCY: Duration = Duration::from_millis(20);
pub(crate) const SERVERS: [&str; 6] = ["s0", "s1", "s2", "s3", "s4", "s5"];

/// What people write for grpc-go: reads are repeated.
const CONFIG: &str = r#"{
    "loadBalancingConfig": [{"round_robin": {}}],
    "methodConfig": [{
        "name": [{}],
        "retryPolicy": {
            "maxAttempts": 5, "initialBackoff": "0.05s", "maxBackoff": "0.5s", "backoffMultiplier": 2,
            "retryableStatusCodes": ["UNAVAILABLE"]
        }
    }],
    "healthCheckConfig": {"serviceName": ""}
}"#;

/// What happens at some time.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// A server's process dies.
    Crash(usize),
    /// A process starts there.
    Start(usize),
    /// A server is told to stop in order.
    Drain(usize),
    /// Nothing gets through to a server and back any more, and nobody is told.
    Cut(usize),
    /// Only what the server sends is lost.
    Mute(usize),
    /// The network is whole again.
    Mend(usize),
    /// Messages take as long as this.
    Slow(usize, Duration),
    /// What the name server says.
    Say(Names),
}

/// What a name server says of the servers.
#[derive(Clone, Debug)]
pub(crate) enum Names {
    Are(Vec<usize>),
    None,
    Failure,
    Silence,
}

/// What each server has done, a run of its process after the other.
type Runs = Rc<RefCell<HashMap<usize, Vec<(Probe, Handle)>>>>;

/// A network with servers, none of which runs at first.
pub(crate) struct World {
    pub(crate) sim: Sim<'static>,
    pub(crate) dns: Arc<Mutex<Names>>,
    pub(crate) runs: Runs,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        fastrand::seed(seed);
        let mut builder = turmoil::Builder::new();
        builder
            .rng_seed(seed)
            .tick_duration(TICK)
            .simulation_duration(Duration::from_secs(120))
            .min_message_latency(Duration::from_millis(1))
            .max_message_latency(LATENCY);
        let (mut sim, runs) = (builder.build(), Runs::default());
        for (index, name) in SERVERS.into_iter().enumerate() {
            let runs = Rc::clone(&runs);
            sim.host(name, move || serve(index, Rc::clone(&runs)));
            sim.crash(name);
        }
        Self { sim, dns: Arc::new(Mutex::new(Names::None)), runs }
    }

    pub(crate) fn act(&mut self, act: &Act) {
        match act {
            Act::Crash(server) => self.sim.crash(SERVERS[*server]),
            Act::Start(server) => self.sim.bounce(SERVERS[*server]),
            Act::Drain(server) => {
                if let Some((_, handle)) = self.runs.borrow().get(server).and_then(|runs| runs.last()) {
                    handle.shutdown();
                }
            }
            Act::Cut(server) => self.sim.partition(CLIENT, SERVERS[*server]),
            Act::Mute(server) => self.sim.partition_oneway(SERVERS[*server], CLIENT),
            Act::Mend(server) => self.sim.repair(CLIENT, SERVERS[*server]),
            Act::Slow(server, latency) => self.sim.set_link_latency(CLIENT, SERVERS[*server], *latency),
            Act::Say(names) => *self.dns.lock().unwrap_or_else(PoisonError::into_inner) = names.clone(),
        }
    }

    /// A channel to whoever has the name, at a pace that fits a story of seconds.
    pub(crate) fn channel(&self, seed: u64) -> Builder {
        let dns = Arc::clone(&self.dns);
        let addresses: Vec<_> = SERVERS.map(|name| Address::Tcp(SocketAddr::new(self.sim.lookup(name), PORT))).to_vec();
        let resolve = move || -> BoxFuture<'static, Result<Answer, ResolveError>> {
            let names = dns.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let addresses = addresses.clone();
            Box::pin(async move {
                tokio::time::sleep(LATENCY).await;
                match names {
                    Names::Are(servers) => {
                        let addresses = servers.into_iter().map(|server| addresses[server].clone()).collect();
                        Ok(Answer { addresses, ttl: Duration::from_secs(1) })
                    }
                    Names::None => Err(ResolveError::Empty("none".to_owned())),
                    Names::Failure => Err(ResolveError::Failed("SERVFAIL".to_owned())),
                    Names::Silence => std::future::pending().await,
                }
            })
        };
        let settings = ResolverSettings {
            min_interval: Duration::from_millis(500),
            max_interval: Duration::from_secs(3),
            retry_after: Duration::from_millis(200),
            timeout: Duration::from_secs(1),
            keep_limit: Duration::from_secs(30),
        };
        Channel::builder("dns:///employee:50051")
            .unwrap()
            .connector(async |address| match address {
                Address::Tcp(address) => turmoil::net::TcpStream::connect(address).await,
                other => panic!("{other}"),
            })
            .resolver(resolve)
            .resolver_settings(settings)
            .pool(pool())
            .service_config(CONFIG)
            .unwrap()
            .random(fastrand::Rng::with_seed(seed))
    }
}

fn pool() -> PoolConfig {
    PoolConfig {
        connect_timeout: Duration::from_millis(500),
        backoff: Duration::from_millis(200),
        max_backoff: Duration::from_secs(2),
        drain_limit: Duration::from_secs(5),
        keepalive: Some(Duration::from_millis(500)),
        keepalive_timeout: Duration::from_millis(500),
        slow_start: Duration::from_secs(1),
        ..PoolConfig::default()
    }
}

async fn serve(index: usize, runs: Runs) -> turmoil::Result {
    let server = ServerConfig {
        shards: 1,
        min_ping_interval: HumanDuration::millis(100),
        max_connection_age: HumanDuration::secs(5),
        max_connection_age_grace: HumanDuration::secs(5),
        drain_delay: HumanDuration::millis(1500),
        drain_limit: HumanDuration::secs(3),
        flush_limit: HumanDuration::millis(300),
        ..server_config()
    };
    let admin = AdminConfig { listen: SocketAddr::from(([127, 0, 0, 1], 0)), ..AdminConfig::default() };
    let probe = Probe::default();
    let app = App::builder(&server, &admin).descriptors(descriptors()).service(probe.clone()).build()?;
    let listener = TcpListener::bind(("0.0.0.0", PORT)).await?;
    runs.borrow_mut().entry(index).or_default().push((probe, app.handle()));
    let incoming = stream::unfold(listener, |listener| async {
        let (stream, address) = listener.accept().await.ok()?;
        let peer = Peer { address: Some(address), ..Peer::of(Transport::Tcp) };
        Some(((stream, peer), listener))
    });
    app.run_here(Box::pin(incoming), std::future::pending::<()>()).await?;
    Ok(())
}
