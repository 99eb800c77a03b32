//! How long an endpoint takes to answer: a moving average over time.
//!
//! A sample counts by the time since the one before, so an average is over about ten seconds, however many calls there are.
//! It is not the peak that other balancers keep: one slow call among fast ones would keep a healthy server without calls
//! until it is forgotten. What must be noticed at once is noticed by the calls in flight.

use std::{sync::atomic::Ordering::Relaxed, time::Duration};

use crate::Stats;

/// Time in which calls that come all the time replace the average, in nanoseconds.
const DECAY: f64 = 10e9;
/// How much faster an average goes that nothing confirms: of five seconds no more than four milliseconds are left after ten.
const FADING: f64 = 6.0;
/// Calls that the average for people is over.
const SHOWN: u32 = 50;
/// Samples closer together than this, in nanoseconds, say nothing new.
const APART: u64 = 1_000_000;
/// Latencies below this, in nanoseconds, are alike. Load shows in the calls in flight, and what is left of the difference
/// between fast servers is noise.
pub(crate) const ALIKE: u64 = 4_000_000;
/// A call that failed counts as one that took this long: a server that fails at once would draw all calls.
pub(crate) const PENALTY: Duration = Duration::from_secs(5);
/// What a server may ask for at most by its pushback.
pub(crate) const MOST: Duration = Duration::from_secs(300);

/// Takes in how long a call took, at a time in nanoseconds of the pool. Says whether that is news.
pub(crate) fn observe(stats: &Stats, now: u64, took: Duration) -> bool {
    let passed = now.saturating_sub(stats.latency_at.load(Relaxed));
    if passed < APART {
        return false;
    }
    stats.latency_at.store(now, Relaxed);
    let before = stats.latency_ewma.load(Relaxed) as f64;
    let kept = kept(passed);
    let sample = took.min(MOST).as_nanos() as f64;
    stats.latency_ewma.store(nanoseconds(before * kept + sample * (1.0 - kept)), Relaxed);
    true
}

/// Takes in a call that was answered, also for people: what they see is over calls, of which few are enough.
pub(crate) fn answered(stats: &Stats, now: u64, took: Duration) {
    let is_news = observe(stats, now, took);
    let count = stats.latency_count.load(Relaxed);
    if is_news || count < SHOWN {
        let (count, before) = ((count + 1).min(SHOWN), stats.latency_shown.load(Relaxed) as f64);
        let shown = before + (took.min(MOST).as_nanos() as f64 - before) / f64::from(count);
        stats.latency_shown.store(nanoseconds(shown), Relaxed);
        stats.latency_count.store(count, Relaxed);
    }
}

/// How much of an average is left after a time.
fn kept(passed: u64) -> f64 {
    let passed = passed as f64 / DECAY;
    (-passed * (1.0 + FADING * passed)).exp()
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

/// The average as it is now, at least [`ALIKE`]. What is not confirmed fades.
pub(crate) fn lately(stats: &Stats, now: impl Fn() -> u64) -> u64 {
    let average = stats.latency_ewma.load(Relaxed);
    if average <= ALIKE {
        return ALIKE;
    }
    let passed = now().saturating_sub(stats.latency_at.load(Relaxed));
    nanoseconds(average as f64 * kept(passed)).max(ALIKE)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "at most MOST, which fits, and never negative"
)]
fn nanoseconds(time: f64) -> u64 {
    time as u64
}
