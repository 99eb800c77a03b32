//! The thread that sends: apart from those that serve, so that a collector can never hold up a call.

use crate::{
    deliver::{Delivery, Outcome, Stop},
    endpoint::Signal,
    families,
    figures::{Figures, Lost},
    queue::Waiting,
    settings::{Metrics, Traces},
};
use opentelemetry_proto::tonic::{
    collector::{metrics::v1::ExportMetricsServiceRequest, trace::v1::ExportTraceServiceRequest},
    common::v1::InstrumentationScope,
    metrics::v1::{ResourceMetrics, ScopeMetrics},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans},
};
use opentelemetry_sdk::trace::SpanData;
use prometheus_client::encoding::prometheus_protobuf::prometheus_data_model::MetricFamily;
use prost::Message;
use std::{
    io,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::SystemTime,
};
use tokio::{
    sync::oneshot,
    time::{Instant, MissedTickBehavior, interval_at, sleep},
};

/// Gives every metric as it is now.
pub(crate) type Source = Box<dyn Fn() -> Vec<MetricFamily> + Send>;

/// What all requests share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) resource: Resource,
    pub(crate) scope: InstrumentationScope,
    pub(crate) figures: Arc<Figures>,
    pub(crate) stop: Stop,
}

/// Sends spans until the process ends, and then what waits.
pub(crate) async fn send_spans(settings: Traces, mut waiting: Waiting, shared: Shared) -> io::Result<()> {
    let mut stop = shared.stop.clone();
    let mut delivery =
        Delivery::new(Signal::Traces, (&settings.endpoint, settings.limit), &shared.figures, stop.clone())?;
    loop {
        let full_batch = Arc::clone(&waiting.full_batch);
        let ends = tokio::select! {
            () = sleep(settings.delay) => false,
            () = full_batch.notified() => false,
            _ = stop.wait_for(Option::is_some) => true,
        };
        loop {
            let batch = waiting.take();
            let (count, is_full) = (batch.len(), batch.len() == settings.batch);
            if count > 0 {
                settle(&shared.figures, delivery.deliver(traces(batch, &shared).encode_to_vec().into()).await, count);
            }
            // What is no whole batch may wait for more, but not at the end.
            if count == 0 || !is_full && !ends {
                break;
            }
        }
        if ends {
            return Ok(());
        }
    }
}

fn settle(figures: &Figures, outcome: Outcome, spans: usize) {
    let spans = u64::try_from(spans).unwrap_or(u64::MAX);
    match outcome {
        Outcome::Taken(refused) => {
            figures.exported.fetch_add(spans.saturating_sub(refused), Relaxed);
            figures.lose(Lost::Rejected, refused.min(spans));
        }
        Outcome::Failed => figures.lose(Lost::Failed, spans),
        Outcome::Stopped => figures.lose(Lost::Stopped, spans),
    }
}

fn traces(batch: Vec<SpanData>, shared: &Shared) -> ExportTraceServiceRequest {
    let spans = batch.into_iter().map(Into::into).collect();
    let scope_spans = vec![ScopeSpans { scope: Some(shared.scope.clone()), spans, ..ScopeSpans::default() }];
    let resource = Some(shared.resource.clone());
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans { resource, scope_spans, ..ResourceSpans::default() }],
    }
}

/// Sends metrics at every interval once there are any, and a last time when the process ends.
pub(crate) async fn send_metrics(
    settings: Metrics,
    source: oneshot::Receiver<Source>,
    shared: Shared,
) -> io::Result<()> {
    let begun = SystemTime::now();
    let mut stop = shared.stop.clone();
    let mut delivery =
        Delivery::new(Signal::Metrics, (&settings.endpoint, settings.limit), &shared.figures, stop.clone())?;
    let Ok(source) = source.await else { return Ok(()) };
    let mut ticks = interval_at(Instant::now() + settings.interval, settings.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let ends = tokio::select! {
            _ = ticks.tick() => false,
            _ = stop.wait_for(Option::is_some) => true,
        };
        delivery.deliver(metrics(source(), begun, &shared).encode_to_vec().into()).await;
        if ends {
            return Ok(());
        }
    }
}

fn metrics(set: Vec<MetricFamily>, begun: SystemTime, shared: &Shared) -> ExportMetricsServiceRequest {
    let metrics = families::metrics(set, begun, SystemTime::now());
    let scope_metrics = vec![ScopeMetrics { scope: Some(shared.scope.clone()), metrics, ..ScopeMetrics::default() }];
    let resource = Some(shared.resource.clone());
    let all = ResourceMetrics { resource, scope_metrics, ..ResourceMetrics::default() };
    ExportMetricsServiceRequest { resource_metrics: vec![all] }
}
