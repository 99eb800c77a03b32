//! A service as a process of its own: what its `main` calls.

use std::{
    fmt::Display,
    io::{self, Write},
    net::SocketAddr,
    path::PathBuf,
    pin::pin,
    process::ExitCode,
};

use campus_chassis::{BuildInfo, Listen, config, exit, signals};
use clap::{Arg, ArgMatches, CommandFactory, FromArgMatches, Parser};

use crate::{Flag, Host, Observer, Part, Service, Settings, StartError};

/// What every program ends with, as help texts show it.
pub const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    the answer was an error about the records: unknown, taken, refused, rejected rows
  64   bad usage or configuration
  69   the server is not there, or cannot serve the call now, or not in time
  70   internal error
  74   trouble with storage or a local file
  130  interrupted";

/// Flags of a service. Every other setting stands in the file or the environment.
#[derive(Parser)]
#[command(
    after_help = format!("Settings come from defaults, then the file, then the environment, then flags; each later one wins.\n\
    A setting `section.key` is CAMPUS__SECTION__KEY in the environment, for example CAMPUS__STORE__DIR.\n\n{EXIT_CODES}")
)]
struct Flags {
    /// Configuration file (TOML or YAML).
    #[arg(long, value_name = "FILE", env = "CAMPUS_CONFIG")]
    config: Option<PathBuf>,
    /// Where it listens: IP:PORT, unix:/path or in-process:NAME; several with commas [default: 127.0.0.1:50051].
    #[arg(long, value_name = "ADDR")]
    listen: Option<Listen>,
    /// Address of the admin port: probes, metrics, build information [default: 127.0.0.1:9090].
    #[arg(long, value_name = "ADDR", value_parser = config::address)]
    admin_listen: Option<SocketAddr>,
    /// Folder of the database [default: the platform's data folder].
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Print the settings as they would be used, and exit.
    #[arg(long)]
    print_config: bool,
}

/// Runs the service `S` until it is told to stop.
pub fn main<S: Service>(binary: &'static str, about: &'static str) -> ExitCode {
    let command = Flags::command().name(binary).about(about).version(env!("CARGO_PKG_VERSION"));
    let own = |flag: &Flag| Arg::new(flag.setting).long(flag.name).value_name(flag.value).help(flag.help);
    let read = |matches: ArgMatches| {
        let given = |flag: &Flag| Some((flag.setting.to_owned(), matches.get_one::<String>(flag.setting)?.clone()));
        Ok((Flags::from_arg_matches(&matches)?, S::FLAGS.iter().filter_map(given).collect()))
    };
    let (flags, own) = match command.args(S::FLAGS.iter().map(own)).try_get_matches().and_then(read) {
        Ok(given) => given,
        Err(error) => {
            let code = if error.use_stderr() { exit::USAGE } else { exit::DONE };
            return error.print().map_or(exit::INTERNAL, |()| code).into();
        }
    };
    run(binary, flags, own, Part::of::<S>()).into()
}

fn run(binary: &'static str, flags: Flags, own: Vec<(String, String)>, part: Part) -> u8 {
    let print_config = flags.print_config;
    let settings = match flags.settings(own) {
        Ok(settings) => settings,
        Err(error) => return complain(binary, &error, exit::USAGE),
    };
    let info = build_info(binary);
    if print_config {
        return match would_start(&settings, &[part], &info) {
            Ok(()) => print(&settings),
            Err(error) => complain(binary, &error, error.exit_code()),
        };
    }
    let mut observer = match Observer::start(&settings.log, &settings.telemetry, &info) {
        Ok(observer) => observer,
        Err(error) => return complain(binary, &error, error.exit_code()),
    };
    let code = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(serve(&settings, part, info, &mut observer)),
        Err(error) => complain(binary, &format_args!("cannot make an event loop: {error}"), exit::INTERNAL),
    };
    observer.stop();
    code
}

async fn serve(settings: &Settings, part: Part, info: BuildInfo, observer: &mut Observer) -> u8 {
    let binary = info.name.clone();
    let mut shutdown = match signals::shutdown() {
        Ok(shutdown) => pin!(shutdown),
        Err(error) => return complain(&binary, &format_args!("cannot listen for signals: {error}"), exit::INTERNAL),
    };
    let parts = [part];
    let host = tokio::select! {
        biased;
        host = Host::build_observed(settings, &parts, info, observer) => match host {
            Ok(host) => host,
            Err(error) => return complain(&binary, &error, error.exit_code()),
        },
        // Told to stop before anything has begun.
        _ = &mut shutdown => return exit::DONE,
    };
    match host.run_until(shutdown).await {
        Ok(()) => exit::DONE,
        Err(error) => complain(&binary, &error, error.exit_code()),
    }
}

/// Refuses what a start would refuse, as far as that is known without opening or binding anything.
///
/// # Errors
/// [`StartError`].
pub fn would_start(settings: &Settings, parts: &[Part], info: &BuildInfo) -> Result<(), StartError> {
    settings.check()?;
    campus_telemetry::Settings::from_env(&info.name, &info.version)?;
    parts.iter().try_for_each(|part| (part.check)(settings))
}

/// What is running: a program of this build.
pub fn build_info(name: &str) -> BuildInfo {
    BuildInfo {
        name: name.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        commit: option_env!("CAMPUS_COMMIT").unwrap_or_default().to_owned(),
    }
}

/// One readable line on stderr, and the exit code.
fn complain(binary: &str, error: &dyn Display, code: u8) -> u8 {
    // Nobody is left to hear that stderr is closed.
    let _ = writeln!(io::stderr(), "{binary}: {error}");
    code
}

fn print(settings: &Settings) -> u8 {
    let Ok(text) = toml::to_string(settings) else { return exit::INTERNAL };
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => exit::DONE,
        Err(_) => exit::INTERNAL,
    }
}

impl Flags {
    /// `own` are settings that flags of the service gave.
    fn settings(self, own: Vec<(String, String)>) -> Result<Settings, config::ConfigError> {
        let given = [
            ("server.listen", self.listen.map(|addresses| addresses.to_string())),
            ("admin.listen", self.admin_listen.map(|address| address.to_string())),
            ("store.dir", self.data_dir.map(|dir| dir.display().to_string())),
        ];
        let given = given.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
        let overrides = given.chain(own).collect();
        config::load_checked(config::Sources::process(self.config, overrides), |settings: &mut Settings| {
            settings.check()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_of_a_service_lists_every_exit_code_as_the_readme_does() {
        assert!(Flags::command().render_help().to_string().contains(EXIT_CODES));
        assert!(include_str!("../../../README.md").contains(EXIT_CODES));
    }

    #[test]
    fn a_name_in_place_of_an_address_is_refused_with_what_an_address_is() {
        for flag in ["--listen", "--admin-listen"] {
            let Err(error) = Flags::try_parse_from(["campus", flag, "localhost:51080"]) else { panic!("{flag}") };
            let text = error.to_string();
            let expected = "expected an IP address and a port, for example 127.0.0.1:50051 or [::1]:50051";
            assert!(text.contains(flag) && text.contains("'localhost:51080'") && text.contains(expected), "{text}");
        }
    }
}
