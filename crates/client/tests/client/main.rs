//! The channel against real servers.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends by panicking; the helpers are outside of test functions"
)]

mod calls_balance;
mod calls_deadline;
mod calls_many;
mod calls_retry;
mod dns;
mod docs;
mod pool_drain;
mod pool_exchange;
mod pool_health;
mod pool_lost;
mod pool_shown;
mod pool_states;
mod pool_tls;
mod scripted;
mod sim;
mod support;
