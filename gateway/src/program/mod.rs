//! The gateway as a program of its own.

mod ready;
mod settings;

use std::{
    fs,
    io::{self, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
};

use campus_chassis::{App, BuildInfo, Listen, StartError, config, exit, signals};
use campus_host::{Observer, build_info};
use campus_schema::Schema;
use clap::{CommandFactory, FromArgMatches, Parser};

use self::settings::Settings;
use crate::{BuildError, Gateway};

/// Flags of the gateway. Every other setting stands in the file or the environment.
#[derive(Parser)]
#[command(
    after_help = "Settings come from defaults, then the file, then the environment, then flags; each later one wins.\n\
    A setting `section.key` is CAMPUS__SECTION__KEY in the environment, for example CAMPUS__REST__LISTEN.\n\n\
    Exit codes: 0 done, 64 bad usage or configuration, 70 internal error."
)]
struct Flags {
    /// Configuration file (TOML or YAML).
    #[arg(long, value_name = "FILE", env = "CAMPUS_CONFIG")]
    config: Option<PathBuf>,
    /// Where it listens: IP:PORT or unix:/path; several with commas [default: 127.0.0.1:8080].
    #[arg(long, value_name = "ADDR")]
    rest_listen: Option<Listen>,
    /// Address of the admin port: probes, metrics, build information [default: 127.0.0.1:9090].
    #[arg(long, value_name = "ADDR", value_parser = config::address)]
    admin_listen: Option<SocketAddr>,
    /// The servers that have all services, for example dns:///employee-headless:50051; more than one backend stands in the
    /// file.
    #[arg(long, value_name = "TARGET")]
    backend: Option<String>,
    /// File of the descriptors of the services: an encoded FileDescriptorSet with imports [default: built in].
    #[arg(long, value_name = "FILE")]
    descriptors: Option<PathBuf>,
    /// Print the settings as they would be used, and exit.
    #[arg(long)]
    print_config: bool,
}

/// Why the gateway ends.
struct End {
    message: String,
    code: u8,
}

impl End {
    fn usage(error: &impl ToString) -> Self {
        Self { message: error.to_string(), code: exit::USAGE }
    }

    fn internal(error: &impl ToString) -> Self {
        Self { message: error.to_string(), code: exit::INTERNAL }
    }
}

/// Runs the gateway until it is told to stop.
pub fn main(binary: &'static str, about: &'static str) -> ExitCode {
    let command = Flags::command().name(binary).about(about).version(env!("CARGO_PKG_VERSION"));
    let flags = match command.try_get_matches().and_then(|matches| Flags::from_arg_matches(&matches)) {
        Ok(flags) => flags,
        Err(error) => {
            let code = if error.use_stderr() { exit::USAGE } else { exit::DONE };
            return error.print().map_or(exit::INTERNAL, |()| code).into();
        }
    };
    match run(binary, flags) {
        Ok(()) => exit::DONE.into(),
        Err(End { message, code }) => {
            // Nobody is left to hear that stderr is closed.
            let _ = writeln!(io::stderr(), "{binary}: {message}");
            code.into()
        }
    }
}

fn run(binary: &'static str, flags: Flags) -> Result<(), End> {
    let print_config = flags.print_config;
    let settings = flags.settings().map_err(|error| End::usage(&error))?;
    if print_config {
        let text = toml::to_string(&settings).map_err(|error| End::internal(&error))?;
        return io::stdout().write_all(text.as_bytes()).map_err(|error| End::internal(&error));
    }
    let backends = settings.backends().map_err(|error| End::usage(&error))?;
    let schema = schema(settings.gateway.descriptors.as_deref())?;
    let info = build_info(binary);
    let observer = Observer::start(&settings.log, &settings.telemetry, &info);
    let mut observer = observer.map_err(|error| End { message: error.to_string(), code: error.exit_code() })?;
    // It has something to say in the log.
    let gateway = Gateway::new(schema, &backends, &settings.rest).map_err(|error| match error {
        BuildError::Backends(error) => End::usage(&format!("setting gateway.backends: {error}")),
        other => End::usage(&other),
    });
    let served = gateway.and_then(|gateway| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| End::internal(&error))?;
        runtime.block_on(serve(&settings, gateway, info, &mut observer))
    });
    observer.stop();
    served
}

async fn serve(settings: &Settings, gateway: Gateway, info: BuildInfo, observer: &mut Observer) -> Result<(), End> {
    let shutdown = signals::shutdown().map_err(|error| End::internal(&error))?;
    let app = App::builder(&settings.server, &settings.admin).build_info(info).tracer(observer.tracer());
    let (metrics, watched) = (gateway.metrics(), gateway.watched().map_err(|error| End::usage(&error))?);
    let app = app.web(settings.rest.listen.clone(), gateway);
    let app = watched.into_iter().fold(app, |app, (target, channel)| {
        app.ready_check(
            format!("backend {target}"),
            ready::check(target, channel, settings.gateway.backend_limit.get()),
        )
    });
    let app = app.build().map_err(|error: StartError| End::usage(&error))?;
    app.metrics().register(|registry| metrics.register(registry));
    observer.watch(app.metrics());
    app.run_until(shutdown).await.map_err(|error| End::internal(&error))
}

/// What is served: the contract that a file describes, or the one that is built in.
fn schema(file: Option<&Path>) -> Result<Schema, End> {
    let Some(path) = file else {
        return Schema::from_descriptors(campus_proto::DESCRIPTORS).map_err(|error| End::internal(&error));
    };
    let refused = |why: &dyn ToString| {
        End::usage(&format!("setting gateway.descriptors is {:?}: {}", path.display().to_string(), why.to_string()))
    };
    let bytes = fs::read(path).map_err(|error| refused(&format!("the file cannot be read: {error}")))?;
    let schema = Schema::from_descriptors(&bytes).map_err(|error| refused(&error))?;
    if schema.services().is_empty() {
        return Err(refused(
            &"it has no services; make it with `buf build -o FILE`, or protoc --include_imports -o FILE",
        ));
    }
    Ok(schema)
}

impl Flags {
    fn settings(self) -> Result<Settings, config::ConfigError> {
        let given = [
            ("rest.listen", self.rest_listen.map(|addresses| addresses.to_string())),
            ("admin.listen", self.admin_listen.map(|address| address.to_string())),
            ("gateway.backends", self.backend),
            ("gateway.descriptors", self.descriptors.map(|file| file.display().to_string())),
        ];
        let overrides = given.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect();
        config::load_checked(config::Sources::process(self.config, overrides), Settings::check)
    }
}
