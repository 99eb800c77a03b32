//! Exit codes of a process, after `sysexits.h`: `std::process::ExitCode::from(exit::USAGE)`.

/// The work is done.
pub const DONE: u8 = 0;
/// Bad usage or configuration (`EX_USAGE`).
pub const USAGE: u8 = 64;
/// A service that is needed is not there (`EX_UNAVAILABLE`).
pub const UNAVAILABLE: u8 = 69;
/// An internal error (`EX_SOFTWARE`).
pub const INTERNAL: u8 = 70;
/// Storage failed (`EX_IOERR`).
pub const STORAGE: u8 = 74;
