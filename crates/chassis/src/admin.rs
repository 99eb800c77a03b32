//! The admin port: probes, version and metrics over HTTP/1.1, and health also over plaintext gRPC.

use crate::{BuildInfo, health, health::HealthService, metrics::Metrics, ready::Readiness, serve::Link};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    task::{AbortHandle, JoinSet},
};
use tonic::body::Body;
use tower::Service;

/// Connections at once; probes and scrapes need a handful. A further one takes the place of the oldest, so that nobody can
/// keep a probe out.
const MAX_CONNECTIONS: usize = 256;
/// How long a connection may take to say anything, and a request's head to come.
const HEAD_LIMIT: Duration = Duration::from_secs(10);
/// An event loop that does not turn within this is not alive.
const TURN_LIMIT: Duration = Duration::from_secs(5);
/// Pause after a failed accept.
const PAUSE: Duration = Duration::from_millis(100);

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

const ENDPOINTS: &str = "\
/livez     the event loops turn
/readyz    the server would serve well now; says what is wrong otherwise
/startupz  the start is done: the settings are good and the ports open
/version   what is running, as JSON
/metrics   figures for Prometheus
grpc.health.v1.Health over HTTP/2 without TLS
";

/// What the admin port tells of.
#[derive(Debug)]
pub(crate) struct Admin {
    pub(crate) build: BuildInfo,
    pub(crate) health: HealthService,
    pub(crate) readiness: Readiness,
    pub(crate) metrics: Metrics,
    pub(crate) shards: Vec<Link>,
}

/// Serves until it is dropped.
pub(crate) async fn serve(listener: TcpListener, admin: Admin) {
    let (admin, mut connections, mut oldest) = (Arc::new(admin), JoinSet::new(), VecDeque::new());
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                oldest.push_back(connections.spawn(connection(Arc::clone(&admin), stream)));
                oldest.retain(|connection: &AbortHandle| !connection.is_finished());
                if oldest.len() > MAX_CONNECTIONS {
                    oldest.pop_front().inspect(AbortHandle::abort);
                }
            }
            Err(error) => {
                tracing::debug!(%error, "admin port: no connection accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn connection(admin: Arc<Admin>, stream: TcpStream) {
    if !matches!(tokio::time::timeout(HEAD_LIMIT, stream.peek(&mut [0])).await, Ok(Ok(1))) {
        return;
    }
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_LIMIT);
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(HEAD_LIMIT).keep_alive_timeout(HEAD_LIMIT);
    let service = service_fn(move |request| {
        let admin = Arc::clone(&admin);
        async move { Ok::<_, Infallible>(admin.answer(request).await) }
    });
    if let Err(error) = builder.serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!(error, "admin connection ended");
    }
}

impl Admin {
    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let path = request.uri().path();
        if path.strip_prefix('/').and_then(|p| p.strip_prefix(health::SERVICE)).is_some_and(|p| p.starts_with('/')) {
            let Ok(response) = self.health.clone().call(request).await;
            return response;
        }
        let known = ["/livez", "/readyz", "/startupz", "/version", "/metrics"].contains(&path);
        if known && request.method() != Method::GET && request.method() != Method::HEAD {
            return plain(StatusCode::METHOD_NOT_ALLOWED, TEXT, "use GET\n".to_owned());
        }
        match path {
            "/livez" => self.live().await,
            "/readyz" => probe(&self.readiness.problems()),
            // Nobody is answered here before that.
            "/startupz" => probe(&[]),
            "/version" => plain(StatusCode::OK, JSON, self.build.json() + "\n"),
            "/metrics" => plain(StatusCode::OK, OPEN_METRICS, self.metrics.text()),
            _ => plain(StatusCode::NOT_FOUND, TEXT, format!("nothing at {path}; there is\n{ENDPOINTS}")),
        }
    }

    async fn live(&self) -> Response<Body> {
        let turns = self.shards.iter().map(|link| link.turns(TURN_LIMIT));
        let turning = futures_util::future::join_all(turns).await;
        let stuck = turning.iter().enumerate().filter(|(_, turns)| !**turns);
        probe(&stuck.map(|(i, _)| format!("shard {i} does not turn")).collect::<Vec<_>>())
    }
}

fn probe(problems: &[String]) -> Response<Body> {
    if problems.is_empty() {
        plain(StatusCode::OK, TEXT, "ok\n".to_owned())
    } else {
        plain(StatusCode::SERVICE_UNAVAILABLE, TEXT, problems.join("\n") + "\n")
    }
}

fn plain(code: StatusCode, kind: &'static str, text: String) -> Response<Body> {
    let mut response = Response::new(Body::new(Full::new(Bytes::from(text))));
    *response.status_mut() = code;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
