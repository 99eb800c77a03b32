//! Adds the shards' counters up when they are scraped.

use super::{
    counters::{BOUNDS, CODES, Closed, Counters, Traffic},
    names,
};
use crate::call::{Admission, Buffers, Class};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, NoLabelSet},
    metrics::MetricType,
};
use std::{
    fmt::Error,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::time::Instant;

/// The names a method has in labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Labels {
    pub(crate) service: String,
    pub(crate) method: String,
    pub(crate) kind: &'static str,
    pub(crate) class: Class,
}

impl Labels {
    fn set(&self) -> [(&'static str, &str); 3] {
        [("grpc_type", self.kind), ("grpc_service", &self.service), ("grpc_method", &self.method)]
    }

    fn with_code<'a>(&'a self, code: &'a str) -> Vec<(&'static str, &'a str)> {
        self.set().into_iter().chain([("grpc_code", code)]).collect()
    }
}

/// Every shard's counters, with the methods in the same order in each.
#[derive(Clone, Debug)]
pub(crate) struct Shards {
    pub(crate) labels: Arc<[Labels]>,
    pub(crate) methods: Vec<Vec<Arc<Counters>>>,
    pub(crate) traffic: Vec<Arc<Traffic>>,
    pub(crate) refused: Arc<AtomicU64>,
    pub(crate) admission: Arc<Admission>,
    pub(crate) buffers: Arc<Buffers>,
    drain: Arc<OnceLock<Instant>>,
}

impl Shards {
    pub(crate) fn new(labels: Vec<Labels>, shards: usize, admission: Arc<Admission>, buffers: Arc<Buffers>) -> Self {
        let counters = || labels.iter().map(|_| Arc::default()).collect();
        Self {
            methods: (0..shards).map(|_| counters()).collect(),
            traffic: (0..shards).map(|_| Arc::default()).collect(),
            refused: Arc::default(),
            admission,
            buffers,
            drain: Arc::default(),
            labels: labels.into(),
        }
    }

    fn of(&self, method: usize, pick: impl Fn(&Counters) -> u64) -> u64 {
        self.methods.iter().filter_map(|counters| counters.get(method)).map(|c| pick(c)).sum()
    }

    fn sum(&self, pick: impl Fn(&Traffic) -> &AtomicU64) -> u64 {
        self.traffic.iter().map(|t| pick(t).load(Relaxed)).sum()
    }

    /// Begins to measure the drain.
    pub(crate) fn drain_begins(&self) {
        self.drain.get_or_init(Instant::now);
    }

    /// Calls begun and not ended, on all shards.
    pub(crate) fn in_flight(&self) -> u64 {
        self.methods.iter().flatten().map(|counters| counters.in_flight()).sum()
    }

    /// Calls that there was no place for.
    pub(crate) fn turned_away(&self) -> u64 {
        Class::ALL.into_iter().map(|class| self.admission.refused(class)).sum()
    }

