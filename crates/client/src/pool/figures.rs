//! Counters of a whole pool.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use super::{Shared, Stats};

/// What was done to be connected (gRFC A94), and what is left of endpoints that are gone. A call touches only the retries.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    made: AtomicU64,
    failed: AtomicU64,
    /// Calls tried again.
    pub(crate) retries: AtomicU64,
    disconnections: Mutex<BTreeMap<&'static str, u64>>,
    gone: Mutex<Totals>,
}

/// Figures that can be added up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) made: u64,
    pub(crate) failed: u64,
    pub(crate) ready: u64,
    pub(crate) endpoints: u64,
    pub(crate) picks: u64,
    pub(crate) in_flight: u64,
    pub(crate) failures: u64,
    pub(crate) retries: u64,
    pub(crate) ejections: u64,
    pub(crate) ejected: u64,
    pub(crate) lookups: u64,
    pub(crate) lookup_failures: u64,
    pub(crate) disconnections: BTreeMap<&'static str, u64>,
}

impl Figures {
    pub(super) fn made_one(&self) {
        self.made.fetch_add(1, Relaxed);
    }

    pub(super) fn failed_one(&self) {
        self.failed.fetch_add(1, Relaxed);
    }

    pub(super) fn disconnected(&self, reason: &'static str) {
        *self.disconnections.lock().unwrap_or_else(PoisonError::into_inner).entry(reason).or_default() += 1;
    }

    /// Keeps what an endpoint that goes has counted.
    pub(super) fn keep(&self, stats: &Stats) {
        self.gone.lock().unwrap_or_else(PoisonError::into_inner).count(stats);
    }

    pub(crate) fn made(&self) -> u64 {
        self.made.load(Relaxed)
    }

    pub(crate) fn failed(&self) -> u64 {
        self.failed.load(Relaxed)
    }

    /// By reason.
    pub(crate) fn disconnections(&self) -> BTreeMap<&'static str, u64> {
        self.disconnections.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Totals {
    /// Adds those of a channel.
    pub(crate) fn add(&mut self, channel: &Shared) {
        let (figures, now) = (&channel.figures, channel.snapshot());
        self.made += figures.made();
        self.failed += figures.failed();
        self.retries += figures.retries.load(Relaxed);
        for (reason, count) in figures.disconnections() {
            *self.disconnections.entry(reason).or_default() += count;
        }
        self.ready += now.ready.len() as u64;
        self.endpoints += now.resolution.addresses.len() as u64;
        self.lookups += now.resolution.lookups;
        self.lookup_failures += now.resolution.failures;
        for endpoint in now.members.iter() {
            self.count(endpoint.stats());
            self.in_flight += u64::from(endpoint.stats().in_flight.load(Relaxed));
            self.ejected += u64::from(endpoint.is_ejected());
        }
        let gone = figures.gone.lock().unwrap_or_else(PoisonError::into_inner);
        self.picks += gone.picks;
        self.failures += gone.failures;
        self.ejections += gone.ejections;
    }

    fn count(&mut self, stats: &Stats) {
        self.picks += stats.picks.load(Relaxed);
        self.failures += stats.failures.load(Relaxed);
        self.ejections += stats.ejections.load(Relaxed);
    }
}
