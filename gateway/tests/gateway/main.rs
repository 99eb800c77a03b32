//! The gateway in front of real services.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test ends by panicking; the helpers are outside of test functions"
)]

mod bind;
mod browser;
mod condition;
#[path = "../contract/mod.rs"]
mod contract;
mod drain;
mod flow;
mod foreign;
mod http;
mod mask;
mod openapi;
mod page;
mod program;
mod query;
mod raw;
mod route;
mod stream;
mod support;
mod unary;
mod upload;
