//! Takes each request of a connection to its method.

use super::activity::{Activity, Open};
use crate::{
    call::{Call, ReplyBody, Source},
    status, web,
};
use http::{HeaderMap, Method as Verb, Request, Response, StatusCode, Version, header};
use hyper::{body::Incoming, service::Service};
use std::{cell::Cell, convert::Infallible, sync::Arc};
use tokio::time::Instant;

thread_local! {
    /// hyper calls the service and then at once hands its future to the executor, with nothing else passed along: the
    /// deadline takes this way from the one to the other.
    static DEADLINE: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Everyone may ask how a server is; what asks often cannot say who it is.
const HEALTH: &str = "/grpc.health.v1.Health/";

/// The deadline of the call that was dispatched last on this thread.
pub(super) fn take_deadline() -> Option<Instant> {
    DEADLINE.take()
}

/// The service hyper calls, one for each connection.
pub(super) struct Dispatch(pub(super) Arc<Activity>);

impl Service<Request<Incoming>> for Dispatch {
    type Response = Response<ReplyBody>;
    type Error = Infallible;
    type Future = Call;

    fn call(&self, request: Request<Incoming>) -> Call {
        let (call, deadline) = self.begin(request.map(Source::Wire));
        DEADLINE.set(deadline);
        call
    }
}

impl Dispatch {
    /// With the call comes the moment it must be over.
    pub(super) fn begin(&self, request: Request<Source>) -> (Call, Option<Instant>) {
        self.0.call();
        let shard = &self.0.shard;
        if request.method() != Verb::POST {
            return (Call::answer(not_grpc(StatusCode::METHOD_NOT_ALLOWED, (header::ALLOW, "POST"))), None);
        }
        if !is_grpc(request.headers()) {
            let accept = (header::ACCEPT, "application/grpc");
            return (Call::answer(not_grpc(StatusCode::UNSUPPORTED_MEDIA_TYPE, accept)), None);
        }
        let path = request.uri().path();
        let (method, refusal) = match shard.methods.get(path) {
            _ if !self.0.allowed && !path.starts_with(HEALTH) => {
                (&shard.unknown, Some(status::peer_not_allowed(&self.0.caller.peer)))
            }
            Some(method) => (method, None),
            None => (&shard.unknown, Some(unknown(&shard.services, path))),
        };
        Call::begin(method, &self.0.caller, refusal, request)
    }
}

/// As [`Dispatch`], for the connections of web addresses.
pub(super) struct DispatchWeb(pub(super) Arc<Activity>, pub(super) Arc<web::Web>);

impl Service<Request<Incoming>> for DispatchWeb {
    type Response = Response<web::ReplyBody>;
    type Error = Infallible;
    type Future = web::Call;

    fn call(&self, request: Request<Incoming>) -> web::Call {
        self.0.call();
        DEADLINE.set(None);
        let refusal = (!self.0.allowed).then(|| status::peer_not_allowed(&self.0.caller.peer));
        // A stream of HTTP/2 counts as open by itself.
        let open = (request.version() < Version::HTTP_2).then(|| Open::new(&self.0));
        web::Call::begin(&self.1, &self.0.caller, refusal, request, open)
    }
}

fn unknown(services: &[&str], path: &str) -> tonic::Status {
    let (service, method) = path.trim_start_matches('/').split_once('/').unwrap_or((path, ""));
    if services.contains(&service) { status::unknown_method(service, method) } else { status::unknown_service(service) }
}

fn not_grpc(code: StatusCode, (name, value): (header::HeaderName, &'static str)) -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody::default());
    *response.status_mut() = code;
    response.headers_mut().insert(name, header::HeaderValue::from_static(value));
    response
}

/// `application/grpc`, also with `+proto` and with parameters.
fn is_grpc(headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(header::CONTENT_TYPE) else { return false };
    match kind.as_bytes().strip_prefix(b"application/grpc") {
        Some(rest) => matches!(rest.strip_prefix(b"+proto").unwrap_or(rest), [] | [b';', ..]),
        None => false,
    }
}
