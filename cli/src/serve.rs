//! `serve`: every service on this machine.

use crate::{
    args::ServeArgs,
    failure::Failure,
    server::{self, Settings},
};

/// Runs `serve`.
///
/// # Errors
/// If the server does not start, or does not end well.
pub(crate) fn run(args: &ServeArgs) -> Result<(), Failure> {
    server::start(settings(args))?.wait()?;
    Ok(())
}

/// What the command line says.
pub(crate) fn settings(args: &ServeArgs) -> Settings {
    Settings {
        data_dir: args.data_dir.clone(),
        listen: args.listen,
        admin_listen: args.admin_listen,
        config: args.config.clone(),
        log_level: None,
    }
}
