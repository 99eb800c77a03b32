//! What is counted of requests that are no gRPC, by route (OpenTelemetry semantic conventions for HTTP servers).

use super::{
    calls::{bare, encode, single},
    counters::{BOUNDS, Traffic},
    names,
};
use crate::{WebRoute, call::Admission};
use http::StatusCode;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, NoLabelSet},
    metrics::MetricType,
};
use std::{
    fmt::Error,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

/// The codes that are told apart; others count as the last, which no reply has.
const CODES: [u16; 27] = [
    200, 201, 204, 206, 304, 307, 308, 400, 401, 403, 404, 405, 406, 408, 409, 412, 413, 414, 415, 429, 431, 499, 500,
    501, 503, 504, 0,
];

/// What one shard counts of one route.
#[derive(Debug, Default)]
struct Counters {
    codes: [AtomicU64; CODES.len()],
    buckets: [AtomicU64; BOUNDS.len() + 1],
    nanoseconds: AtomicU64,
}

/// What one shard counts.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct WebCounters {
    pub(crate) routes: Arc<[WebRoute]>,
    started: AtomicU64,
    ended: AtomicU64,
    panics: AtomicU64,
    by_route: Vec<Counters>,
    /// Of requests that found no route.
    lost: Counters,
}

impl WebCounters {
    pub(crate) fn new(routes: &Arc<[WebRoute]>) -> Self {
        Self {
            routes: Arc::clone(routes),
            started: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            panics: AtomicU64::new(0),
            by_route: routes.iter().map(|_| Counters::default()).collect(),
            lost: Counters::default(),
        }
    }

    pub(crate) fn start(&self) {
        self.started.fetch_add(1, Relaxed);
    }

    pub(crate) fn panicked(&self) {
        self.panics.fetch_add(1, Relaxed);
    }

    /// Counts a request as ended; one without a code was left by its client.
    pub(crate) fn finish(&self, route: Option<usize>, code: Option<StatusCode>, took: Duration) {
        self.ended.fetch_add(1, Relaxed);
        let counters = route.and_then(|route| self.by_route.get(route)).unwrap_or(&self.lost);
        let code = code.map_or(499, |code| code.as_u16());
        let at = CODES.iter().position(|known| *known == code).unwrap_or(CODES.len() - 1);
        let bucket = BOUNDS.iter().position(|bound| took <= *bound).unwrap_or(BOUNDS.len());
        for counter in [counters.codes.get(at), counters.buckets.get(bucket)].into_iter().flatten() {
            counter.fetch_add(1, Relaxed);
        }
        counters.nanoseconds.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }
}

/// Every shard's counters.
#[derive(Clone, Debug)]
pub(crate) struct WebShards {
    pub(crate) routes: Arc<[WebRoute]>,
    pub(crate) counters: Vec<Arc<WebCounters>>,
    pub(crate) traffic: Vec<Arc<Traffic>>,
    pub(crate) admission: Arc<Admission>,
}

impl WebShards {
    /// Requests begun and not ended.
    pub(crate) fn in_flight(&self) -> u64 {
        self.sum(|c| &c.started).saturating_sub(self.sum(|c| &c.ended))
    }

    fn sum(&self, pick: impl Fn(&WebCounters) -> &AtomicU64) -> u64 {
        self.counters.iter().map(|counters| pick(counters).load(Relaxed)).sum()
    }

    fn traffic(&self, pick: impl Fn(&Traffic) -> &AtomicU64) -> u64 {
        self.traffic.iter().map(|traffic| pick(traffic).load(Relaxed)).sum()
    }

    fn of<'a>(&'a self, route: Option<usize>) -> impl Iterator<Item = &'a Counters> + Clone + 'a {
        self.counters.iter().filter_map(move |counters| match route {
            Some(route) => counters.by_route.get(route),
            None => Some(&counters.lost),
        })
    }

    /// Every route, and at last what found none.
    fn rows(&self) -> impl Iterator<Item = (Option<usize>, [(&'static str, &str); 2])> {
        let label = |method, path| [("http_request_method", method), ("http_route", path)];
        let routes = self.routes.iter().enumerate();
        let routes = routes.map(move |(at, route)| (Some(at), label(route.method.as_str(), route.path.as_str())));
        routes.chain([(None, label("_OTHER", ""))])
    }

    fn requests(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), Error> {
        let kind = MetricType::Counter;
        let help = "Requests ended, by status code; 499 is one that its client left";
        let mut metric = encoder.encode_descriptor(bare(names::REQUESTS, kind), help, None, kind)?;
        for (route, labels) in self.rows() {
            for (at, code) in CODES.iter().enumerate() {
                let count = self.of(route).filter_map(|c| c.codes.get(at)).map(|n| n.load(Relaxed)).sum();
                if count > 0 {
                    let code = code.to_string();
                    let labels: Vec<_> =
                        labels.into_iter().chain([("http_response_status_code", code.as_str())]).collect();
                    encode(&mut metric, &labels, kind, count)?;
                }
            }
        }
        Ok(())
    }

    fn durations(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), Error> {
        let help = "Time from the head of a request to the end of its reply";
        let mut metric = encoder.encode_descriptor(names::REQUEST_DURATION, help, None, MetricType::Histogram)?;
        for (route, labels) in self.rows() {
            let bounds = BOUNDS.iter().map(Duration::as_secs_f64).chain([f64::INFINITY]);
            let count = |at: usize| self.of(route).filter_map(|c| c.buckets.get(at)).map(|b| b.load(Relaxed)).sum();
            let buckets: Vec<(f64, u64)> = bounds.enumerate().map(|(at, bound)| (bound, count(at))).collect();
            let total = buckets.iter().map(|(_, n)| n).sum();
            let nanoseconds = self.of(route).map(|c| c.nanoseconds.load(Relaxed)).sum();
            let sum = Duration::from_nanos(nanoseconds).as_secs_f64();
            metric.encode_family(&labels)?.encode_histogram::<NoLabelSet>(sum, total, &buckets, None)?;
        }
        Ok(())
    }
}

impl Collector for WebShards {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        use MetricType::{Counter, Gauge};
        let e = &mut encoder;
        self.requests(e)?;
        self.durations(e)?;
        for (name, help, kind, value) in [
            (names::ACTIVE_REQUESTS, "Requests begun and not ended", Gauge, self.in_flight()),
            (names::REQUEST_PANICS, "Panics contained to their request", Counter, self.sum(|c| &c.panics)),
            (names::REQUESTS_REFUSED, "Requests refused for being too many", Counter, self.admission.web_refused()),
            (names::WEB_CONNECTIONS, "Open connections", Gauge, self.traffic(|t| &t.open)),
            (names::WEB_ACCEPTED, "Connections taken in", Counter, self.traffic(|t| &t.accepted)),
            (names::WEB_RECEIVED, "Bytes read from connections", Counter, self.traffic(|t| &t.received)),
            (names::WEB_SENT, "Bytes written to connections", Counter, self.traffic(|t| &t.sent)),
        ] {
            #[expect(clippy::cast_precision_loss, reason = "Prometheus values are doubles")]
            single(e, (name, help, kind), value as f64)?;
        }
        super::calls::closed(e, names::WEB_CLOSED, &self.traffic)
    }
}
