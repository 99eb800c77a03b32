//! What is known of the calls of one endpoint.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};

/// Counters of one endpoint, over all its connections. They are written by calls on any thread, without an order among them.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    /// Calls begun and not ended.
    pub(crate) in_flight: AtomicU32,
    /// Calls begun.
    pub(crate) picks: AtomicU64,
    /// Calls that ended in a way that counts against the endpoint.
    pub(crate) failures: AtomicU64,
    /// Those of them since the last success.
    pub(crate) consecutive_failures: AtomicU32,
    /// Moving average of the latency until the first answer over time, in nanoseconds, with penalties for failures; it begins
    /// with 0.
    pub(crate) latency_ewma: AtomicU64,
    /// When that was last written, in nanoseconds since the channel began.
    pub(crate) latency_at: AtomicU64,
    /// Average of the latency over the last calls that were answered, in nanoseconds, and over how many.
    pub(crate) latency_shown: AtomicU64,
    pub(crate) latency_count: AtomicU32,
    /// Times it was ejected.
    pub(crate) ejections: AtomicU64,
    /// Whether it is ejected now.
    pub(crate) ejected: AtomicBool,
    /// Whether it has come back from that and has not answered yet: it gets one call at a time.
    pub(crate) on_trial: AtomicBool,
}
