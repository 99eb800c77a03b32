//! One call: admitted, run, measured, ended in time. This is the hot path; nothing here locks, and what a call that
//! is answered at once does not need is not made.

mod caller;
mod frames;
mod method;
mod reply;
mod request;
mod timeout;

pub(crate) use caller::{Caller, Ending};
pub(crate) use method::{Limits, Meter, Method};
pub(crate) use reply::ReplyBody;
pub use request::RequestBody;

use crate::{panics, service::ReplyFuture, status};
use http::{HeaderMap, HeaderName, Request, Response};
use hyper::body::Incoming;
use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};
use tonic::{Code, Status};

static GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

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
        Ok(Poll::Pending) => meter.ending().map_or(Step::Wait, |why| Step::Fail(why.status())),
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
