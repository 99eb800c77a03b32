//! Figures of channels for Prometheus.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::Registry,
};

use crate::pool::{Shared, Totals};

/// The channels of a process, whose figures are added up by target. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Metrics(Arc<Mutex<Vec<Weak<Shared>>>>);

impl Metrics {
    /// Adds the figures of all channels that were built [with this](crate::Builder::metrics).
    pub fn register(&self, registry: &mut Registry) {
        registry.register_collector(Box::new(self.clone()));
    }

    pub(crate) fn add(&self, channel: &Arc<Shared>) {
        let mut channels = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        channels.retain(|channel| channel.strong_count() > 0);
        channels.push(Arc::downgrade(channel));
    }

    /// By target.
    fn totals(&self) -> BTreeMap<String, Totals> {
        let mut totals: BTreeMap<String, Totals> = BTreeMap::new();
        for channel in self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().filter_map(Weak::upgrade) {
            totals.entry(channel.target.clone()).or_default().add(&channel);
        }
        totals
    }
}

/// Name without the suffix of counters, help, whether it only grows, the figure.
type Figure = (&'static str, &'static str, bool, fn(&Totals) -> u64);

// The first four are named as gRFC A94 does.
const FIGURES: [Figure; 12] = [
    ("grpc_subchannel_connection_attempts_succeeded", "Connections made", true, |t| t.made),
    ("grpc_subchannel_connection_attempts_failed", "Connections that could not be made", true, |t| t.failed),
    ("grpc_subchannel_open_connections", "Servers that calls can be sent to", false, |t| t.ready),
    ("campus_client_endpoints", "Addresses of the target", false, |t| t.endpoints),
    ("campus_client_calls", "Calls sent to a server, retries included", true, |t| t.picks),
    ("campus_client_calls_in_flight", "Calls under way", false, |t| t.in_flight),
    ("campus_client_call_failures", "Calls that failed in a way that counts against the server", true, |t| t.failures),
    ("campus_client_retries", "Calls tried again", true, |t| t.retries),
    ("campus_client_ejections", "Times a server was taken out for its failures", true, |t| t.ejections),
    ("campus_client_ejected", "Servers that are taken out for their failures", false, |t| t.ejected),
    ("campus_client_lookups", "Times addresses were asked for", true, |t| t.lookups),
    ("campus_client_lookup_failures", "Times no address was found", true, |t| t.lookup_failures),
];

impl Collector for Metrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let totals = self.totals();
        for (name, help, grows, figure) in FIGURES {
            let kind = if grows { MetricType::Counter } else { MetricType::Gauge };
            let mut family = encoder.encode_descriptor(name, help, None, kind)?;
            for (target, totals) in &totals {
                let labels = [("target", target.as_str())];
                let metric = family.encode_family(&labels)?;
                if grows {
                    ConstCounter::new(figure(totals)).encode(metric)?;
                } else {
                    ConstGauge::new(i64::try_from(figure(totals)).unwrap_or(i64::MAX)).encode(metric)?;
                }
            }
        }
        let (name, help) = ("grpc_subchannel_disconnections", "Connections that ended");
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (target, totals) in &totals {
            for (reason, count) in &totals.disconnections {
                let labels = [("target", target.as_str()), ("reason", *reason)];
                ConstCounter::new(*count).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}
