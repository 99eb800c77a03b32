//! Where calls come from: what the calls of one connection share.

use super::Share;
use crate::status;
use campus_call::Peer;
use std::{
    fmt,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, Ordering::Relaxed},
    },
};
use tokio::sync::Notify;
use tonic::Status;

/// Why the calls of a connection have to end before they are done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Ending {
    /// The server stops.
    Stop = 1,
    /// The connection has reached its age, and the time of grace is over.
    Age = 2,
}

impl Ending {
    /// What a call that ends for this is told.
    pub(crate) fn status(self) -> Status {
        match self {
            Self::Stop => status::shutting_down(),
            Self::Age => status::connection_age(),
        }
    }
}

/// The other end of a connection, as its calls see it.
pub(crate) struct Caller {
    /// Who asks.
    pub(crate) peer: Arc<Peer>,
    /// What it may have of the server's memory.
    pub(super) share: Arc<Share>,
    ending: AtomicU8,
    leaving: AtomicBool,
    told: Notify,
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller").field("peer", &self.peer).field("ending", &self.ending()).finish_non_exhaustive()
    }
}

impl Caller {
    pub(crate) fn new(peer: Arc<Peer>, share: Arc<Share>) -> Self {
        Self { peer, share, ending: AtomicU8::new(0), leaving: AtomicBool::new(false), told: Notify::new() }
    }

    /// What it may have of the server's memory.
    pub(crate) fn share(&self) -> &Arc<Share> {
        &self.share
    }

    /// Why its calls have to end now; the first reason stands.
    pub(crate) fn ending(&self) -> Option<Ending> {
        match self.ending.load(Relaxed) {
            0 => None,
            1 => Some(Ending::Stop),
            _ => Some(Ending::Age),
        }
    }

    /// Ends its calls.
    pub(crate) fn end(&self, why: Ending) {
        let _ = self.ending.compare_exchange(0, why as u8, Relaxed, Relaxed);
        self.told.notify_waiters();
    }

    /// Whether the server asks its clients to leave: what would never end by itself has to end now.
    pub(crate) fn leaving(&self) -> bool {
        self.leaving.load(Relaxed)
    }

    /// The server asks its clients to leave.
    pub(crate) fn leave(&self) {
        self.leaving.store(true, Relaxed);
        self.told.notify_waiters();
    }

    /// Waits until its calls have to end.
    pub(crate) async fn ended(&self) {
        self.told_that(|caller| caller.ending().is_some()).await;
    }

    /// Waits until the server asks its clients to leave.
    pub(crate) async fn left(&self) {
        self.told_that(Self::leaving).await;
    }

    async fn told_that(&self, is_so: impl Fn(&Self) -> bool) {
        loop {
            let mut told = pin!(self.told.notified());
            told.as_mut().enable();
            if is_so(self) {
                return;
            }
            told.await;
        }
    }
}
