//! The channel against real servers.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends by panicking; the helpers are outside of test functions"
)]

mod pool_exchange;
mod pool_states;
mod support;
