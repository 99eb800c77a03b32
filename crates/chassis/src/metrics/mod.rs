//! The figures of a server, for Prometheus.

mod calls;
mod counters;
pub mod names;
mod process;
mod web;

pub(crate) use calls::{Labels, Shards};
pub(crate) use counters::{Closed, Counters, Traffic};
pub(crate) use web::{WebCounters, WebShards};

use crate::BuildInfo;
use prometheus_client::{
    encoding::{
        prometheus_protobuf::{self, prometheus_data_model::MetricFamily},
        text,
    },
    metrics::info::Info,
    registry::Registry,
};
use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

/// The registry behind `/metrics`. Clones share it.
#[derive(Clone)]
pub struct Metrics(Arc<Mutex<Registry>>);

impl Metrics {
    pub(crate) fn new(build: &BuildInfo, shards: Shards, web: Option<WebShards>) -> Self {
        let mut registry = Registry::default();
        let labels =
            vec![("service", build.name.clone()), ("version", build.version.clone()), ("commit", build.commit.clone())];
        registry.register(names::BUILD.trim_end_matches("_info"), "What is running", Info::new(labels));
        registry.register_collector(Box::new(shards));
        if let Some(web) = web {
            registry.register_collector(Box::new(web));
        }
        registry.register_collector(Box::new(process::Process));
        Self(Arc::new(Mutex::new(registry)))
    }

    /// Lets the host add figures of its own: `metrics.register(|registry| registry.register(..))`.
    pub fn register<R>(&self, add: impl FnOnce(&mut Registry) -> R) -> R {
        add(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Every figure as it is now, for other forms than text.
    #[must_use]
    pub fn families(&self) -> Vec<MetricFamily> {
        prometheus_protobuf::encode(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).unwrap_or_default()
    }

    /// Every figure as it is now, in the OpenMetrics text format.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = String::with_capacity(16 * 1024);
        // Writing to a string fails only when a collector gives up; what it has written before stands.
        let _ = text::encode(&mut out, &self.0.lock().unwrap_or_else(PoisonError::into_inner));
        out
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}
