//! What one connection is doing, as its tasks see it.

use super::{Phase, heads::Odd, shard::Shard};
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
use tokio::sync::Notify;

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
    odd: AtomicU64,
    quiet: Notify,
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
            odd: AtomicU64::new(0),
            quiet: Notify::new(),
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
        self.unread.store(false, Relaxed);
    }

    /// Whether a head has begun that is not whole, where there are no frames.
    pub(super) fn head_begins(&self, begun: bool) {
        self.begun.store(begun, Relaxed);
    }

    /// Whether the head of a request has begun, is not whole, and is waited for.
    pub(super) fn in_head(&self) -> bool {
        self.begun.load(Relaxed) && self.idle()
    }

    /// Something is wrong with the head of this request, the first being 1; the first such head counts.
    pub(super) fn odd(&self, number: u64, odd: Odd) {
        let odd = number << 8 | odd as u64;
        let _ = self.odd.compare_exchange(0, odd, Relaxed, Relaxed);
    }

    /// What is wrong with the head of the request that came last.
    pub(super) fn oddity(&self) -> Option<&'static str> {
        let odd = self.odd.load(Relaxed);
        if odd == 0 || odd >> 8 != self.calls() {
            return None;
        }
        Some(if odd & 0xff == Odd::Fragment as u64 {
            "its target has a fragment"
        } else {
            "it has Content-Length and Transfer-Encoding"
        })
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

    /// Waits until the last stream of a client that was asked to leave has ended.
    pub(super) async fn quiet(&self) {
        self.quiet.notified().await;
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
        // A request may be answered before its connection hears that the server stops.
        let stops = *self.0.shard.phase.borrow() >= Phase::Notice;
        stops || self.0.leaves.load(Relaxed) || self.0.unread.load(Relaxed)
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
        if self.0.open.fetch_sub(1, Relaxed) == 1 && self.0.leaves.load(Relaxed) {
            self.0.quiet.notify_one();
        }
        self.0.traffic.streams.fetch_sub(1, Relaxed);
    }
}
