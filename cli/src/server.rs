//! The one way from the command line to the server.

use std::{
    net::SocketAddr,
    path::PathBuf,
    pin::pin,
    sync::mpsc,
    thread::{self, JoinHandle},
};

use campus_chassis::{Address, AdminConfig, AppBuilder, Listen, LogConfig, Rule, ServerConfig, config, signals};
use campus_gateway::{Backend, Gateway, RestConfig};
use campus_host::{AddressBookSettings, Host, Observer, Part, StoreSettings, TelemetrySettings, build_info};
use campus_schema::Schema;
use serde::{Deserialize, Serialize};

use crate::failure::{Failure, exit};

/// Every service of this program.
const PARTS: [Part; 3] = [
    Part::of::<campus_employee::Employees>(),
    Part::of::<campus_student::Students>(),
    Part::of::<campus_addressbook::AddressBook>(),
];

/// What REST reaches the services by, within this process.
const REST: &str = "campus.rest";

/// All settings: those of every service, and of REST.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct All {
    server: ServerConfig,
    admin: AdminConfig,
    log: LogConfig,
    store: StoreSettings,
    telemetry: TelemetrySettings,
    addressbook: AddressBookSettings,
    rest: RestConfig,
}

/// What the command line says of the server. What is `None` comes from the environment, the file or the defaults.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settings {
    /// Folder of the data.
    pub(crate) data_dir: Option<PathBuf>,
    /// Where the services are.
    pub(crate) listen: Option<Listen>,
    /// The name under which they are within this process, too.
    pub(crate) in_process: Option<&'static str>,
    /// Where REST is; none at all where it is empty.
    pub(crate) rest_listen: Option<Listen>,
    /// Address of probes and metrics.
    pub(crate) admin_listen: Option<SocketAddr>,
    /// File of settings.
    pub(crate) config: Option<PathBuf>,
    /// People whom the address book begins with.
    pub(crate) load_people: Option<PathBuf>,
    /// How much is logged.
    pub(crate) log_level: Option<&'static str>,
}

/// A server that listens.
#[derive(Debug)]
pub(crate) struct Running {
    grpc: Listen,
    web: Listen,
    is_encrypted: bool,
    /// Where its probes and metrics are.
    pub(crate) admin: SocketAddr,
    thread: JoinHandle<Result<(), StartError>>,
}

/// Why a server did not start, or did not end well.
#[derive(Debug)]
pub(crate) struct StartError {
    /// What was wrong, where, and what to do.
    pub(crate) message: String,
    /// One of [`exit`].
    pub(crate) exit: u8,
}

impl StartError {
    fn new(error: &impl ToString, exit: u8) -> Self {
        Self { message: error.to_string(), exit }
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        Self::new(error.exit, error.message)
    }
}

/// Starts every service on this machine, on threads of its own, and returns when it listens; `None` when a signal ended it
/// before.
///
/// # Errors
/// If the settings are wrong, an address is taken, or the data cannot be opened.
pub(crate) fn start(settings: Settings) -> Result<Option<Running>, StartError> {
    let (settings, rest) = settings.load()?.split();
    let is_encrypted = settings.server.tls.is_on();
    let observer = Observer::start(&settings.log, &settings.telemetry, &build_info("campus"));
    let mut observer = observer.map_err(|error| StartError::new(&error, error.exit_code()))?;
    let (tell, told) = mpsc::sync_channel(1);
    let thread = thread::Builder::new().name("campus".into()).spawn(move || {
        let served = serve(settings, &rest, &mut observer, &tell);
        observer.stop();
        served
    });
    let thread = thread.map_err(|error| StartError::new(&error, exit::INTERNAL))?;
    match told.recv() {
        Ok(Ports { grpc, web, admin }) => Ok(Some(Running { grpc, web, is_encrypted, admin, thread })),
        Err(_) => join(thread).map(|()| None),
    }
}

/// Where it listens.
struct Ports {
    grpc: Listen,
    web: Listen,
    admin: SocketAddr,
}

fn serve(
    mut settings: campus_host::Settings,
    rest: &RestConfig,
    observer: &mut Observer,
    tell: &mpsc::SyncSender<Ports>,
) -> Result<(), StartError> {
    rest.check().map_err(|error| StartError::new(&error, exit::USAGE))?;
    let gateway = gateway(&mut settings, rest)?;
    let internal = |error: std::io::Error| StartError::new(&error, exit::INTERNAL);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(internal)?;
    runtime.block_on(async {
        let mut shutdown = pin!(signals::shutdown().map_err(internal)?);
        let metrics = gateway.as_ref().map(Gateway::metrics);
        let more = |app: AppBuilder| match gateway {
            Some(gateway) => app.web(rest.listen.clone(), gateway),
            None => app,
        };
        let host = tokio::select! {
            biased;
            host = Host::build_with(&settings, &PARTS, build_info("campus"), Some(observer), more) => host,
            _ = &mut shutdown => return Ok(()),
        };
        let host = host.map_err(|error| StartError::new(&error, error.exit_code()))?;
        if let Some(metrics) = metrics {
            host.metrics().register(|registry| metrics.register(registry));
        }
        // Who started it waits for this line; if nobody does any more, it serves all the same.
        let (grpc, web) = (host.grpc_addresses().clone(), host.web_addresses().clone());
        let _ = tell.send(Ports { grpc, web, admin: host.admin_addr() });
        host.run_until(shutdown).await.map_err(|error| StartError::new(&error, error.exit_code()))
    })
}

