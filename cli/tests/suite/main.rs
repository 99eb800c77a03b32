//! What a user sees and relies on, tried on the real thing.
#![expect(clippy::duplicate_mod, reason = "the same tests over another database")]

#[cfg(test)]
mod channel;
#[cfg(test)]
mod client;
#[cfg(test)]
mod contract;
#[cfg(test)]
mod durability;
#[cfg(test)]
mod errors;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod help;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod logs;
#[cfg(test)]
mod model;
#[cfg(test)]
mod on_postgres;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod people;
#[cfg(test)]
mod replicas;
mod rest;
// Its processes have addresses of their own, which only Linux gives without being asked.
#[cfg(target_os = "linux")]
#[cfg(test)]
mod rollout;
#[cfg(test)]
mod storage;
#[cfg(test)]
mod telemetry;
#[cfg(test)]
mod transport;
#[cfg(test)]
mod trouble;
#[cfg(test)]
mod watch;

/// What the tests below run over; those of [`on_postgres`] are the same ones again.
#[cfg(test)]
const ENGINE: campus_testkit::Engine = campus_testkit::Engine::Sqlite;
