//! The channel against real servers.

#![expect(clippy::unwrap_used, reason = "a test ends by panicking; the helpers are outside of test functions")]

mod dns;