/// REST before the services of this process, unless it is switched off.
fn gateway(settings: &mut campus_host::Settings, rest: &RestConfig) -> Result<Option<Gateway>, StartError> {
    if rest.listen.0.is_empty() {
        return Ok(None);
    }
    settings.server.listen.0.push(Address::InProcess(REST.to_owned()));
    if !settings.server.allow.0.is_empty() {
        // Who may use REST is asked where it comes in.
        settings.server.allow.0.push(Rule::InProcess);
    }
    let fault =
        |error: &dyn std::error::Error| StartError::new(&format!("fault in this build: {error}"), exit::INTERNAL);
    let schema = Schema::from_descriptors(campus_proto::DESCRIPTORS).map_err(|error| fault(&error))?;
    let backend = Backend::new(&format!("in-process:{REST}")).map_err(|error| fault(&error))?;
    Gateway::new(schema, &[backend], rest).map(Some).map_err(|error| fault(&error))
}

fn join(thread: JoinHandle<Result<(), StartError>>) -> Result<(), StartError> {
    thread.join().unwrap_or_else(|_| Err(StartError::new(&"the server ended with a panic", exit::INTERNAL)))
}

impl Settings {
    /// As [`load`](Self::load), and refuses what a start would refuse.
    ///
    /// # Errors
    /// As [`load`](Self::load), and of a variable or a file that a setting names.
    pub(crate) fn would_start(self) -> Result<All, StartError> {
        let all = self.load()?;
        let (settings, _) = all.clone().split();
        let checked = campus_host::would_start(&settings, &PARTS, &build_info("campus"));
        checked.map_err(|error| StartError::new(&error, error.exit_code()))?;
        Ok(all)
    }

    /// All settings, from every source.
    ///
    /// # Errors
    /// If a file, a variable or a flag says what cannot be.
    pub(crate) fn load(self) -> Result<All, StartError> {
        let given = [
            ("server.listen", self.listen.map(|addresses| addresses.to_string())),
            ("rest.listen", self.rest_listen.map(|addresses| addresses.to_string())),
            ("admin.listen", self.admin_listen.map(|address| address.to_string())),
            ("store.dir", self.data_dir.map(|dir| dir.display().to_string())),
            ("addressbook.load", self.load_people.map(|file| file.display().to_string())),
            ("log.level", self.log_level.map(ToOwned::to_owned)),
        ];
        let overrides = given.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect();
        let sources = config::Sources::process(self.config, overrides);
        let in_process = self.in_process.map(|name| Address::InProcess(name.to_owned()));
        let check = |settings: &mut All| {
            settings.server.listen.0.extend(in_process);
            settings.check()
        };
        config::load_checked(sources, check).map_err(|error| StartError::new(&error, exit::USAGE))
    }
}

impl All {
    fn check(&self) -> Result<(), config::OutOfRange> {
        let (settings, rest) = self.clone().split();
        settings.check()?;
        settings.server.check_with(&rest.listen)?;
        settings.admin.check(&settings.server.listen, &rest.listen)?;
        rest.check()
    }

    fn split(self) -> (campus_host::Settings, RestConfig) {
        let Self { server, admin, log, store, telemetry, addressbook, rest } = self;
        (campus_host::Settings { server, admin, log, store, telemetry, addressbook }, rest)
    }
}

impl Running {
    /// How a browser names the first address of REST that is one of TCP.
    pub(crate) fn rest(&self) -> Option<String> {
        let scheme = if self.is_encrypted { "https" } else { "http" };
        let address = self.web.0.iter().find_map(Address::tcp)?;
        Some(format!("{scheme}://{address}"))
    }

    /// How a client names the first of its addresses.
    pub(crate) fn server(&self) -> String {
        let scheme = if self.is_encrypted { "https" } else { "http" };
        match self.grpc.0.first() {
            Some(Address::Tcp(address)) => format!("{scheme}://{address}"),
            other => other.map(Address::to_string).unwrap_or_default(),
        }
    }

    /// Waits until the server has stopped, which SIGTERM and SIGINT make it do.
    ///
    /// # Errors
    /// If it did not stop well.
    pub(crate) fn wait(self) -> Result<(), StartError> {
        join(self.thread)
    }
}
