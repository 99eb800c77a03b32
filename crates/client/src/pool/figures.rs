//! Counters of connections.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

/// What was done to be connected (gRFC A94). No call touches these.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    attempts: AtomicU64,
    failed_attempts: AtomicU64,
    disconnections: Mutex<BTreeMap<&'static str, u64>>,
}

impl Figures {
    pub(super) fn attempt(&self) {
        self.attempts.fetch_add(1, Relaxed);
    }

    pub(super) fn failed_attempt(&self) {
        self.failed_attempts.fetch_add(1, Relaxed);
    }

    pub(super) fn disconnected(&self, reason: &'static str) {
        *self.disconnections.lock().unwrap_or_else(PoisonError::into_inner).entry(reason).or_default() += 1;
    }

    pub(crate) fn attempts(&self) -> u64 {
        self.attempts.load(Relaxed)
    }

    pub(crate) fn failed_attempts(&self) -> u64 {
        self.failed_attempts.load(Relaxed)
    }

    /// By reason.
    pub(crate) fn disconnections(&self) -> BTreeMap<&'static str, u64> {
        self.disconnections.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
