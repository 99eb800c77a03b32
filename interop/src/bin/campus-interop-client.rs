//! `campus-interop-client`: goes through one case on the balanced client, with the flags that such clients have.

#![expect(clippy::print_stderr, reason = "what was wrong is for who started it")]

use std::{path::PathBuf, process::ExitCode, time::Duration};

use campus_interop::client::{Failure, NAMES, Peer, Soak, run};
use clap::{ArgAction, Parser};

/// Goes through one interop case. Exit codes: 0 passed, 1 failed, 3 the server lacks what the case is about and the rest of
/// it passed, 64 bad usage.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// The case.
    #[arg(long = "test_case", value_name = "NAME", default_value = "large_unary", value_parser = NAMES)]
    case: String,
    /// Name or address of the server.
    #[arg(long = "server_host", value_name = "HOST", default_value = "localhost")]
    host: String,
    /// Port of the server.
    #[arg(long = "server_port", value_name = "PORT", default_value_t = 10_000)]
    port: u16,
    /// The name that the certificate must be for, and calls carry, if it is another.
    #[arg(long = "server_host_override", value_name = "HOST")]
    name: Option<String>,
    /// Whether the connection is encrypted.
    #[arg(long = "use_tls", value_name = "BOOL", action = ArgAction::Set, default_value_t = false,
        num_args = 0..=1, default_missing_value = "true")]
    use_tls: bool,
    /// Whether the authorities are those of `--ca_file` instead of the system's.
    #[arg(long = "use_test_ca", value_name = "BOOL", action = ArgAction::Set, default_value_t = false,
        num_args = 0..=1, default_missing_value = "true", requires = "authorities")]
    use_test_ca: bool,
    /// Certificates of authorities (PEM).
    #[arg(long = "ca_file", value_name = "FILE")]
    authorities: Option<PathBuf>,
    /// Calls of rpc_soak and channel_soak.
    #[arg(long = "soak_iterations", value_name = "N", default_value_t = 10)]
    iterations: u32,
    /// Of which so many may fail or be late.
    #[arg(long = "soak_max_failures", value_name = "N", default_value_t = 0)]
    max_failures: u32,
    /// A call that takes longer is late, in milliseconds.
    #[arg(long = "soak_per_iteration_max_acceptable_latency_ms", value_name = "MS", default_value_t = 1000)]
    max_latency: u64,
    /// All have to be done after so many seconds.
    #[arg(long = "soak_overall_timeout_seconds", value_name = "S", default_value_t = 10)]
    overall: u64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            let code = if error.use_stderr() { 64 } else { 0 };
            return error.print().map_or(ExitCode::FAILURE, |()| code.into());
        }
    };
    let soak = Soak {
        iterations: args.iterations,
        max_failures: args.max_failures,
        max_latency: Duration::from_millis(args.max_latency),
        overall: Duration::from_secs(args.overall),
    };
    let authorities = args.authorities.filter(|_| args.use_test_ca);
    let peer = Peer { host: args.host, port: args.port, name: args.name, encrypted: args.use_tls, authorities, soak };
    let Err(failure) = run(&args.case, &peer).await else { return ExitCode::SUCCESS };
    eprintln!("{}: {failure}", args.case);
    match failure {
        Failure::Wrong(_) => ExitCode::FAILURE,
        Failure::Lacking(_) => 3.into(),
    }
}
