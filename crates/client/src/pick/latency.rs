//! How long an endpoint takes to answer: a moving average over time.
//!
//! A sample counts by the time since the one before, so an average is over about ten seconds, however many calls there are.
//! It is not the peak that other balancers keep: one slow call among fast ones would keep a healthy server without calls
//! until it is forgotten. What must be noticed at once is noticed by the calls in flight.

use std::{sync::atomic::Ordering::Relaxed, time::Duration};

use crate::Stats;

/// Time after which a sample has lost two thirds of its weight.
const DECAY: f64 = 10e9;
/// Samples closer together than this, in nanoseconds, say nothing new.
const APART: u64 = 1_000_000;
/// Latencies below two to the power of this, in nanoseconds, are alike: 4 ms. Load shows in the calls in flight, and what is
/// left of the difference between fast servers is noise.
const ALIKE: u32 = 22;
/// A call that failed counts as one that took this long: a server that fails at once would draw all calls.
pub(crate) const PENALTY: Duration = Duration::from_secs(5);
/// What a server may ask for at most by its pushback.
pub(crate) const MOST: Duration = Duration::from_secs(300);

/// Takes in how long a call took, at a time in nanoseconds of the pool.
pub(crate) fn observe(stats: &Stats, now: u64, took: Duration) {
    let passed = now.saturating_sub(stats.latency_at.load(Relaxed));
    if passed < APART {
        return;
    }
    stats.latency_at.store(now, Relaxed);
    let before = stats.latency_ewma.load(Relaxed) as f64;
    let kept = (-(passed as f64) / DECAY).exp();
    let sample = took.min(MOST).as_nanos() as f64;
    stats.latency_ewma.store(nanoseconds(before * kept + sample * (1.0 - kept)), Relaxed);
}

/// Takes in a call that began then and has no answer yet, unless that is no longer than others take.
pub(crate) fn at_least(stats: &Stats, now: u64, since: u64) {
    let took = now.saturating_sub(since);
    if took > stats.latency_ewma.load(Relaxed) {
        observe(stats, now, Duration::from_nanos(took));
    }
}

/// Forgets what was: the server may be another one.
pub(crate) fn forget(stats: &Stats, now: u64) {
    stats.latency_ewma.store(0, Relaxed);
    stats.latency_at.store(now, Relaxed);
}

/// By which power of two its latency exceeds what is no difference. What is not confirmed fades.
pub(crate) fn slowness(stats: &Stats, now: impl Fn() -> u64) -> u32 {
    let average = stats.latency_ewma.load(Relaxed);
    if average >> ALIKE == 0 {
        return 0;
    }
    let passed = now().saturating_sub(stats.latency_at.load(Relaxed)) as f64;
    let faded = nanoseconds(average as f64 * (-passed / DECAY).exp());
    (faded >> ALIKE).checked_ilog2().map_or(0, |power| power + 1)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "at most MOST, which fits, and never negative"
)]
fn nanoseconds(time: f64) -> u64 {
    time as u64
}
