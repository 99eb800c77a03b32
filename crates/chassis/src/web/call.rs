//! One request until the head of its reply.

use super::{Refusal, ReplyBody, ReplyFuture, Routed, Web, WebBody, meter::Meter};
use crate::{call::Caller, panics, serve::Open, status};
use http::{HeaderValue, Request, Response, header};
use hyper::body::Incoming;
use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tonic::body::Body;

/// A request until the head of its reply.
pub(crate) struct Call {
    /// Gone once it has answered, panicked or been given up.
    handler: Option<ReplyFuture>,
    /// Why the request was refused before it reached the service.
    refused: Option<Refusal>,
    /// Gone once the reply's body has it.
    meter: Option<Meter>,
    /// Tells the connection that something runs; where nothing else does.
    open: Option<Open>,
}

impl Call {
    /// Begins to answer a request, or refuses it for the reason given or for want of room.
    pub(crate) fn begin(
        web: &Arc<Web>,
        caller: &Arc<Caller>,
        refusal: Option<Refusal>,
        request: Request<Incoming>,
        open: Option<Open>,
    ) -> Self {
        let mut meter = Meter::start(web, caller, request.method(), request.headers());
        let request = request.map(|body| WebBody::new(body, caller, web.max_body_pause, open.clone()));
        if let Err(refusal) = refusal.map_or_else(|| meter.admit().map_err(Refusal::from), Err) {
            return Self { handler: None, refused: Some(refusal), meter: Some(meter), open };
        }
        let begun = panics::contain(|| {
            let _entered = meter.enter();
            web.service.call(request)
        });
        match begun {
            Ok(Routed { route, reply }) => {
                meter.route = route;
                Self { handler: Some(reply), refused: None, meter: Some(meter), open }
            }
            Err(panic) => {
                let refused = Some(meter.panicked(&panic).into());
                Self { handler: None, refused, meter: Some(meter), open }
            }
        }
    }
}

fn step(
    handler: &mut Option<ReplyFuture>,
    meter: &Meter,
    cx: &mut Context<'_>,
) -> Poll<Result<Response<Body>, Refusal>> {
    let Some(running) = handler else { return Poll::Ready(Err(status::shutting_down().into())) };
    let _entered = meter.enter();
    match panics::contain(|| running.as_mut().poll(cx)) {
        Ok(Poll::Ready(reply)) => Poll::Ready(Ok(reply)),
        Ok(Poll::Pending) => match meter.ending() {
            Some(why) => Poll::Ready(Err(why.status().into())),
            None => Poll::Pending,
        },
        Err(panic) => Poll::Ready(Err(meter.panicked(&panic).into())),
    }
}

/// What the service says to a refusal; nothing more than the code if it panics.
fn refusal(meter: &Meter, refusal: &Refusal) -> Response<Body> {
    panics::contain(|| meter.web.service.refuse(&refusal.status, refusal.code)).unwrap_or_else(|panic| {
        meter.panicked(&panic);
        let mut response = Response::new(Body::empty());
        *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
        response
    })
}

impl Future for Call {
    type Output = Result<Response<ReplyBody>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let Some(meter) = &mut this.meter else { return Poll::Pending };
        let outcome = match this.refused.take() {
            Some(refusal) => Err(refusal),
            None => match step(&mut this.handler, meter, cx) {
                Poll::Ready(outcome) => outcome,
                Poll::Pending => return Poll::Pending,
            },
        };
        // What a handler drops may panic too.
        if let Err(panic) = panics::contain(|| this.handler = None) {
            meter.panicked(&panic);
        }
        let mut response = outcome.unwrap_or_else(|why| refusal(meter, &why));
        meter.answered(response.status(), response.headers_mut());
        if this.open.as_ref().is_some_and(Open::leaves) {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        let (meter, open) = (this.meter.take(), this.open.take());
        Poll::Ready(Ok(response.map(|body| ReplyBody::new(body, meter, open))))
    }
}
