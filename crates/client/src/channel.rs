//! What a generated client takes.

use std::{
    fmt, io,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
    time::Duration,
};

use http::{
    Request, Response,
    uri::{Authority, Scheme},
};
use tokio::sync::watch;
use tonic::{Status, body::Body};
use tower::Service;

use crate::{
    Address, BadServiceConfig, BadTarget, BadTls, Dump, Metrics, Resolve, ResolverSettings, ServiceConfig, State,
    Target, Tls,
    call::{self, Calls},
    connection::{Connector, Dial, Stream},
    pool::{Origin, Pool, PoolConfig, Shared},
    resolve::Resolver,
};

/// A channel that is being put together.
#[must_use]
pub struct Builder {
    target: Target,
    tls: Option<Tls>,
    authority: Option<Authority>,
    connector: Option<Connector>,
    resolver: Option<Arc<dyn Resolve>>,
    resolver_settings: ResolverSettings,
    pool: PoolConfig,
    metrics: Option<Metrics>,
    service_config: ServiceConfig,
    default_deadline: Option<Duration>,
    random: fastrand::Rng,
}

/// How long a call waits for the head of its answer if nothing else is said.
const DEFAULT_DEADLINE: Duration = Duration::from_secs(60);

impl Builder {
    /// Encrypts connections of TCP. Without this, those of an `https` target are as [`Tls::builder`] says.
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// What calls carry as `:authority` instead of what the target says.
    pub fn authority(mut self, authority: Authority) -> Self {
        self.authority = Some(authority);
        self
    }

    /// Connects by this instead of sockets of the system, as in a simulation.
    pub fn connector<F, A, S>(mut self, connect: F) -> Self
    where
        F: Fn(Address) -> A + Send + Sync + 'static,
        A: Future<Output = io::Result<S>> + Send + 'static,
        S: Stream + 'static,
    {
        self.connector = Some(Connector::new(connect));
        self
    }

    /// Finds addresses by this instead of what the target says.
    pub fn resolver(mut self, resolver: impl Resolve) -> Self {
        self.resolver = Some(Arc::new(resolver));
        self
    }

    /// The pace of the resolver.
    pub fn resolver_settings(mut self, settings: ResolverSettings) -> Self {
        self.resolver_settings = settings;
        self
    }

    /// The times and sizes of connections.
    pub fn pool(mut self, config: PoolConfig) -> Self {
        self.pool = config;
        self
    }

    /// How calls are balanced, repeated and limited: gRPC's service config in JSON.
    ///
    /// # Errors
    /// If the text is none; it says where.
    pub fn service_config(mut self, json: &str) -> Result<Self, BadServiceConfig> {
        self.service_config = json.parse()?;
        Ok(self)
    }

    /// How long a call that says nothing of it (by `grpc-timeout`, or a `timeout` of the service config) waits for the head of
    /// its answer, once its request is whole; `None`: as long as it takes. The server is not told, and what comes after the
    /// head has its time: nobody here knows whether the answer is one message or a stream. 60 s.
    pub fn default_deadline(mut self, limit: Option<Duration>) -> Self {
        self.default_deadline = limit;
        self
    }

    /// Adds its figures to these.
    pub fn metrics(mut self, metrics: &Metrics) -> Self {
        self.metrics = Some(metrics.clone());
        self
    }

    /// Where chance comes from, for a story that can be told again.
    pub fn random(mut self, random: fastrand::Rng) -> Self {
        self.random = random;
        self
    }

    /// The channel. It connects when it is first used, on the event loop of that call.
    #[must_use]
    pub fn build(self) -> Channel {
        Channel(Arc::new(Inner { running: OnceLock::new(), builder: self }))
    }
}

/// Calls to whichever server is there. Clones share everything.
#[derive(Clone)]
pub struct Channel(Arc<Inner>);

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let builder = &self.0.builder;
        f.debug_struct("Channel").field("target", &builder.target).field("state", &self.state()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("target", &self.target).finish_non_exhaustive()
    }
}

