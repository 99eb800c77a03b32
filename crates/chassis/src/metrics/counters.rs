//! What one shard counts. Each shard has counters of its own, so that no two threads write to the same memory.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};
use tonic::Code;

/// Upper bounds of the histogram's buckets.
pub(super) const BOUNDS: [Duration; 13] = [
    Duration::from_micros(100),
    Duration::from_micros(300),
    Duration::from_millis(1),
    Duration::from_millis(3),
    Duration::from_millis(10),
    Duration::from_millis(30),
    Duration::from_millis(100),
    Duration::from_millis(300),
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(10),
    Duration::from_secs(30),
    Duration::from_secs(100),
];

/// As `grpc_code` names the codes, by number.
pub(super) const CODES: [&str; 17] = [
    "OK",
    "Canceled",
    "Unknown",
    "InvalidArgument",
    "DeadlineExceeded",
    "NotFound",
    "AlreadyExists",
    "PermissionDenied",
    "ResourceExhausted",
    "FailedPrecondition",
    "Aborted",
    "OutOfRange",
    "Unimplemented",
    "Internal",
    "Unavailable",
    "DataLoss",
    "Unauthenticated",
];

/// What one shard counts of one method.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Counters {
    pub(super) started: AtomicU64,
    pub(super) handled: [AtomicU64; CODES.len()],
    pub(super) buckets: [AtomicU64; BOUNDS.len() + 1],
    pub(super) nanoseconds: AtomicU64,
    pub(super) panics: AtomicU64,
}

impl Counters {
    pub(crate) fn start(&self) {
        self.started.fetch_add(1, Relaxed);
    }

    pub(crate) fn finish(&self, code: Code, took: Duration) {
        if let Some(counter) = self.handled.get(code as usize) {
            counter.fetch_add(1, Relaxed);
        }
        let bucket = BOUNDS.iter().position(|bound| took <= *bound).unwrap_or(BOUNDS.len());
        if let Some(counter) = self.buckets.get(bucket) {
            counter.fetch_add(1, Relaxed);
        }
        self.nanoseconds.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }

    pub(crate) fn panicked(&self) {
        self.panics.fetch_add(1, Relaxed);
    }

    pub(crate) fn in_flight(&self) -> u64 {
        let ended: u64 = self.handled.iter().map(|c| c.load(Relaxed)).sum();
        self.started.load(Relaxed).saturating_sub(ended)
    }
}

/// What one shard counts of its connections.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Traffic {
    pub(crate) open: AtomicU64,
    pub(crate) accepted: AtomicU64,
    pub(crate) streams: AtomicU64,
    pub(crate) received: AtomicU64,
    pub(crate) sent: AtomicU64,
    pub(super) closed: [AtomicU64; Closed::NAMES.len()],
}

/// Why a connection was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closed {
    /// The client left.
    Client,
    /// The client broke the protocol, or the network broke.
    Error,
    /// The client did not get through the handshake.
    Handshake,
    /// There was no call in time.
    FirstCall,
    /// There was no call any more.
    Idle,
    Age,
    /// The client gave no sign of life.
    Keepalive,
    /// The client pinged too often.
    PingFlood,
    Drain,
}

impl Closed {
    /// As the label `reason` says it, in the order above.
    pub(super) const NAMES: [&str; 9] =
        ["client", "error", "handshake", "first_call", "idle", "age", "keepalive", "ping_flood", "drain"];

    pub(crate) fn name(self) -> &'static str {
        Self::NAMES.get(self as usize).copied().unwrap_or_default()
    }
}

impl Traffic {
    /// Counts a connection as closed.
    pub(crate) fn closed(&self, reason: Closed) {
        if let Some(counter) = self.closed.get(reason as usize) {
            counter.fetch_add(1, Relaxed);
        }
    }
}
