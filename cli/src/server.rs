//! The one way from the command line to the server.

use std::{fmt::Display, net::SocketAddr, path::PathBuf, thread};

use campus_chassis::{config, logs, signals};
use campus_host::{Host, Part, build_info};
use tokio::sync::oneshot;

use crate::failure::{Failure, exit};

/// Every service of this program.
const PARTS: [Part; 2] = [Part::of::<campus_employee::Employees>(), Part::of::<campus_student::Students>()];

/// What the command line says of the server. What is `None` comes from the environment, the file or the defaults.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settings {
    /// Folder of the data.
    pub(crate) data_dir: Option<PathBuf>,
    /// Address of the services.
    pub(crate) listen: Option<SocketAddr>,
    /// Address of probes and metrics.
    pub(crate) admin_listen: Option<SocketAddr>,
    /// File of settings.
    pub(crate) config: Option<PathBuf>,
    /// How much is logged.
    pub(crate) log_level: Option<&'static str>,
}

/// A server that listens.
#[derive(Debug)]
pub(crate) struct Running {
    /// Where its services are.
    pub(crate) grpc: SocketAddr,
    /// Where its probes and metrics are.
    pub(crate) admin: SocketAddr,
    thread: thread::JoinHandle<Result<(), StartError>>,
}

/// Why a server did not start, or did not end well.
#[derive(Debug)]
pub(crate) struct StartError {
    /// What was wrong, where, and what to do.
    message: String,
    exit: u8,
}

impl StartError {
    fn new(exit: u8, error: impl Display) -> Self {
        Self { message: error.to_string(), exit }
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        Self::new(error.exit, error.message)
    }
}

/// Starts every service on this machine, on threads of its own, and returns when it listens.
///
/// # Errors
/// If the settings are wrong, an address is taken, or the data cannot be opened.
pub(crate) fn start(settings: Settings) -> Result<Running, StartError> {
    let settings = load(settings).map_err(|error| StartError::new(exit::USAGE, error))?;
    logs::init(&settings.log).map_err(|error| StartError::new(exit::USAGE, error))?;
    let (tell, listening) = oneshot::channel();
    let thread = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.map_err(|error| StartError::new(exit::INTERNAL, error))?.block_on(serve(settings, tell))
    });
    match listening.blocking_recv() {
        Ok((grpc, admin)) => Ok(Running { grpc, admin, thread }),
        Err(_) => {
            Err(joined(thread).err().unwrap_or_else(|| StartError::new(exit::INTERNAL, "the server ended at once")))
        }
    }
}

impl Running {
    /// Waits until the server has stopped, which SIGTERM and SIGINT make it do.
    ///
    /// # Errors
    /// If it did not stop well.
    pub(crate) fn wait(self) -> Result<(), StartError> {
        joined(self.thread)
    }
}

fn joined(thread: thread::JoinHandle<Result<(), StartError>>) -> Result<(), StartError> {
    thread.join().unwrap_or_else(|_| Err(StartError::new(exit::INTERNAL, "the server failed; its log says why")))
}

async fn serve(
    settings: campus_host::Settings,
    tell: oneshot::Sender<(SocketAddr, SocketAddr)>,
) -> Result<(), StartError> {
    let shutdown = signals::shutdown().map_err(|error| StartError::new(exit::INTERNAL, error))?;
    let host = Host::build(&settings, &PARTS, build_info("campus")).await;
    let host = host.map_err(|error| StartError::new(error.exit_code(), error))?;
    // Nobody waits for this who is gone.
    let _ = tell.send((host.grpc_addr(), host.admin_addr()));
    host.run_until(shutdown).await.map_err(|error| StartError::new(error.exit_code(), error))
}

fn load(settings: Settings) -> Result<campus_host::Settings, config::ConfigError> {
    let text = |address: SocketAddr| address.to_string();
    let given = [
        ("server.listen", settings.listen.map(text)),
        ("admin.listen", settings.admin_listen.map(text)),
        ("store.dir", settings.data_dir.map(|dir| dir.display().to_string())),
        ("log.level", settings.log_level.map(str::to_owned)),
    ];
    let overrides = given.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect();
    config::load(config::Sources::process(settings.config, overrides))
}