pub(crate) struct Inner {
    builder: Builder,
    running: OnceLock<(Pool, Calls)>,
}

impl Channel {
    /// Begins a channel to a target.
    ///
    /// # Errors
    /// If the text names none.
    pub fn builder(target: &str) -> Result<Builder, BadTarget> {
        target.parse().map(Self::to)
    }

    /// Begins a channel to a target that was read before.
    pub fn to(target: Target) -> Builder {
        Builder {
            target,
            tls: None,
            authority: None,
            connector: None,
            resolver: None,
            resolver_settings: ResolverSettings::default(),
            pool: PoolConfig::default(),
            metrics: None,
            service_config: ServiceConfig::default(),
            default_deadline: Some(DEFAULT_DEADLINE),
            random: fastrand::Rng::new(),
        }
    }

    /// Begins to connect, as the first call does. It must be called on a runtime of tokio.
    pub fn connect(&self) {
        self.0.pool().connect();
    }

    /// Begins to connect, as the first call does, and waits until a call can be sent.
    ///
    /// # Errors
    /// `UNAVAILABLE`, with the reason of each server, if each has failed since it was last ready; all are tried again.
    pub async fn ready(&self) -> Result<(), Status> {
        self.0.pool().ready(false).await.map(drop)
    }

    /// How it is. It is idle before its first call.
    #[must_use]
    pub fn state(&self) -> State {
        self.0.running.get().map_or(State::Idle, |(pool, _)| pool.snapshot().state)
    }

    /// All that it knows now; it begins to connect.
    #[must_use]
    pub fn dump(&self) -> Dump {
        let (pool, calls) = self.0.running();
        Dump::of(pool.shared(), &pool.snapshot(), calls.weigh_latency())
    }

    /// Its state as it changes; it begins to connect.
    #[must_use]
    pub fn watch_state(&self) -> watch::Receiver<State> {
        self.0.pool().watch()
    }
}

impl Inner {
    fn pool(&self) -> &Pool {
        &self.running().0
    }

    /// The pool and the calls, which begin now if they have not.
    pub(crate) fn running(&self) -> &(Pool, Calls) {
        self.running.get_or_init(|| {
            let (builder, mut random) = (&self.builder, self.builder.random.clone());
            let resolver = match &builder.resolver {
                Some(source) => Resolver::start(Arc::clone(source), &builder.resolver_settings, random.fork()),
                None => Resolver::of(&builder.target, &builder.resolver_settings, random.fork()),
            };
            let shared = Arc::new(builder.shared());
            if let Some(metrics) = &builder.metrics {
                metrics.add(&shared);
            }
            let calls = Calls::start(&builder.service_config, builder.default_deadline, &shared, random.fork());
            (Pool::start(shared, resolver, random), calls)
        })
    }
}

impl Builder {
    fn shared(&self) -> Shared {
        let tls = self.tls.clone().map(Ok).or_else(|| self.default_tls());
        let scheme = if tls.is_some() { Scheme::HTTPS } else { Scheme::HTTP };
        let named = || self.target.authority().parse().ok();
        let authority = self.authority.clone().or_else(named).unwrap_or(const { Authority::from_static("localhost") });
        let dial = Dial { tls, connector: self.connector.clone() };
        let mut config = self.pool.clone();
        config.health_service = config.health_service.or_else(|| self.service_config.health_service.clone());
        Shared::new(self.target.to_string(), Origin(scheme, authority), dial, config)
    }

    /// Of a target that says that it is encrypted, and not how.
    fn default_tls(&self) -> Option<Result<Tls, Arc<BadTls>>> {
        let wanted = self.target.tls() == Some(true);
        wanted.then(|| Tls::builder().build(&self.target.host().unwrap_or_default()).map_err(Arc::new))
    }
}

impl Service<Request<Body>> for Channel {
    type Response = Response<Body>;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Status>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(call::run(Arc::clone(&self.0), request))
    }
}
