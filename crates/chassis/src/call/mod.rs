//! One call: admitted, run, measured, ended in time. This is the hot path; nothing here locks, and what a call that
//! is answered at once does not need is not made.

mod frames;
mod reply;
mod request;
mod timeout;

pub(crate) use reply::ReplyBody;
pub use request::RequestBody;

use crate::{
    metrics::Counters,
    panics::{self, Panic},
    service::{Erased, ReplyFuture},
    status,
};
use http::{HeaderMap, HeaderName, Request, Response};
use hyper::body::Incoming;
use std::{
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};
use tonic::{Code, Status};

static GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// What every call of one method on one shard shares.
pub(crate) struct Method {
    pub(crate) service: Option<Arc<dyn Erased>>,
    pub(crate) service_name: String,
    pub(crate) name: String,
    pub(crate) server_streaming: bool,
    pub(crate) counters: Arc<Counters>,
    pub(crate) limits: Limits,
    /// Set when calls of this shard must end.
    pub(crate) stopping: Arc<AtomicBool>,
}

/// What a call may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) message_in: u32,
    pub(crate) message_out: Option<u32>,
    pub(crate) max_deadline: Option<Duration>,
    pub(crate) default_deadline: Option<Duration>,
}

impl Limits {
    /// The time a call with these headers has.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for a malformed `grpc-timeout`, DEADLINE_EXCEEDED for one of zero.
    pub(crate) fn time(&self, headers: &HeaderMap) -> Result<Option<Duration>, Status> {
        let Some(header) = headers.get("grpc-timeout") else { return Ok(self.default_deadline) };
        match timeout::parse(header.as_bytes()) {
            None => Err(status::bad_timeout()),
            Some(Duration::ZERO) => Err(status::deadline_exceeded()),
            Some(asked) => Ok(Some(self.max_deadline.map_or(asked, |cap| asked.min(cap)))),
        }
    }
}

/// Counts one call from its start to its end, whichever way it ends.
pub(crate) struct Meter {
    method: Arc<Method>,
    started: Instant,
    deadline: Option<Instant>,
    ended: bool,
}

impl Meter {
    pub(crate) fn start(method: &Arc<Method>) -> Self {
        method.counters.start();
        Self { method: Arc::clone(method), started: Instant::now(), deadline: None, ended: false }
    }

    pub(crate) fn limit(&mut self, time: Option<Duration>) -> Option<Instant> {
        self.deadline = time.and_then(|time| self.started.checked_add(time));
        self.deadline
    }

    fn late(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    fn stopping(&self) -> bool {
        self.method.stopping.load(Ordering::Relaxed)
    }

    fn end(&mut self, code: Code) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        let took = self.started.elapsed();
        self.method.counters.finish(code, took);
        tracing::debug!(
            rpc.service = self.method.service_name,
            rpc.method = self.method.name,
            rpc.grpc.status_code = code as i32,
            rpc.duration_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            "call ended"
        );
    }

    /// Logs and counts a panic.
    fn panicked(&self, panic: &Panic) -> Status {
        self.method.counters.panicked();
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
        self.end(Code::Cancelled);
    }
}

/// The code a reply's head or trailers carry.
fn code(headers: &HeaderMap) -> Option<Code> {
    headers.get(&GRPC_STATUS).map(|value| Code::from_bytes(value.as_bytes()))
}

/// A call until the head of its reply.
pub(crate) enum Call {
    /// Answered before any service saw it.
    Answered(Option<Response<ReplyBody>>),
    /// In the service's hands.
    Running {
        /// Gone once it has panicked or been given up.
        handler: Option<ReplyFuture>,
        /// Gone once the reply's body has it.
        meter: Option<Meter>,
    },
}

impl Call {
    /// Hands the request to its service.
    pub(crate) fn run(mut meter: Meter, request: Request<Incoming>) -> Self {
        let limit = meter.method.limits.message_in;
        let begun = panics::contain(|| {
            let request = request.map(|body| RequestBody::new(body, limit));
            meter.method.service.as_ref().map(|service| service.call(request))
        });
        match begun {
            Ok(handler) => Self::Running { handler, meter: Some(meter) },
            Err(panic) => {
                let status = meter.panicked(&panic);
                Self::refuse(&mut meter, status)
            }
        }
    }

    /// Ends a call that was counted.
    pub(crate) fn refuse(meter: &mut Meter, status: Status) -> Self {
        meter.end(status.code());
        Self::answer(status.into_http())
    }

    /// Ends a request that is no call.
    pub(crate) fn answer(response: Response<ReplyBody>) -> Self {
        Self::Answered(Some(response))
    }
}

/// What one poll of a handler came to.
enum Step {
    Wait,
    Reply(Response<tonic::body::Body>),
    Fail(Status),
}

fn step(handler: &mut Option<ReplyFuture>, meter: &Meter, cx: &mut Context<'_>) -> Step {
    let Some(running) = handler else { return Step::Fail(status::shutting_down()) };
    match panics::contain(|| running.as_mut().poll(cx)) {
        Ok(_) if meter.late() => Step::Fail(status::deadline_exceeded()),
        Ok(Poll::Ready(Ok(reply))) => Step::Reply(reply),
        Ok(Poll::Ready(Err(never))) => match never {},
        Ok(Poll::Pending) if meter.stopping() => Step::Fail(status::shutting_down()),
        Ok(Poll::Pending) => Step::Wait,
        Err(panic) => Step::Fail(meter.panicked(&panic)),
    }
}

impl Future for Call {
    type Output = Result<Response<ReplyBody>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (handler, meter) = match &mut *self {
            Self::Answered(response) => return response.take().map_or(Poll::Pending, |r| Poll::Ready(Ok(r))),
            Self::Running { handler, meter } => (handler, meter),
        };
        let Some(measured) = meter else { return Poll::Pending };
        let outcome = step(handler, measured, cx);
        if matches!(outcome, Step::Wait) {
            return Poll::Pending;
        }
        // What a handler drops may panic too.
        if let Err(panic) = panics::contain(|| *handler = None) {
            measured.panicked(&panic);
        }
        Poll::Ready(Ok(match outcome {
            Step::Wait => return Poll::Pending,
            Step::Fail(status) => {
                measured.end(status.code());
                status.into_http()
            }
            Step::Reply(reply) => match code(reply.headers()) {
                Some(code) => {
                    measured.end(code);
                    reply.map(ReplyBody::plain)
                }
                None => {
                    let meter = meter.take();
                    reply.map(|body| ReplyBody::measured(body, meter))
                }
            },
        }))
    }
}
