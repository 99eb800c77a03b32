//! The one way from the command line to the server.

use std::{net::SocketAddr, path::PathBuf};

use crate::failure::{Failure, exit};

/// What the command line says of the server. What is `None` was not said there.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Folder of the data if neither the command line, the environment nor the file names one.
    pub(crate) default_data_dir: PathBuf,
    /// Folder of the data.
    pub(crate) data_dir: Option<PathBuf>,
    /// Address of the services.
    pub(crate) listen: Option<SocketAddr>,
    /// Address of probes and metrics.
    pub(crate) admin_listen: Option<SocketAddr>,
    /// File of settings.
    pub(crate) config: Option<PathBuf>,
}

/// A server that listens.
#[derive(Debug)]
pub(crate) struct Running {
    /// Where its services are.
    pub(crate) grpc: SocketAddr,
    /// Where its probes and metrics are.
    pub(crate) admin: SocketAddr,
}

/// Why a server did not start, or did not end well.
#[derive(Debug)]
pub(crate) struct StartError {
    /// What was wrong, where, and what to do.
    pub(crate) message: String,
    /// One of [`exit`].
    pub(crate) exit: u8,
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
    let _ = settings;
    Err(StartError { message: "this build has no server".to_owned(), exit: exit::INTERNAL })
}

impl Running {
    /// Waits until the server has stopped, which SIGTERM and SIGINT make it do.
    ///
    /// # Errors
    /// If it did not stop well.
    pub(crate) fn wait(self) -> Result<(), StartError> {
        Ok(())
    }
}
