//! `campus-gateway`: REST in front of services that run elsewhere.

use std::process::ExitCode;

fn main() -> ExitCode {
    campus_gateway::main(env!("CARGO_BIN_NAME"), env!("CARGO_PKG_DESCRIPTION"))
}
