//! From the listening socket to the call: one accept loop, and shards that serve the connections given to them.

mod accept;
mod activity;
mod clock;
mod connection;
mod direct;
mod dispatch;
mod frames;
mod io;
mod pings;
mod places;
mod shard;
mod sniff;
mod stream;

pub(crate) use accept::accept;
pub(crate) use activity::Open;
pub(crate) use places::Places;
pub(crate) use shard::{Keepalive, Link, Plan, Running, Shard};

/// How far a server is with stopping. Later phases include the earlier ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Everything is served.
    Serve,
    /// Connections are asked to leave (GOAWAY); calls go on.
    Drain,
    /// Calls end with UNAVAILABLE.
    Stop,
    /// Connections are closed.
    Close,
}
