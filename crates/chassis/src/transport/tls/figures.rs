//! What is counted of TLS.

use crate::metrics::{Metrics, names};
use prometheus_client::metrics::{counter::Counter, family::Family, gauge::Gauge};

type Label = [(&'static str, &'static str); 1];

/// Clones share the figures.
#[derive(Clone, Debug, Default)]
pub(super) struct Figures {
    pub(super) handshakes: Counter,
    pub(super) failures: Family<Label, Counter>,
    pub(super) reloads: Family<Label, Counter>,
    pub(super) expiry: Family<Label, Gauge>,
}

impl Figures {
    pub(super) fn register(&self, metrics: &Metrics) {
        let bare = |name: &'static str| name.trim_end_matches("_total");
        for result in ["success", "failure"] {
            drop(self.reloads.get_or_create(&[("result", result)]));
        }
        metrics.register(|registry| {
            registry.register(bare(names::HANDSHAKES), "TLS handshakes that were done", self.handshakes.clone());
            registry.register(bare(names::HANDSHAKE_FAILURES), "TLS handshakes that failed", self.failures.clone());
            registry.register(
                bare(names::TLS_RELOADS),
                "Changed TLS files that were taken over or not",
                self.reloads.clone(),
            );
            registry.register(
                names::TLS_EXPIRY,
                "When the first certificate of a file expires, in seconds since 1970",
                self.expiry.clone(),
            );
        });
    }
}
