//! `serve`: every service on this machine.

use std::path::PathBuf;

use etcetera::{AppStrategy, AppStrategyArgs, choose_app_strategy};

use crate::{
    args::ServeArgs,
    failure::{Failure, exit},
    server::{self, Settings},
};

/// Runs `serve`.
///
/// # Errors
/// If the server does not start, or does not end well.
pub(crate) fn run(args: &ServeArgs) -> Result<(), Failure> {
    server::start(settings(args, "data")?)?.wait()?;
    Ok(())
}

/// What the command line says, with a folder of its own for `purpose` if it names none.
///
/// # Errors
/// If the platform does not tell where data is kept.
pub(crate) fn settings(args: &ServeArgs, purpose: &str) -> Result<Settings, Failure> {
    let default_data_dir = match &args.data_dir {
        Some(dir) => dir.clone(),
        None => data_folder()?.join(purpose),
    };
    Ok(Settings {
        default_data_dir,
        data_dir: args.data_dir.clone(),
        listen: args.listen,
        admin_listen: args.admin_listen,
        config: args.config.clone(),
    })
}

fn data_folder() -> Result<PathBuf, Failure> {
    let names = AppStrategyArgs { top_level_domain: String::new(), author: String::new(), app_name: "campus".into() };
    let strategy = choose_app_strategy(names).map_err(|error| {
        Failure::new(exit::FILE, format!("cannot tell where data is kept here: {error}")).note("say it: --data-dir DIR")
    })?;
    Ok(strategy.data_dir())
}
