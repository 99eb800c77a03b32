//! The `campus` binary: every service on one machine, and the command-line client.
//!
//! The client knows no kind of record by name. Commands, flags, columns and forms of output come from the descriptors
//! of the contract, and the standard methods are called with the request types that all kinds share.

mod args;
mod calls;
mod channel;
mod commands;
mod connect;
mod context;
mod demo;
mod examples;
mod failure;
mod flags;
mod health;
mod import;
mod kind;
mod output;
mod progress;
mod retry;
mod serve;
mod server;
mod status;
mod terminal;
mod value;
mod version;

use std::{ffi::OsString, process::ExitCode};

use clap::{ArgMatches, Command, FromArgMatches};

pub use crate::failure::exit;
use crate::{
    args::TopCommand,
    context::{ClientArgs, SERVER_VARIABLE},
    failure::Failure,
    kind::{Kind, kinds},
    terminal::complain,
};

/// Runs the program with the arguments it was started with.
pub fn main() -> ExitCode {
    ExitCode::from(run(std::env::args_os()))
}

/// The whole command line, for help texts and completions.
///
/// # Errors
/// If the descriptors of the contract cannot be read.
pub fn command_line() -> Result<Command, campus_schema::SchemaError> {
    Ok(args::command(&kinds()?))
}

/// Runs the program and returns its exit code.
fn run(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let kinds = match kinds() {
        Ok(kinds) => kinds,
        Err(error) => return end(&Failure::new(exit::INTERNAL, format!("the contract cannot be read: {error}"))),
    };
    let matches = match args::command(&kinds).try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(error) => {
            // Help and version are asked for, and come on stdout; that nobody reads them is no fault.
            let _ = error.print();
            return if error.use_stderr() { exit::USAGE } else { exit::DONE };
        }
    };
    match dispatch(&kinds, &matches) {
        Ok(()) => exit::DONE,
        Err(failure) => end(&failure),
    }
}

fn end(failure: &Failure) -> u8 {
    complain(failure);
    failure.exit()
}

fn dispatch(kinds: &[Kind], matches: &ArgMatches) -> Result<(), Failure> {
    if let Some((name, below)) = matches.subcommand()
        && let Some(kind) = kinds.iter().find(|kind| kind.singular == name)
    {
        let client = client(matches, below)?;
        return block_on(commands::run(kind, &client, below));
    }
    if let Some((commands::person::NAME, below)) = matches.subcommand() {
        let client = client(matches, below)?;
        return block_on(commands::person::run(&client, below));
    }
    let usage = |error: clap::Error| Failure::usage(error.to_string());
    match TopCommand::from_arg_matches(matches).map_err(usage)? {
        TopCommand::Health(_) => {
            let below = matches.subcommand().map_or(matches, |(_, below)| below);
            let client = client(matches, below)?;
            block_on(health::run(&client))
        }
        TopCommand::Channel(args) => {
            let below = matches.subcommand().map_or(matches, |(_, below)| below);
            block_on(channel::run(&args, &client(matches, below)?))
        }
        TopCommand::Serve(args) => serve::run(&args),
        TopCommand::Demo(args) => demo::run(kinds, &args),
        TopCommand::Completion(args) => version::completion(args.shell, args::command(kinds)),
        TopCommand::Version(args) => version::run(args.output),
    }
}

/// The options of a call, which may stand before or after the command; what stands later has precedence.
fn client(top: &ArgMatches, below: &ArgMatches) -> Result<ClientArgs, Failure> {
    let usage = |error: clap::Error| Failure::usage(error.to_string());
    let before = ClientArgs::from_arg_matches(top).map_err(usage)?;
    let after = ClientArgs::from_arg_matches(below).map_err(usage)?;
    let is_given =
        |matches: &ArgMatches| matches.value_source("server") == Some(clap::parser::ValueSource::CommandLine);
    let variable = std::env::var_os(SERVER_VARIABLE).filter(|server| !server.is_empty());
    let server = match variable {
        _ if is_given(below) => after.server,
        Some(server) if !is_given(top) => server.to_string_lossy().into_owned(),
        _ => before.server,
    };
    Ok(ClientArgs {
        server,
        timeout: after.timeout.or(before.timeout),
        output: after.output.or(before.output),
        compress: after.compress.or(before.compress),
        tls: after.tls.or(before.tls),
    })
}

/// Runs a client. Its connection lives on a thread of its own, so that a slow reader of stdout does not hold it up.
fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(exit::INTERNAL, format!("cannot start a thread: {error}")))?;
    let done = runtime.block_on(work);
    runtime.shutdown_background();
    done
}
