//! Telemetry of one process: started before anything is served, stopped when all is.

use crate::{
    Settings,
    figures::{Figures, Shown},
    ids::Ids,
    queue::queue,
    worker::{self, Shared, Source},
};
use opentelemetry::trace::TracerProvider;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_sdk::trace::{Sampler, SdkTracer, SdkTracerProvider};
use prometheus_client::{encoding::prometheus_protobuf::prometheus_data_model::MetricFamily, registry::Registry};
use std::{fmt, io, sync::Arc, sync::mpsc, time::Duration};
use tokio::{
    sync::{oneshot, watch},
    time::Instant,
};
use tracing::Subscriber;
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::registry::LookupSpan;

/// Who makes the spans.
const SCOPE: &str = "campus";

/// Sends what a process tells of itself, on a thread and an event loop of its own.
pub struct Telemetry {
    tracer: Option<SdkTracer>,
    source: Option<oneshot::Sender<Source>>,
    figures: Arc<Figures>,
    stop: watch::Sender<Option<Instant>>,
    ended: mpsc::Receiver<()>,
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Telemetry").finish_non_exhaustive()
    }
}

impl Telemetry {
    /// Starts sending. Nothing is connected to before there is something to send.
    ///
    /// # Errors
    /// If the thread cannot be started.
    pub fn start(settings: Settings, version: &str) -> io::Result<Self> {
        let figures = Arc::new(Figures::default());
        let (stop, stopped) = watch::channel(None);
        let scope = InstrumentationScope { name: SCOPE.to_owned(), version: version.to_owned(), ..Default::default() };
        let shared = Shared { resource: settings.resource, scope, figures: Arc::clone(&figures), stop: stopped };
        let (tracer, waiting) = match settings.traces {
            None => (None, None),
            Some(traces) => {
                let (queue, waiting) = queue(traces.queue, traces.batch, &figures);
                // The sampling is decided before a span is made, so that each that is made is wanted.
                let provider = SdkTracerProvider::builder().with_sampler(Sampler::AlwaysOn).with_id_generator(Ids);
                let provider = provider.with_span_processor(queue).build();
                (Some(provider.tracer(SCOPE)), Some((traces, waiting)))
            }
        };
        let (source, sources) = oneshot::channel();
        let metrics = settings.metrics.map(|metrics| (metrics, sources));
        let source = metrics.is_some().then_some(source);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (tell, ended) = mpsc::sync_channel(1);
        std::thread::Builder::new().name("telemetry".to_owned()).spawn(move || {
            let spans = async {
                match waiting {
                    Some((settings, waiting)) => worker::send_spans(settings, waiting, shared.clone()).await,
                    None => Ok(()),
                }
            };
            let metrics = async {
                match metrics {
                    Some((settings, source)) => worker::send_metrics(settings, source, shared.clone()).await,
                    None => Ok(()),
                }
            };
            if let Err(error) = runtime.block_on(async { tokio::try_join!(spans, metrics) }) {
                tracing::error!(%error, "telemetry ended early");
            }
            // A look-up of a name may still hang in a thread of its own.
            runtime.shutdown_background();
            let _ = tell.send(());
        })?;
        Ok(Self { tracer, source, figures, stop, ended })
    }

    /// What turns the spans of `tracing` into those that are sent; `None` when no traces are.
    #[must_use]
    pub fn layer<S>(&self) -> Option<OpenTelemetryLayer<S, SdkTracer>>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let layer = OpenTelemetryLayer::new(self.tracer.clone()?);
        Some(layer.with_location(false).with_threads(false).with_target(false).with_tracked_inactivity(false))
    }

    /// Adds to the metrics what becomes of the telemetry itself.
    pub fn register(&self, registry: &mut Registry) {
        registry.register_collector(Box::new(Shown(Arc::clone(&self.figures))));
    }

    /// Says where the metrics come from; the first one to say so is heard.
    pub fn send_metrics_of(&mut self, source: impl Fn() -> Vec<MetricFamily> + Send + 'static) {
        if let Some(waiting) = self.source.take() {
            let _ = waiting.send(Box::new(source));
        }
    }

    /// Sends what waits, for no longer than `limit`. Blocks.
    pub fn stop(mut self, limit: Duration) {
        // Without a source there are no metrics to wait for.
        self.source = None;
        self.stop.send_replace(Some(Instant::now() + limit));
        // The thread keeps the limit itself; the rest is for it to say so.
        let _ = self.ended.recv_timeout(limit + Duration::from_millis(500));
    }
}
