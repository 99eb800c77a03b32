//! Asks a server for its health (gRFC A17, `grpc.health.v1`).

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::{Request, Response};
use tokio::time::{sleep, timeout};
use tonic::{Code, Status, body::Body};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};
use tower::Service;

use super::{Backoff, ConnectError, Endpoint, Phase};
use crate::connection::Connection;

/// Takes calls to an endpoint while its server says that `service` is served, as long as it is polled.
pub(super) async fn follow(
    endpoint: &Arc<Endpoint>,
    connection: Arc<Connection>,
    service: &str,
    mut backoff: Backoff,
) -> std::convert::Infallible {
    loop {
        let (mut answers, asked) = (0_u64, ask(endpoint, &connection, service));
        let end = match asked.await {
            Ok(mut stream) => loop {
                match stream.message().await {
                    Ok(Some(answer)) => {
                        answers += 1;
                        heed(endpoint, &connection, service, answer.status());
                    }
                    Ok(None) => break Status::unavailable("the answer has ended"),
                    Err(status) => break status,
                }
            },
            Err(status) => status,
        };
        match end.code() {
            // Nothing is known, which is as good as before there were questions of this kind.
            Code::Unimplemented => {
                endpoint.ready(connection);
                return std::future::pending().await;
            }
            // Streams end; what was said last holds until it is asked again.
            _ if answers > 0 => backoff.reset(),
            _ => {
                let what = format!("health of {service:?} is not known: {}", end.message());
                endpoint.failed(Phase::Unhealthy, ConnectError { what, source: Some(end.into()) });
            }
        }
        sleep(backoff.pause()).await;
    }
}

/// Whether its server answers at all, within this time; yes if there is no connection to ask on.
pub(crate) async fn lives(endpoint: &Arc<Endpoint>, within: Duration) -> bool {
    let Some(connection) = endpoint.connection() else { return true };
    let lane = Lane { endpoint: Arc::clone(endpoint), connection };
    let mut client = HealthClient::new(lane);
    let asked = client.check(HealthCheckRequest::default());
    match timeout(within, asked).await {
        Ok(Err(status)) => status.code() != Code::Unavailable,
        Ok(Ok(_)) => true,
        Err(_) => false,
    }
}

async fn ask(
    endpoint: &Arc<Endpoint>,
    connection: &Arc<Connection>,
    service: &str,
) -> Result<tonic::Streaming<tonic_health::pb::HealthCheckResponse>, Status> {
    let lane = Lane { endpoint: Arc::clone(endpoint), connection: Arc::clone(connection) };
    let request = HealthCheckRequest { service: service.to_owned() };
    HealthClient::new(lane).watch(request).await.map(tonic::Response::into_inner)
}

fn heed(endpoint: &Endpoint, connection: &Arc<Connection>, service: &str, status: ServingStatus) {
    if status == ServingStatus::Serving {
        endpoint.ready(Arc::clone(connection));
    } else {
        let what = format!("{service:?} is {}", status.as_str_name());
        endpoint.failed(Phase::Unhealthy, ConnectError { what, source: None });
    }
}

/// Calls on one connection, whether or not it is picked from.
#[derive(Clone, Debug)]
struct Lane {
    endpoint: Arc<Endpoint>,
    connection: Arc<Connection>,
}

impl Service<Request<Body>> for Lane {
    type Response = Response<Body>;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Status>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let begun = self.endpoint.ask(Arc::clone(&self.connection), request);
        Box::pin(async move {
            let answer = begun.map_err(|error| error.status)?.await;
            answer.map(|answer| answer.map(Body::new)).map_err(|error| error.status)
        })
    }
}
