//! The one way from the command line to the server.

use std::{
    net::SocketAddr,
    path::PathBuf,
    pin::pin,
    sync::mpsc,
    thread::{self, JoinHandle},
};

use campus_chassis::{Address, Listen, config, signals};
use campus_host::{Host, Observer, Part, build_info};

use crate::failure::{Failure, exit};

/// Every service of this program.
const PARTS: [Part; 3] = [
    Part::of::<campus_employee::Employees>(),
    Part::of::<campus_student::Students>(),
    Part::of::<campus_addressbook::AddressBook>(),
];

/// What the command line says of the server. What is `None` comes from the environment, the file or the defaults.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settings {
    /// Folder of the data.
    pub(crate) data_dir: Option<PathBuf>,
    /// Where the services are.
    pub(crate) listen: Option<Listen>,
    /// The name under which they are within this process, too.
    pub(crate) in_process: Option<&'static str>,
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
    let settings = settings.load()?;
    let is_encrypted = settings.server.tls.is_on();
    let observer = Observer::start(&settings, &build_info("campus"));
    let mut observer = observer.map_err(|error| StartError::new(&error, error.exit_code()))?;
    let (tell, told) = mpsc::sync_channel(1);
    let thread = thread::Builder::new().name("campus".into()).spawn(move || {
        let served = serve(&settings, &mut observer, &tell);
        observer.stop();
        served
    });
    let thread = thread.map_err(|error| StartError::new(&error, exit::INTERNAL))?;
    match told.recv() {
        Ok((grpc, admin)) => Ok(Some(Running { grpc, is_encrypted, admin, thread })),
        Err(_) => join(thread).map(|()| None),
    }
}

fn serve(
    settings: &campus_host::Settings,
    observer: &mut Observer,
    tell: &mpsc::SyncSender<(Listen, SocketAddr)>,
) -> Result<(), StartError> {
    let internal = |error: std::io::Error| StartError::new(&error, exit::INTERNAL);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(internal)?;
    runtime.block_on(async {
        let mut shutdown = pin!(signals::shutdown().map_err(internal)?);
        let host = tokio::select! {
            biased;
            host = Host::build_observed(settings, &PARTS, build_info("campus"), observer) => host,
            _ = &mut shutdown => return Ok(()),
        };
        let host = host.map_err(|error| StartError::new(&error, error.exit_code()))?;
        // Who started it waits for this line; if nobody does any more, it serves all the same.
        let _ = tell.send((host.grpc_addresses().clone(), host.admin_addr()));
        host.run_until(shutdown).await.map_err(|error| StartError::new(&error, error.exit_code()))
    })
}

fn join(thread: JoinHandle<Result<(), StartError>>) -> Result<(), StartError> {
    thread.join().unwrap_or_else(|_| Err(StartError::new(&"the server ended with a panic", exit::INTERNAL)))
}

impl Settings {
    /// As [`load`](Self::load), and refuses what a start would refuse.
    ///
    /// # Errors
    /// As [`load`](Self::load), and of a variable or a file that a setting names.
    pub(crate) fn would_start(self) -> Result<campus_host::Settings, StartError> {
        let settings = self.load()?;
        let checked = campus_host::would_start(&settings, &PARTS, &build_info("campus"));
        checked.map_err(|error| StartError::new(&error, error.exit_code()))?;
        Ok(settings)
    }

    /// All settings, from every source.
    ///
    /// # Errors
    /// If a file, a variable or a flag says what cannot be.
    pub(crate) fn load(self) -> Result<campus_host::Settings, StartError> {
        let given = [
            ("server.listen", self.listen.map(|addresses| addresses.to_string())),
            ("admin.listen", self.admin_listen.map(|address| address.to_string())),
            ("store.dir", self.data_dir.map(|dir| dir.display().to_string())),
            ("addressbook.load", self.load_people.map(|file| file.display().to_string())),
            ("log.level", self.log_level.map(ToOwned::to_owned)),
        ];
        let overrides = given.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect();
        let sources = config::Sources::process(self.config, overrides);
        let in_process = self.in_process.map(|name| Address::InProcess(name.to_owned()));
        let check = |settings: &mut campus_host::Settings| {
            settings.server.listen.0.extend(in_process);
            settings.check()
        };
        config::load_checked(sources, check).map_err(|error| StartError::new(&error, exit::USAGE))
    }
}

impl Running {
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
