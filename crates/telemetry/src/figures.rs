//! What became of the spans, for `/metrics`.

use crate::endpoint::Signal;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
};
use std::{
    fmt::Error,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

/// Why a span was not delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// Too many were waiting.
    QueueFull,
    /// The collector could not be reached, did not answer, or answered with an error.
    Failed,
    /// The collector took the batch without them.
    Rejected,
    /// The process ended before they could be sent.
    Stopped,
}

const REASONS: [&str; 4] = ["queue_full", "export_failed", "rejected", "stopped"];
const SIGNALS: [Signal; 2] = [Signal::Traces, Signal::Metrics];

/// Counts of one process.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub(crate) exported: AtomicU64,
    lost: [AtomicU64; REASONS.len()],
    failed: [AtomicU64; SIGNALS.len()],
    /// Spans that wait.
    pub(crate) queued: AtomicU64,
}

impl Figures {
    pub(crate) fn lose(&self, why: Lost, spans: u64) {
        if let Some(counter) = self.lost.get(why as usize) {
            counter.fetch_add(spans, Relaxed);
        }
    }

    pub(crate) fn failed(&self, signal: Signal) {
        if let Some(counter) = self.failed.get(signal as usize) {
            counter.fetch_add(1, Relaxed);
        }
    }
}

/// Shows the figures.
#[derive(Debug)]
pub(crate) struct Shown(pub(crate) Arc<Figures>);

impl Collector for Shown {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let Figures { exported, lost, failed, queued } = &*self.0;
        let value = |counter: &AtomicU64| ConstCounter::new(counter.load(Relaxed));
        let name = "campus_telemetry_exported_spans";
        let metric = encoder.encode_descriptor(name, "Spans the collector has taken", None, MetricType::Counter)?;
        value(exported).encode(metric)?;
        let name = "campus_telemetry_dropped_spans";
        let mut family = encoder.encode_descriptor(name, "Spans that were not delivered", None, MetricType::Counter)?;
        for (reason, counter) in REASONS.iter().zip(lost) {
            value(counter).encode(family.encode_family(&[("reason", *reason)])?)?;
        }
        let name = "campus_telemetry_failed_exports";
        let mut family =
            encoder.encode_descriptor(name, "Requests the collector did not take", None, MetricType::Counter)?;
        for (signal, counter) in SIGNALS.iter().zip(failed) {
            value(counter).encode(family.encode_family(&[("signal", signal.lower())])?)?;
        }
        let name = "campus_telemetry_queued_spans";
        let metric = encoder.encode_descriptor(name, "Spans that wait to be sent", None, MetricType::Gauge)?;
        ConstGauge::new(i64::try_from(queued.load(Relaxed)).unwrap_or(i64::MAX)).encode(metric)
    }
}
