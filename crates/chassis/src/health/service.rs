//! `grpc.health.v1.Health`: Check, Watch and List.

use super::{Health, SERVICE, State};
use crate::{service::ReplyFuture, status};
use futures_util::{Stream, StreamExt, stream};
use std::{
    collections::HashMap,
    convert::Infallible,
    task::{Context, Poll},
};
use tonic::{
    Request, Response, Status,
    codegen::{Body, StdError},
    server::{Grpc, NamedService},
};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus};
use tonic_prost::ProstCodec;
use tower::{Service, service_fn};

#[derive(Clone, Copy, PartialEq, prost::Message)]
struct HealthListRequest {}

#[derive(Clone, PartialEq, prost::Message)]
struct HealthListResponse {
    #[prost(map = "string, message", tag = "1")]
    statuses: HashMap<String, HealthCheckResponse>,
}

/// The service over a server's [`Health`].
#[derive(Clone, Debug)]
pub(crate) struct HealthService(pub(crate) Health);

impl NamedService for HealthService {
    const NAME: &'static str = SERVICE;
}

fn response(state: State) -> HealthCheckResponse {
    let status = if state == State::Ready { ServingStatus::Serving } else { ServingStatus::NotServing };
    HealthCheckResponse { status: status.into() }
}

impl Health {
    fn check(&self, service: &str) -> Result<Response<HealthCheckResponse>, Status> {
        if !self.knows(service) {
            return Err(status::unknown_health(service));
        }
        Ok(Response::new(response(*self.state.borrow())))
    }

    fn list(&self) -> Response<HealthListResponse> {
        let now = response(*self.state.borrow());
        let names = self.services.iter().chain([&""]).map(|name| ((*name).to_owned(), now));
        Response::new(HealthListResponse { statuses: names.collect() })
    }

    /// The state now and each later one. Once the server drains it ends, so that nobody who watches holds up the stop.
    fn watch(&self, service: &str) -> impl Stream<Item = Result<HealthCheckResponse, Status>> + Send + use<> {
        let known = self.knows(service);
        let states = stream::unfold(Some((self.state.subscribe(), None)), move |next| async move {
            let (mut state, last) = next?;
            let now = *state.wait_for(|now| Some(*now) != last).await.ok()?;
            let reply = match now {
                _ if !known && last.is_none() => {
                    Some(HealthCheckResponse { status: ServingStatus::ServiceUnknown.into() })
                }
                _ if !known => None,
                _ if last.is_some_and(|last| response(last) == response(now)) => None,
                _ => Some(response(now)),
            };
            let end = (now == State::Draining).then(|| Err(status::shutting_down()));
            let items = stream::iter(reply.map(Ok).into_iter().chain(end));
            Some((items, (now != State::Draining).then_some((state, Some(now)))))
        });
        states.flatten()
    }
}

impl<B> Service<http::Request<B>> for HealthService
where
    B: Body + Send + 'static,
    B::Error: Into<StdError> + Send + 'static,
{
    type Response = http::Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = ReplyFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> ReplyFuture {
        let health = self.0.clone();
        Box::pin(async move {
            Ok(match request.uri().path() {
                "/grpc.health.v1.Health/Check" => {
                    let check = service_fn(move |r: Request<HealthCheckRequest>| {
                        std::future::ready(health.check(&r.get_ref().service))
                    });
                    Grpc::new(ProstCodec::default()).unary(check, request).await
                }
                "/grpc.health.v1.Health/List" => {
                    let list = service_fn(move |_: Request<HealthListRequest>| std::future::ready(Ok(health.list())));
                    Grpc::new(ProstCodec::default()).unary(list, request).await
                }
                "/grpc.health.v1.Health/Watch" => {
                    let watch = service_fn(move |r: Request<HealthCheckRequest>| {
                        std::future::ready(Ok(Response::new(Box::pin(health.watch(&r.get_ref().service)))))
                    });
                    Grpc::new(ProstCodec::default()).server_streaming(watch, request).await
                }
                path => status::unknown_method(SERVICE, path.rsplit('/').next().unwrap_or_default()).into_http(),
            })
        })
    }
}
