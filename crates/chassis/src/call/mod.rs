//! One call: admitted, run, measured, ended in time. This is the hot path; nothing here locks, and what a call that
//! is answered at once does not need is not made.

mod admission;
mod buffers;
mod caller;
mod encoding;
mod frames;
mod head;
mod metadata;
mod method;
mod reply;
mod request;

pub(crate) use admission::{Admission, Class, Desk};
pub(crate) use buffers::{Buffers, Held, Share};
pub(crate) use caller::{Caller, Ending};
pub(crate) use encoding::Encoding;
pub(crate) use method::{Limits, Meter, Method};
pub(crate) use reply::ReplyBody;
pub use request::RequestBody;
pub(crate) use request::Source;

use crate::{panics, service::ReplyFuture, status};
use campus_call::RequestId;
use head::Head;
use http::{HeaderName, Request, Response};
use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tokio::time::Instant;
use tonic::Status;

static GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

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
    /// Begins a call of `method`, or refuses it: for the reason given, for what its head says, or for want of room.
    /// With it comes the moment it must be over.
    pub(crate) fn begin(
        method: &Arc<Method>,
        caller: &Arc<Caller>,
        refusal: Option<Status>,
        request: Request<Source>,
    ) -> (Self, Option<Instant>) {
        let head = Head::read(request.headers());
        let (time, late) = match method.limits.time(head.timeout) {
            Ok(time) => (time, None),
            Err(status) => (None, Some(status)),
        };
        let request_id = head.request_id.unwrap_or_else(RequestId::random);
        let traced = head.is_traced.then_some(request.headers());
        let mut meter = Meter::start(method, caller, request_id, time, traced);
        meter.advertise = head.accepts.is_some() || head.encoding.is_some() || head.foreign_encoding;
        meter.reply_encoding = method.limits.reply_encoding(head.encoding, head.accepts);
        let encoding = head.encoding;
        match refusal.or(head.fault).or(late).map_or_else(|| meter.admit(), Err) {
            Err(status) => (Self::refuse(meter, status), None),
            Ok(()) => {
                let deadline = meter.deadline();
                (Self::run(meter, request, encoding), deadline)
            }
        }
    }

    /// Hands the request to its service.
    fn run(mut meter: Meter, mut request: Request<Source>, encoding: Option<Encoding>) -> Self {
        if encoding.is_some() {
            // The service gets the messages unpacked.
            request.headers_mut().remove("grpc-encoding");
        }
        let begun = panics::contain(|| {
            let _entered = meter.enter();
            let request = request.map(|body| RequestBody::new(body, &meter.method, encoding, &meter.caller.share));
            meter.method.service.as_ref().map(|service| service.call(request))
        });
        match begun {
            Ok(handler) => Self::Running { handler, meter: Some(meter) },
            Err(panic) => {
                let status = meter.panicked(&panic);
                Self::answer(refused(&mut meter, status))
            }
        }
    }

    fn refuse(mut meter: Meter, status: Status) -> Self {
        Self::answer(refused(&mut meter, status))
    }

    /// Ends a request that is no call.
    pub(crate) fn answer(response: Response<ReplyBody>) -> Self {
        Self::Answered(Some(response))
    }
}

/// The whole reply of a call that ends before its service said anything.
fn refused(meter: &mut Meter, status: Status) -> Response<ReplyBody> {
    let mut response = status.into_http::<ReplyBody>();
    metadata::begin(meter, response.headers_mut());
    metadata::end(meter, response.headers_mut());
    response
}

/// What one poll of a handler came to.
enum Step {
    Wait,
    Reply(Response<tonic::body::Body>),
    Fail(Status),
}

fn step(handler: &mut Option<ReplyFuture>, meter: &Meter, cx: &mut Context<'_>) -> Step {
    let Some(running) = handler else { return Step::Fail(status::shutting_down()) };
    // It may have waited its time out in the queue of its event loop; then nothing is begun for it.
    if meter.late() {
        return Step::Fail(status::deadline_exceeded());
    }
    let _entered = meter.enter();
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
            Step::Fail(status) => refused(measured, status),
            Step::Reply(mut reply) => {
                metadata::begin(measured, reply.headers_mut());
                if metadata::code(reply.headers()).is_some() {
                    metadata::end(measured, reply.headers_mut());
                    reply.map(ReplyBody::plain)
                } else {
                    let encoding = measured.reply_encoding.filter(|e| metadata::compressed(*e, reply.headers_mut()));
                    let meter = meter.take();
                    reply.map(|body| ReplyBody::measured(body, meter, encoding))
                }
            }
        }))
    }
}
