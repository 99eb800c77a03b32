//! Puts a server together.

use crate::{
    AdminConfig, GrpcService, Handle, Health, Metrics, ServerConfig, Tracer,
    assemble::{Services, plan},
    config::OutOfRange,
    descriptors,
    metrics::{Shards, WebShards},
    panics,
    ready::{Check, Readiness, saturation},
    serve::Shard,
    service::Registered,
    transport::{Address, Listen, Listener, Port, Tls, Watched, tcp},
    web::{Erased, WebService, erase},
};
use serde::Serialize;
use std::{
    fmt, io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
};

/// What is running, for `/version`, metrics and the first log line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BuildInfo {
    /// Of the program.
    pub name: String,
    /// Of the program.
    pub version: String,
    /// The commit it was built from; empty when it is not known.
    pub commit: String,
}

impl BuildInfo {
    /// All three at once.
    #[must_use]
    pub fn new(name: impl Into<String>, version: impl Into<String>, commit: impl Into<String>) -> Self {
        Self { name: name.into(), version: version.into(), commit: commit.into() }
    }

    pub(crate) fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// A server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A port cannot be listened on.
    #[error("setting {setting}: cannot listen on {addr}: {source}; {}", addr.advice(source))]
    Listen {
        /// `server.listen`, `rest.listen` or `admin.listen`.
        setting: &'static str,
        /// As configured.
        addr: Address,
        /// Of the operating system.
        source: io::Error,
    },
    /// The descriptors are not an encoded `FileDescriptorSet`.
    #[error("the descriptors given are not an encoded FileDescriptorSet: {0}")]
    Descriptors(String),
    /// A service is not described by the descriptors.
    #[error("service {0} is not in the descriptors given; add the set that defines it")]
    Undescribed(&'static str),
    /// Two services have the same name.
    #[error("service {0} was given twice")]
    Twice(&'static str),
    /// A setting is outside of what is possible.
    #[error(transparent)]
    Setting(#[from] OutOfRange),
}

type DrainHook = Box<dyn FnOnce() + Send>;

/// A server that is being put together; see [`App::builder`].
#[must_use]
pub struct AppBuilder {
    server: ServerConfig,
    admin: AdminConfig,
    build: BuildInfo,
    descriptors: Vec<Vec<u8>>,
    services: Vec<Registered>,
    checks: Vec<Check>,
    on_drain: Vec<DrainHook>,
    tracer: Tracer,
    web: Option<(Listen, Arc<dyn Erased>)>,
}

/// A server whose ports are bound; [`run_until`](App::run_until) serves.
pub struct App {
    pub(crate) server: ServerConfig,
    pub(crate) admin: AdminConfig,
    pub(crate) build: BuildInfo,
    pub(crate) listeners: Vec<Listener>,
    pub(crate) admin_port: TcpListener,
    pub(crate) grpc_addresses: Listen,
    pub(crate) web_addresses: Listen,
    pub(crate) admin_addr: SocketAddr,
    pub(crate) health: Health,
    pub(crate) readiness: Readiness,
    pub(crate) metrics: Metrics,
    pub(crate) figures: Shards,
    pub(crate) web_figures: Option<WebShards>,
    pub(crate) shards: Vec<Arc<Shard>>,
    pub(crate) on_drain: Vec<DrainHook>,
    pub(crate) handle: Handle,
    pub(crate) tls: Option<Watched>,
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App")
            .field("grpc", &self.grpc_addresses)
            .field("web", &self.web_addresses)
            .field("admin", &self.admin_addr)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for AppBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppBuilder").field("server", &self.server).field("admin", &self.admin).finish_non_exhaustive()
    }
}

impl App {
    /// Begins a server with these settings.
    pub fn builder(server: &ServerConfig, admin: &AdminConfig) -> AppBuilder {
        AppBuilder {
            server: server.clone(),
            admin: admin.clone(),
            build: BuildInfo::default(),
            descriptors: Vec::new(),
            services: Vec::new(),
            checks: Vec::new(),
            on_drain: Vec::new(),
            tracer: Tracer::default(),
            web: None,
        }
    }

    /// Where the services are, with the ports that were taken, in the order of the setting.
    #[must_use]
    pub fn grpc_addresses(&self) -> &Listen {
        &self.grpc_addresses
    }

    /// Where the web service is, with the ports that were taken.
    #[must_use]
    pub fn web_addresses(&self) -> &Listen {
        &self.web_addresses
    }

    /// The first of the addresses of gRPC that is one of TCP.
    #[must_use]
    pub fn grpc_addr(&self) -> Option<SocketAddr> {
        self.grpc_addresses.0.iter().find_map(Address::tcp)
    }

    /// The address of the admin port, with the port that was taken.
    #[must_use]
    pub fn admin_addr(&self) -> SocketAddr {
        self.admin_addr
    }

    /// Stops the server from elsewhere.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// What health says.
    #[must_use]
    pub fn health(&self) -> Health {
        self.health.clone()
    }

    /// The registry behind `/metrics`, for figures of the host's own.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        self.metrics.clone()
    }
}

impl AppBuilder {
    /// Adds an encoded `FileDescriptorSet`, imports included. Every service must be in one; reflection serves the bytes as
    /// they are, so custom options survive.
    pub fn descriptors(mut self, set: impl Into<Vec<u8>>) -> Self {
        self.descriptors.push(set.into());
        self
    }

