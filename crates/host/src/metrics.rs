//! Figures of the stores, beside those of the chassis.

use std::fmt;

use campus_store::{Stats, Store};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::Registry,
};

/// Adds the figures of each store, told apart by `service`.
pub(crate) fn register(registry: &mut Registry, stores: &[(&'static str, Store)]) {
    registry.register_collector(Box::new(Stores(stores.to_vec())));
}

struct Stores(Vec<(&'static str, Store)>);

impl fmt::Debug for Stores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// Name without the suffix of counters, help, whether it only grows, the figure.
type Figure = (&'static str, &'static str, bool, fn(&Stats) -> u64);

const FIGURES: [Figure; 13] = [
    ("campus_store_queue_operations", "Writes that wait for the disk", false, |s| s.queue_ops),
    ("campus_store_queue_bytes", "Bytes of records that wait for the disk", false, |s| s.queue_bytes),
    ("campus_store_overloaded", "Writes refused because too many were waiting", true, |s| s.overloaded),
    ("campus_store_commits", "Transactions committed", true, |s| s.commits),
    ("campus_store_operations", "Writes committed, whatever their outcome", true, |s| s.ops),
    ("campus_store_failures", "Transactions that failed", true, |s| s.failures),
    ("campus_store_retries", "Transactions tried again after another writer or a lost connection", true, |s| s.retries),
    ("campus_store_connections", "Connections to the database", false, |s| s.connections),
    ("campus_store_connects", "Connections made to the database", true, |s| s.connects),
    ("campus_store_checkpoints", "Times the write-ahead log was copied into the database", true, |s| s.checkpoints),
    ("campus_store_wal_bytes", "Size of the write-ahead log", false, |s| s.wal_bytes),
    ("campus_store_newest_change", "Position of the newest change", false, |s| s.newest),
    ("campus_store_oldest_change", "Position of the oldest change kept", false, |s| s.oldest),
];

impl Collector for Stores {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let stats: Vec<(&str, Stats)> = self.0.iter().map(|(name, store)| (*name, store.stats())).collect();
        for (name, help, grows, figure) in FIGURES {
            let kind = if grows { MetricType::Counter } else { MetricType::Gauge };
            let mut family = encoder.encode_descriptor(name, help, None, kind)?;
            for (service, stats) in &stats {
                let labels = [("service", *service)];
                let metric = family.encode_family(&labels)?;
                if grows {
                    ConstCounter::new(figure(stats)).encode(metric)?;
                } else {
                    ConstGauge::new(i64::try_from(figure(stats)).unwrap_or(i64::MAX)).encode(metric)?;
                }
            }
        }
        Ok(())
    }
}