    fn per_method<const N: usize>(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        metric: (&str, &str, MetricType),
        value: impl Fn(usize) -> [(Option<&'static str>, u64); N],
    ) -> Result<(), Error> {
        let (name, help, kind) = metric;
        let mut metric = encoder.encode_descriptor(bare(name, kind), help, None, kind)?;
        for (i, labels) in self.labels.iter().enumerate() {
            for (code, count) in value(i) {
                match code {
                    Some(code) if count > 0 || code == "OK" => {
                        encode(&mut metric, &labels.with_code(code), kind, count)?;
                    }
                    Some(_) => {}
                    None => encode(&mut metric, &labels.set(), kind, count)?,
                }
            }
        }
        Ok(())
    }

    /// What the methods of a class come to.
    fn of_class(&self, class: Class, pick: impl Fn(&Counters) -> u64) -> u64 {
        let methods = self.labels.iter().enumerate().filter(|(_, labels)| labels.class == class);
        methods.map(|(method, _)| self.of(method, &pick)).sum()
    }

    fn per_class(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        (name, help, kind): (&str, &str, MetricType),
        value: impl Fn(Class) -> u64,
    ) -> Result<(), Error> {
        let mut metric = encoder.encode_descriptor(bare(name, kind), help, None, kind)?;
        Class::ALL.into_iter().try_for_each(|class| encode(&mut metric, &[("class", class.name())], kind, value(class)))
    }

    fn classes(&self, e: &mut DescriptorEncoder<'_>) -> Result<(), Error> {
        use MetricType::{Counter, Gauge};
        let refused = |class| self.admission.refused(class);
        self.per_class(e, (names::ADMITTED, "Calls let in", Counter), |class| {
            self.of_class(class, |c| c.started.load(Relaxed)).saturating_sub(refused(class))
        })?;
        self.per_class(e, (names::TURNED_AWAY, "Calls refused for being too many", Counter), refused)?;
        self.per_class(e, (names::RUNNING, "Calls begun and not ended", Gauge), |class| {
            self.of_class(class, Counters::in_flight)
        })
    }

    fn histogram(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), Error> {
        let help = "Time from the head of a request to the end of its reply";
        let mut metric = encoder.encode_descriptor(names::HANDLING, help, None, MetricType::Histogram)?;
        for (i, labels) in self.labels.iter().enumerate() {
            let count = |bucket: usize| self.of(i, |c| c.buckets.get(bucket).map_or(0, |b| b.load(Relaxed)));
            let bounds = BOUNDS.iter().map(Duration::as_secs_f64).chain([f64::INFINITY]);
            let buckets: Vec<(f64, u64)> = bounds.enumerate().map(|(bucket, bound)| (bound, count(bucket))).collect();
            let total = buckets.iter().map(|(_, n)| n).sum();
            let sum = Duration::from_nanos(self.of(i, |c| c.nanoseconds.load(Relaxed))).as_secs_f64();
            metric.encode_family(&labels.set())?.encode_histogram::<NoLabelSet>(sum, total, &buckets, None)?;
        }
        Ok(())
    }
}

/// The name without the suffix that the encoder adds to counters.
pub(super) fn bare(name: &str, kind: MetricType) -> &str {
    if matches!(kind, MetricType::Counter) { name.trim_end_matches("_total") } else { name }
}

pub(super) fn encode(
    metric: &mut prometheus_client::encoding::MetricEncoder<'_>,
    labels: &impl EncodeLabelSet,
    kind: MetricType,
    value: u64,
) -> Result<(), Error> {
    let mut metric = metric.encode_family(labels)?;
    match kind {
        MetricType::Counter => metric.encode_counter::<NoLabelSet, _, f64>(&value, None),
        _ => metric.encode_gauge(&value),
    }
}

/// Connections closed, by reason.
pub(super) fn closed(e: &mut DescriptorEncoder<'_>, name: &str, traffic: &[Arc<Traffic>]) -> Result<(), Error> {
    let (name, help, kind) = (bare(name, MetricType::Counter), "Connections closed", MetricType::Counter);
    let mut metric = e.encode_descriptor(name, help, None, kind)?;
    for (i, reason) in Closed::NAMES.iter().enumerate() {
        let count = traffic.iter().filter_map(|t| t.closed.get(i)).map(|n| n.load(Relaxed)).sum();
        encode(&mut metric, &[("reason", *reason)], kind, count)?;
    }
    Ok(())
}

/// A figure without labels.
pub(super) fn single(
    encoder: &mut DescriptorEncoder<'_>,
    (name, help, kind): (&str, &str, MetricType),
    value: f64,
) -> Result<(), Error> {
    let mut metric = encoder.encode_descriptor(bare(name, kind), help, None, kind)?;
    match kind {
        MetricType::Counter => metric.encode_counter::<NoLabelSet, _, f64>(&value, None),
        _ => metric.encode_gauge(&value),
    }
}

impl Collector for Shards {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        use MetricType::{Counter, Gauge};
        let e = &mut encoder;
        self.per_method(e, (names::STARTED, "Calls begun", Counter), |i| {
            [(None, self.of(i, |c| c.started.load(Relaxed)))]
        })?;
        self.per_method(e, (names::HANDLED, "Calls ended, by status code", Counter), |i| {
            let mut code = 0;
            CODES.map(|name| {
                let at = code;
                code += 1;
                (Some(name), self.of(i, |c| c.handled.get(at).map_or(0, |n| n.load(Relaxed))))
            })
        })?;
        self.histogram(e)?;
        self.per_method(e, (names::IN_FLIGHT, "Calls begun and not ended", Gauge), |i| {
            [(None, self.of(i, Counters::in_flight))]
        })?;
        self.per_method(e, (names::PANICS, "Panics contained to their call", Counter), |i| {
            [(None, self.of(i, |c| c.panics.load(Relaxed)))]
        })?;
        self.classes(e)?;
        let figures = [
            (names::BUFFERED, "Bytes held for calls", Gauge, self.buffers.held()),
            (names::BUFFERS_FULL, "Calls ended for want of room for bytes", Counter, self.buffers.refused()),
            (names::CONNECTIONS, "Open connections", Gauge, self.sum(|t| &t.open)),
            (names::ACCEPTED, "Connections taken in", Counter, self.sum(|t| &t.accepted)),
            (names::REFUSED, "Connections refused for being too many", Counter, self.refused.load(Relaxed)),
            (names::STREAMS, "Open HTTP/2 streams", Gauge, self.sum(|t| &t.streams)),
            (names::RECEIVED, "Bytes read from connections", Counter, self.sum(|t| &t.received)),
            (names::SENT, "Bytes written to connections", Counter, self.sum(|t| &t.sent)),
        ];
        for (name, help, kind, value) in figures {
            #[expect(clippy::cast_precision_loss, reason = "Prometheus values are doubles")]
            single(e, (name, help, kind), value as f64)?;
        }
        closed(e, names::CLOSED, &self.traffic)?;
        let draining = self.drain.get().map_or(0.0, |begun| begun.elapsed().as_secs_f64());
        single(e, (names::DRAINING, "Time since the server was told to stop; 0 before", Gauge), draining)?;
        Ok(())
    }
}
