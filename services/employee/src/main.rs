//! `campus-employee`: the employee service as a process of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    campus_host::main::<campus_employee::Employees>(env!("CARGO_BIN_NAME"), env!("CARGO_PKG_DESCRIPTION"))
}
