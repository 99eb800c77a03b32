//! What the tests share: real servers on free ports, a client for any kind of record, waiting with a deadline.
//!
//! A fault of a fixture is a failed test, so this crate panics where the others return errors.

mod admin;
mod client;
mod engine;
mod process;
pub mod raw;
mod server;
mod wait;
mod way;
pub mod wire;

pub use admin::{admin_get, metric};
pub use campus_testdb::{Postgres, left_out};
pub use client::{Client, Kind, Person};
pub use engine::Engine;
pub use process::{Ended, Process, flags};
pub use server::Campus;
pub use wait::{eventually, within};
pub use way::Way;
