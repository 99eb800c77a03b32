//! `serve`: every service on this machine.

use crate::{
    args::{ServeArgs, ServeCommand},
    failure::{Failure, exit},
    output::print,
    server::{self, Running, Settings},
};

/// Runs `serve`.
///
/// # Errors
/// If the server does not start, or does not end well.
pub(crate) fn run(command: &ServeCommand) -> Result<(), Failure> {
    let settings = Settings { load_people: command.load_people.clone(), ..settings(&command.args) };
    if command.print_config {
        let text = toml::to_string(&settings.would_start()?);
        return print(&text.map_err(|error| Failure::new(exit::INTERNAL, format!("cannot print them: {error}")))?);
    }
    Ok(server::start(settings)?.map_or(Ok(()), Running::wait)?)
}

/// What the command line says.
pub(crate) fn settings(args: &ServeArgs) -> Settings {
    Settings {
        data_dir: args.data_dir.clone(),
        listen: args.listen.clone(),
        rest_listen: args.rest_listen.clone(),
        admin_listen: args.admin_listen,
        config: args.config.clone(),
        in_process: None,
        log_level: None,
        load_people: None,
    }
}
