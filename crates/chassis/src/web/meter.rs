//! What the requests of a shard share, and how each is measured.

use super::Erased;
use crate::{
    Tracer,
    call::{Caller, Desk, Ending},
    metrics::WebCounters,
    panics::Panic,
    status,
    trace::{CallSpan, Labels},
};
use campus_call::RequestId;
use http::{HeaderMap, HeaderValue, StatusCode, header::HeaderName};
use opentelemetry::ContextGuard;
use std::{fmt, sync::Arc, time::Duration};
use tokio::time::Instant;
use tonic::Status;

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
static SERVED_BY: HeaderName = HeaderName::from_static("x-served-by");

/// What every request of one shard shares.
pub(crate) struct Web {
    pub(crate) service: Arc<dyn Erased>,
    /// Where a place is asked for.
    pub(crate) desk: Option<Arc<Desk>>,
    pub(crate) counters: Arc<WebCounters>,
    pub(crate) tracer: Tracer,
    /// The longest pause between two parts of a body.
    pub(crate) max_body_pause: Duration,
    /// For `x-served-by`.
    pub(crate) served_by: Option<HeaderValue>,
}

impl fmt::Debug for Web {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Web").finish_non_exhaustive()
    }
}

/// One request, counted from its head to the end of its reply, whichever way that ends.
pub(super) struct Meter {
    pub(super) web: Arc<Web>,
    call: campus_call::Call,
    /// Only of requests that are sampled.
    span: Option<CallSpan>,
    pub(super) caller: Arc<Caller>,
    started: Instant,
    /// Has a place that must be given back.
    placed: bool,
    pub(super) route: Option<usize>,
    /// What the client was answered; nothing as long as it was not.
    code: Option<StatusCode>,
}

impl Meter {
    pub(super) fn start(web: &Arc<Web>, caller: &Arc<Caller>, method: &http::Method, headers: &HeaderMap) -> Self {
        web.counters.start();
        let request_id = headers.get(&REQUEST_ID).and_then(RequestId::given).unwrap_or_else(RequestId::random);
        let traced = headers.contains_key("traceparent").then_some(headers);
        let labels = Labels::Web { method: method.as_str(), request_id: request_id.as_str(), peer: &caller.peer };
        let (trace, span) = web.tracer.begin(traced, &labels);
        Self {
            web: Arc::clone(web),
            call: campus_call::Call::builder(request_id, Arc::clone(&caller.peer)).trace(trace).build(),
            span,
            caller: Arc::clone(caller),
            started: Instant::now(),
            placed: false,
            route: None,
            code: None,
        }
    }

    /// Makes this the current call of the thread, and its span the parent of others; meant for one poll.
    pub(super) fn enter(&self) -> (campus_call::Entered, Option<ContextGuard>) {
        (campus_call::enter(&self.call), self.span.as_ref().map(CallSpan::enter))
    }

    /// Asks for a place among the requests that may run.
    ///
    /// # Errors
    /// RESOURCE_EXHAUSTED when there is none.
    pub(super) fn admit(&mut self) -> Result<(), Status> {
        let Some(desk) = &self.web.desk else { return Ok(()) };
        self.placed = desk.admit();
        if self.placed { Ok(()) } else { Err(status::too_many_calls("web")) }
    }

    /// Why the request has to end before it is done, if it has to.
    pub(super) fn ending(&self) -> Option<Ending> {
        self.caller.ending()
    }

    /// Takes the head of the reply down, and says in it whose it is.
    pub(super) fn answered(&mut self, code: StatusCode, headers: &mut HeaderMap) {
        self.code = Some(code);
        headers.insert(&REQUEST_ID, self.call.request_id_header());
        if let Some(name) = &self.web.served_by {
            headers.insert(&SERVED_BY, name.clone());
        }
    }

    /// Logs and counts a panic.
    pub(super) fn panicked(&self, panic: &Panic) -> Status {
        self.web.counters.panicked();
        let _entered = campus_call::enter(&self.call);
        tracing::error!(panic.location = panic.place, "a request panicked");
        status::panicked()
    }

    fn end(&mut self, took: Duration) {
        self.web.counters.finish(self.route, self.code, took);
        let route = self.route.and_then(|route| self.web.counters.routes.get(route));
        if let Some(span) = self.span.take() {
            span.end_web(route, self.code);
        }
        if tracing::enabled!(tracing::Level::DEBUG) {
            let _entered = campus_call::enter(&self.call);
            tracing::debug!(
                http.request.method = route.map(|route| route.method.as_str()),
                http.route = route.map(|route| route.path.as_str()),
                http.response.status_code = self.code.map(|code| code.as_u16()),
                http.duration_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
                "request ended"
            );
        }
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.end(self.started.elapsed());
        if let Some(desk) = self.web.desk.as_ref().filter(|_| self.placed) {
            desk.leave();
        }
    }
}
