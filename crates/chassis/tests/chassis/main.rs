//! The chassis on real sockets: each test starts servers of its own on free ports.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends by panicking; the helpers are outside of test functions"
)]

mod admin;
mod configuration;
mod deadline;
mod drain;
mod health;
mod limits;
mod panics;
mod process;
mod protocol;
mod reflection;
mod support;
mod transport;
