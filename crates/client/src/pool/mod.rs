//! The servers of a target: who there is, how each is, and who can be called.
//!
//! The resolver says who there is. Each endpoint has a task that keeps it connected. What is ready is published as a
//! [`Snapshot`], from which calls are picked without asking anybody.

mod backoff;
mod config;
mod endpoint;
mod figures;
mod health;
mod life;
mod members;
mod snapshot;
mod state;
mod stats;

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::{ArcSwap, Guard};
use tokio::{
    sync::{Notify, watch},
    task::AbortHandle,
    time::Instant,
};
use tonic::Status;

use self::{backoff::Backoff, figures::Figures};
pub use self::{
    config::PoolConfig,
    endpoint::ConnectError,
    state::{Phase, State},
};
pub(crate) use self::{
    endpoint::{Condition, Endpoint, Origin},
    figures::Totals,
    health::lives,
    snapshot::Snapshot,
    stats::Stats,
};
use crate::{connection::Dial, resolve::Resolver};

/// What the tasks and calls of a pool share.
#[derive(Debug)]
pub(crate) struct Shared {
    /// As it was written, for errors.
    pub(crate) target: String,
    pub(crate) origin: Origin,
    pub(crate) dial: Dial,
    pub(crate) config: PoolConfig,
    pub(crate) figures: Figures,
    /// When the pool began: its clock counts from here.
    pub(crate) begun: Instant,
    /// An endpoint is in another state.
    changed: Notify,
    /// Somebody wants to call while nobody is ready.
    wanted: Notify,
    /// A connection was lost, or not made.
    lost: Notify,
    published: ArcSwap<Snapshot>,
    /// There is a new snapshot.
    news: Notify,
    state: watch::Sender<State>,
    /// The pool is gone: nothing more is published.
    is_closed: Mutex<bool>,
}

impl Shared {
    pub(crate) fn new(target: String, origin: Origin, dial: Dial, config: PoolConfig) -> Self {
        Self {
            target,
            origin,
            dial,
            config,
            figures: Figures::default(),
            begun: Instant::now(),
            changed: Notify::new(),
            wanted: Notify::new(),
            lost: Notify::new(),
            published: ArcSwap::default(),
            news: Notify::new(),
            state: watch::Sender::default(),
            is_closed: Mutex::default(),
        }
    }

    /// Nanoseconds since the pool began.
    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// The endpoints now.
    pub(crate) fn snapshot(&self) -> Guard<Arc<Snapshot>> {
        self.published.load()
    }

    fn publish(&self, snapshot: Snapshot) {
        let state = snapshot.state;
        let mut is_closed = self.is_closed.lock().unwrap_or_else(PoisonError::into_inner);
        if *is_closed {
            return;
        }
        *is_closed = state == State::Shutdown;
        self.published.store(Arc::new(snapshot));
        self.news.notify_waiters();
        self.state.send_if_modified(|now| std::mem::replace(now, state) != state);
    }
}

/// The servers of one target. Dropped, it connects no more, and its connections end after their calls.
#[derive(Debug)]
pub(crate) struct Pool {
    shared: Arc<Shared>,
    task: AbortHandle,
}

impl Pool {
    /// Begins on the event loop of the caller.
    pub(crate) fn start(shared: Arc<Shared>, resolver: Resolver, random: fastrand::Rng) -> Self {
        shared.publish(Snapshot { state: State::Connecting, ..Snapshot::default() });
        let task = tokio::spawn(members::run(Arc::clone(&shared), resolver, random)).abort_handle();
        Self { shared, task }
    }

    /// The endpoints now.
    pub(crate) fn snapshot(&self) -> Guard<Arc<Snapshot>> {
        self.shared.snapshot()
    }

    /// A snapshot with somebody in it to call: at once, or after the wait for a connection.
    ///
    /// # Errors
    /// `UNAVAILABLE` while none can be made, unless the call waits for ready servers.
    pub(crate) async fn ready(&self, wait_for_ready: bool) -> Result<Arc<Snapshot>, Status> {
        loop {
            let mut news = std::pin::pin!(self.shared.news.notified());
            news.as_mut().enable();
            let now = self.snapshot();
            // One that has just lost its connection is still there until the next is published.
            if now.ready.iter().any(|endpoint| endpoint.is_connected()) {
                return Ok(Arc::clone(&now));
            }
            self.want(&now);
            if now.state == State::TransientFailure && !wait_for_ready {
                return Err(now.unavailable(&self.shared.target));
            }
            drop(now);
            news.await;
        }
    }

    /// Has servers tried sooner if none is ready.
    pub(crate) fn connect(&self) {
        self.want(&self.snapshot());
    }

    fn want(&self, now: &Snapshot) {
        if now.state == State::TransientFailure {
            self.shared.wanted.notify_waiters();
        }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// As it changes.
    pub(crate) fn watch(&self) -> watch::Receiver<State> {
        self.shared.state.subscribe()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.task.abort();
        // It lets go of the endpoints, which hold what is shared.
        self.shared.publish(Snapshot { state: State::Shutdown, ..Snapshot::default() });
    }
}

#[cfg(test)]
mod tests;
