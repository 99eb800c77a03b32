//! The chassis on real sockets: each test starts servers of its own on free ports.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends by panicking; the helpers are outside of test functions"
)]

mod admin;
mod admission;
mod buffers;
mod compression;
mod configuration;
mod deadline;
mod drain;
mod health;
mod life;
mod limits;
mod metadata;
mod panics;
mod pings;
mod process;
mod protocol;
mod reflection;
mod simulation;
mod support;
mod transport;
mod web;
mod web_heads;
mod web_limits;
