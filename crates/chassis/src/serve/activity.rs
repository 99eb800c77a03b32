//! What one connection is doing, as its tasks see it.

use super::shard::Shard;
use crate::{
    call::{Caller, Share},
    metrics::Traffic,
};
use campus_call::Peer;
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
};

/// Shared by a connection's socket, its service and its streams.
pub(crate) struct Activity {
    pub(super) shard: Arc<Shard>,
    /// Of its port.
    traffic: Arc<Traffic>,
    pub(super) caller: Arc<Caller>,
    /// Whether frames tell its requests apart (HTTP/2).
    pub(super) framed: bool,
    /// Whether the other end may call.
    pub(super) allowed: bool,
    received: AtomicU64,
    open: AtomicU64,
    calls: AtomicU64,
    flooded: AtomicBool,
    begun: AtomicBool,
    leaves: AtomicBool,
    unread: AtomicBool,
}

impl Activity {
    pub(super) fn new(shard: Arc<Shard>, traffic: Arc<Traffic>, framed: bool, peer: Arc<Peer>) -> Arc<Self> {
        let share = Share::new(&shard.buffers);
        Arc::new(Self {
            allowed: shard.allow.admits(&peer),
            shard,
            traffic,
            framed,
            caller: Arc::new(Caller::new(peer, share)),
            received: AtomicU64::new(0),
            open: AtomicU64::new(0),
            calls: AtomicU64::new(0),
            flooded: AtomicBool::new(false),
            begun: AtomicBool::new(false),
            leaves: AtomicBool::new(false),
            unread: AtomicBool::new(false),
        })
    }

    pub(super) fn read(&self, bytes: u64) {
        self.received.fetch_add(bytes, Relaxed);
        self.traffic.received.fetch_add(bytes, Relaxed);
    }

    pub(super) fn wrote(&self, bytes: u64) {
        self.traffic.sent.fetch_add(bytes, Relaxed);
    }

    pub(super) fn call(&self) {
        self.calls.fetch_add(1, Relaxed);
        self.begun.store(false, Relaxed);
        self.unread.store(false, Relaxed);
    }

    /// Without a request that runs, a byte has come: of the head of one, where there are no frames.
    pub(super) fn head_begins(&self) {
        self.begun.store(true, Relaxed);
    }

    /// Whether the head of a request has begun and is not whole.
    pub(super) fn in_head(&self) -> bool {
        self.begun.load(Relaxed)
    }

    /// The client has pinged too often.
    pub(super) fn flood(&self) {
        self.flooded.store(true, Relaxed);
    }

    /// The client is asked to leave.
    pub(super) fn leave(&self) {
        self.leaves.store(true, Relaxed);
    }

    /// Whether the client has pinged too often.
    pub(super) fn flooded(&self) -> bool {
        self.flooded.load(Relaxed)
    }

    /// Bytes read so far.
    pub(super) fn received(&self) -> u64 {
        self.received.load(Relaxed)
    }

    /// Calls so far.
    pub(super) fn calls(&self) -> u64 {
        self.calls.load(Relaxed)
    }

    /// Whether no stream is open now.
    pub(super) fn idle(&self) -> bool {
        self.open.load(Relaxed) == 0
    }
}

/// Counts a stream while it is there.
pub(crate) struct Open(pub(super) Arc<Activity>);

impl Open {
    /// Whether the connection ends with this: it is asked to leave, or the body of its request is not read to the end.
    pub(crate) fn leaves(&self) -> bool {
        self.0.leaves.load(Relaxed) || self.0.unread.load(Relaxed)
    }

    /// Something is left of the request's body.
    pub(crate) fn leave_unread(&self) {
        self.0.unread.store(true, Relaxed);
    }

    /// Whose connection it is of.
    pub(super) fn caller(&self) -> &Arc<Caller> {
        &self.0.caller
    }

    pub(super) fn new(activity: &Arc<Activity>) -> Self {
        activity.open.fetch_add(1, Relaxed);
        activity.traffic.streams.fetch_add(1, Relaxed);
        Self(Arc::clone(activity))
    }
}

impl Clone for Open {
    fn clone(&self) -> Self {
        Self::new(&self.0)
    }
}

impl fmt::Debug for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Open").finish_non_exhaustive()
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Relaxed);
        self.0.traffic.streams.fetch_sub(1, Relaxed);
    }
}