    /// Adds a generated server (`EmployeeServiceServer::new(..)`).
    ///
    /// The limit of request messages is the chassis' own (`max_message_in`). A generated server has one too, of 4 MiB: raise it with
    /// `max_decoding_message_size` where the chassis' is larger.
    pub fn service<S: GrpcService>(mut self, service: S) -> Self {
        self.services.push(Registered::new(service));
        self
    }

    /// Has requests that are no gRPC answered at these addresses: over HTTP/1.1 and HTTP/2 (by prior knowledge, or by ALPN
    /// where there is TLS), under the same limits and in the same life as calls. A server with such addresses needs no other.
    pub fn web(mut self, listen: Listen, service: impl WebService) -> Self {
        self.web = Some((listen, erase(service)));
        self
    }

    /// Adds a question that must be answered with `Ok` for the server to be ready; asked again every `ready_interval`.
    pub fn ready_check<F, A>(mut self, name: impl Into<String>, ask: F) -> Self
    where
        F: Fn() -> A + Send + Sync + 'static,
        A: Future<Output = Result<(), String>> + Send + 'static,
    {
        self.checks.push(Check::new(name.into(), ask));
        self
    }

    /// Adds work for the moment the drain begins, right after health turned NOT_SERVING. It must not block.
    pub fn on_drain(mut self, hook: impl FnOnce() + Send + 'static) -> Self {
        self.on_drain.push(Box::new(hook));
        self
    }

    /// Traces calls; without it none is.
    pub fn tracer(mut self, tracer: Tracer) -> Self {
        self.tracer = tracer;
        self
    }

    /// Says what is running.
    pub fn build_info(mut self, build: BuildInfo) -> Self {
        self.build = build;
        self
    }

    /// Checks everything, then binds every address. Nothing is accepted before [`App::run_until`]. Raises the limit of open
    /// files of the process as far as it may; if that leaves no room for `max_connections`, fewer are taken, with a warning.
    ///
    /// # Errors
    /// [`StartError`], with nothing left bound.
    pub fn build(mut self) -> Result<App, StartError> {
        panics::install();
        let (web_listen, web) = self.web.unzip();
        let web_listen = web_listen.unwrap_or_default();
        self.server.check_with(&web_listen)?;
        self.admin.check(&self.server.listen, &web_listen)?;
        let services = Services::assemble(&self.services, &self.descriptors)?;
        let health = services.health.clone();
        let (figures, web_figures, shards) =
            services.shards(&self.server, plan(&self.server), self.tracer, web.as_ref());
        self.server.max_connections = descriptors::fit(self.server.max_connections, shards.len());
        let mut checks = self.checks;
        checks.push(saturation(&figures, self.admin.saturated_limit.get()));
        let metrics = Metrics::new(&self.build, figures.clone(), web_figures.clone());
        let tls = Watched::new(&self.server.tls, &metrics)?;
        let listeners = bind(&self.server, &web_listen, tls.as_ref().map(|watched| &watched.tls))?;
        let addresses =
            |port| listeners.iter().filter(move |bound| bound.port == port).map(|bound| bound.address.clone());
        let admin_port = admin(self.admin.listen)?;
        Ok(App {
            grpc_addresses: addresses(Port::Grpc).collect(),
            web_addresses: addresses(Port::Web).collect(),
            admin_addr: admin_port.1,
            listeners,
            admin_port: admin_port.0,
            readiness: Readiness::new(checks, health.clone()),
            metrics,
            handle: Handle::new(),
            server: self.server,
            admin: self.admin,
            build: self.build,
            on_drain: self.on_drain,
            health,
            figures,
            web_figures,
            shards,
            tls,
        })
    }
}

fn bind(server: &ServerConfig, web: &Listen, tls: Option<&Arc<Tls>>) -> Result<Vec<Listener>, StartError> {
    let bind = |(port, setting, all, addr): (Port, &'static str, &Listen, &Address)| {
        Listener::bind(port, addr, all, tls, server.socket_mode.0).map_err(|source| StartError::Listen {
            setting,
            addr: addr.clone(),
            source,
        })
    };
    let grpc = server.listen.0.iter().map(|addr| (Port::Grpc, "server.listen", &server.listen, addr));
    grpc.chain(web.0.iter().map(|addr| (Port::Web, "rest.listen", web, addr))).map(bind).collect()
}

fn admin(addr: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let bound = tcp(addr, &Listen::from(addr)).and_then(|listener| Ok((listener.local_addr()?, listener)));
    bound.map(|(addr, listener)| (listener, addr)).map_err(|source| StartError::Listen {
        setting: "admin.listen",
        addr: addr.into(),
        source,
    })
}
