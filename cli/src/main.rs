//! Runs every service on one machine, and is the command-line client.

use std::process::ExitCode;

fn main() -> ExitCode {
    campus::main()
}
