//! A PostgreSQL server for tests, started from what the machine has installed, and a word when it has none.
//!
//! A fault of a fixture is a failed test, so this crate panics where the others return errors.

mod cluster;
mod postgres;
mod skip;

pub use postgres::Postgres;
pub use skip::left_out;
