//! `campus-addressbook`: the address book as a process of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    campus_host::main::<campus_addressbook::AddressBook>(env!("CARGO_BIN_NAME"), env!("CARGO_PKG_DESCRIPTION"))
}
