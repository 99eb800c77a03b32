//! What the calls of a method share, and how each is measured.

use super::{Caller, Class, Desk, Encoding, Ending};
use crate::{
    CompressReplies, Tracer,
    metrics::Counters,
    panics::Panic,
    service::Erased,
    status,
    trace::{CallSpan, Labels},
};
use campus_call::timeout;
use http::{HeaderMap, HeaderValue};
use opentelemetry::ContextGuard;
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;
use tonic::{Code, Status};

/// What every call of one method on one shard shares.
pub(crate) struct Method {
    pub(crate) service: Option<Arc<dyn Erased>>,
    pub(crate) service_name: String,
    pub(crate) name: String,
    pub(crate) client_streaming: bool,
    pub(crate) server_streaming: bool,
    pub(crate) class: Class,
    /// Where a place is asked for; none for calls that need no place.
    pub(crate) desk: Option<Arc<Desk>>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) limits: Limits,
    pub(crate) tracer: Tracer,
    /// For `x-served-by`.
    pub(crate) served_by: Option<HeaderValue>,
}

/// What a call may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) message_in: u32,
    pub(crate) message_out: Option<u32>,
    pub(crate) max_deadline: Option<Duration>,
    pub(crate) default_deadline: Option<Duration>,
    pub(crate) compress: CompressReplies,
    /// Smaller replies are not compressed; bytes.
    pub(crate) compress_over: u32,
}

impl Limits {
    /// The time that a call with this `grpc-timeout` has.
    ///
    /// # Errors
    /// INVALID_ARGUMENT when it is malformed, DEADLINE_EXCEEDED when it is zero.
    pub(super) fn time(&self, header: Option<&HeaderValue>) -> Result<Option<Duration>, Status> {
        let Some(header) = header else { return Ok(self.default_deadline) };
        match timeout::parse(header.as_bytes()) {
            None => Err(status::bad_timeout()),
            Some(Duration::ZERO) => Err(status::deadline_exceeded()),
            Some(asked) => Ok(Some(self.max_deadline.map_or(asked, |cap| asked.min(cap)))),
        }
    }

    /// How replies are compressed for a client that compresses its requests so and accepts this.
    pub(super) fn reply_encoding(&self, request: Option<Encoding>, accepts: Option<&HeaderValue>) -> Option<Encoding> {
        let accepts = accepts?;
        match self.compress {
            CompressReplies::Off => None,
            CompressReplies::Mirror => request.filter(|encoding| encoding.is_in(accepts)),
            CompressReplies::Accepted => Encoding::best_of(accepts),
        }
    }
}

/// One call, counted from its start to its end, whichever way it ends.
pub(crate) struct Meter {
    pub(super) method: Arc<Method>,
    pub(super) call: campus_call::Call,
    /// Only of calls that are sampled.
    span: Option<CallSpan>,
    pub(super) caller: Arc<Caller>,
    started: Instant,
    /// Has a place that must be given back.
    placed: bool,
    ended: bool,
    /// How the messages of the reply are compressed.
    pub(super) reply_encoding: Option<Encoding>,
    /// The client has to do with compression, and is told what is understood.
    pub(super) advertise: bool,
}

impl Meter {
    /// Counts a call whose time is `limit`, and begins its span; `traced` are its headers if its caller traces.
    pub(super) fn start(
        method: &Arc<Method>,
        caller: &Arc<Caller>,
        request_id: campus_call::RequestId,
        limit: Option<Duration>,
        traced: Option<&HeaderMap>,
    ) -> Self {
        method.counters.start();
        let started = Instant::now();
        let deadline = limit.and_then(|limit| started.checked_add(limit));
        let labels = Labels::Rpc {
            service: &method.service_name,
            method: &method.name,
            request_id: request_id.as_str(),
            peer: &caller.peer,
        };
        let (trace, span) = method.tracer.begin(traced, &labels);
        let call = campus_call::Call::builder(request_id, Arc::clone(&caller.peer)).trace(trace);
        Self {
            method: Arc::clone(method),
            call: call.deadline(deadline).build(),
            span,
            caller: Arc::clone(caller),
            started,
            placed: false,
            ended: false,
            reply_encoding: None,
            advertise: false,
        }
    }

    /// Makes this the current call of the thread, and its span the parent of others; meant for one poll.
    pub(super) fn enter(&self) -> (campus_call::Entered, Option<ContextGuard>) {
        (campus_call::enter(&self.call), self.span.as_ref().map(CallSpan::enter))
    }

    /// Asks for a place among the calls that may run.
    ///
    /// # Errors
    /// RESOURCE_EXHAUSTED when there is none.
    pub(super) fn admit(&mut self) -> Result<(), Status> {
        let Some(desk) = &self.method.desk else { return Ok(()) };
        self.placed = desk.admit();
        if self.placed { Ok(()) } else { Err(status::too_many_calls(self.method.class.name())) }
    }

    /// When the call must be over.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.call.deadline()
    }

    /// The time since the call began.
    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Whether the deadline has passed.
    pub(super) fn late(&self) -> bool {
        self.call.deadline().is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// Why the call has to end before it is done, if it has to.
    pub(super) fn ending(&self) -> Option<Ending> {
        self.caller.ending()
    }

    /// Counts the call as ended after `took`; the first end is the one that counts.
    pub(super) fn end(&mut self, code: Code, took: Duration) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        self.method.counters.finish(code, took);
        if let Some(span) = self.span.take() {
            span.end(code);
        }
        if tracing::enabled!(tracing::Level::DEBUG) {
            let _entered = campus_call::enter(&self.call);
            tracing::debug!(
                rpc.service = self.method.service_name,
                rpc.method = self.method.name,
                rpc.grpc.status_code = code as i32,
                rpc.duration_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
                "call ended"
            );
        }
    }

    /// Logs and counts a panic.
    pub(super) fn panicked(&self, panic: &Panic) -> Status {
        self.method.counters.panicked();
        let _entered = campus_call::enter(&self.call);
        tracing::error!(
            rpc.service = self.method.service_name,
            rpc.method = self.method.name,
            panic.location = panic.place,
            "a call panicked"
        );
        status::panicked()
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.end(Code::Cancelled, self.elapsed());
        if let Some(desk) = self.method.desk.as_ref().filter(|_| self.placed) {
            desk.leave();
        }
    }
}
