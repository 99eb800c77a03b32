//! In what state an endpoint or a channel is.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The connectivity states of gRPC, of an endpoint or of a whole channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum State {
    /// Not used yet.
    #[default]
    Idle,
    /// On the way to a connection; calls wait.
    Connecting,
    /// Calls can be sent.
    Ready,
    /// It did not work, and will be tried again. It stays this until it is ready: calls fail, unless they wait for that.
    TransientFailure,
    /// The channel is gone.
    Shutdown,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Idle => "IDLE",
            Self::Connecting => "CONNECTING",
            Self::Ready => "READY",
            Self::TransientFailure => "TRANSIENT_FAILURE",
            Self::Shutdown => "SHUTDOWN",
        })
    }
}

/// What happens at an endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Nothing yet.
    #[default]
    Idle,
    /// It is being connected to.
    Connecting,
    /// It is connected, and its health is being asked for, or it has said that it does not serve.
    Unhealthy,
    /// Calls are sent to it.
    Ready,
    /// It could not be connected to; it is tried again after a pause.
    BackingOff,
    /// It is no longer among the addresses; its last calls may end.
    Draining,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Idle => "idle",
            Self::Connecting => "connecting",
            Self::Unhealthy => "unhealthy",
            Self::Ready => "ready",
            Self::BackingOff => "backing off",
            Self::Draining => "draining",
        })
    }
}
