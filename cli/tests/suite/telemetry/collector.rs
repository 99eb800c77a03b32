//! A collector: takes OTLP over gRPC and HTTP, or behaves as badly as it is told to.

use std::{
    convert::Infallible,
    io::Read,
    net::SocketAddr,
    sync::{Arc, Mutex, mpsc},
};

use bytes::Bytes;
use campus_testkit::eventually;
use flate2::read::GzDecoder;
use http::{HeaderMap, Request, Response, header};
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use opentelemetry_proto::tonic::{
    collector::{metrics::v1::ExportMetricsServiceRequest, trace::v1::ExportTraceServiceRequest},
    common::v1::{KeyValue, any_value::Value},
    metrics::v1::Metric,
    resource::v1::Resource,
    trace::v1::Span,
};
use prost::Message;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// How a collector behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// Takes everything and says so.
    Takes,
    /// Reads and never answers.
    Silent,
    /// Drops each connection as soon as something comes.
    Drops,
    /// Does so with the first connection, and takes everything on the next ones.
    DropsFirst,
    /// Answers with bytes that mean nothing.
    Rubbish,
    /// Refuses everything, as is its right.
    Refuses,
}

/// What a collector was sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Got {
    pub(super) resources: Vec<Resource>,
    pub(super) spans: Vec<Span>,
    pub(super) metrics: Vec<Metric>,
    pub(super) heads: Vec<HeaderMap>,
    /// All of it, as it came.
    pub(super) bytes: Vec<u8>,
}

pub(super) struct Collector {
    pub(super) address: SocketAddr,
    got: Arc<Mutex<Got>>,
}

impl Collector {
    /// Runs on a thread of its own until the test ends, so that a test may wait for a process.
    pub(super) fn start(manner: Manner) -> Self {
        Self::start_with(manner, None)
    }

    pub(super) fn start_with(manner: Manner, tls: Option<tokio_rustls::TlsAcceptor>) -> Self {
        let got = Arc::new(Mutex::new(Got::default()));
        let (tell, told) = mpsc::sync_channel(1);
        let for_thread = Arc::clone(&got);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                tell.send(listener.local_addr().unwrap()).unwrap();
                for connection in 0.. {
                    let (tcp, _) = listener.accept().await.unwrap();
                    let manner = match manner {
                        Manner::DropsFirst if connection == 0 => Manner::Drops,
                        Manner::DropsFirst => Manner::Takes,
                        manner => manner,
                    };
                    let (got, tls) = (Arc::clone(&for_thread), tls.clone());
                    tokio::spawn(async move {
                        match tls {
                            None => serve(tcp, manner, got).await,
                            // A client that does not trust it ends the handshake.
                            Some(tls) => {
                                if let Ok(stream) = tls.accept(tcp).await {
                                    serve(stream, manner, got).await;
                                }
                            }
                        }
                    });
                }
            });
        });
        Self { address: told.recv().unwrap(), got }
    }

    /// An address where nobody listens.
    pub(super) fn dead() -> SocketAddr {
        std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
    }

    pub(super) fn got(&self) -> Got {
        self.got.lock().unwrap().clone()
    }

    /// Waits until it has so many spans.
    pub(super) async fn spans(&self, count: usize) -> Vec<Span> {
        eventually("the spans arrive", async || Some(self.got().spans).filter(|spans| spans.len() >= count)).await
    }
}

async fn serve<S>(mut stream: S, manner: Manner, got: Arc<Mutex<Got>>)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let mut buffer = [0; 4096];
    match manner {
        Manner::Takes | Manner::Refuses | Manner::DropsFirst => {
            let answer = service_fn(move |request| take(request, manner, Arc::clone(&got)));
            let _ = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), answer).await;
        }
        Manner::Drops => drop(stream.read(&mut buffer).await),
        Manner::Silent => while stream.read(&mut buffer).await.is_ok_and(|n| n > 0) {},
        Manner::Rubbish => {
            let noise: Vec<u8> = (0..4096).map(|_| fastrand::u8(..)).collect();
            while stream.read(&mut buffer).await.is_ok_and(|n| n > 0) {
                if stream.write_all(&noise).await.is_err() {
                    break;
                }
            }
        }
    }
}

async fn take(
    request: Request<Incoming>,
    manner: Manner,
    got: Arc<Mutex<Got>>,
) -> Result<Response<BoxBody<Bytes, Infallible>>, Infallible> {
    let (head, body) = request.into_parts();
    let is_grpc = head.headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes() == b"application/grpc");
    let Ok(body) = body.collect().await else { return Ok(Response::default()) };
    if manner == Manner::Takes {
        keep(&head, &body.to_bytes(), is_grpc, &mut got.lock().unwrap());
    }
    Ok(answer(is_grpc, manner))
}

fn keep(head: &http::request::Parts, body: &Bytes, is_grpc: bool, got: &mut Got) {
    let (is_packed, body) = match is_grpc {
        true => (body[0] == 1, body.slice(5..)),
        false => (head.headers.get(header::CONTENT_ENCODING).is_some_and(|e| e == "gzip"), body.clone()),
    };
    let mut bytes = Vec::new();
    match is_packed {
        true => drop(GzDecoder::new(&*body).read_to_end(&mut bytes).unwrap()),
        false => bytes.extend_from_slice(&body),
    }
    got.heads.push(head.headers.clone());
    match head.uri.path() {
        "/v1/traces" | "/opentelemetry.proto.collector.trace.v1.TraceService/Export" => {
            for of_resource in ExportTraceServiceRequest::decode(&*bytes).unwrap().resource_spans {
                got.resources.extend(of_resource.resource);
                got.spans.extend(of_resource.scope_spans.into_iter().flat_map(|scope| scope.spans));
            }
        }
        "/v1/metrics" | "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export" => {
            for of_resource in ExportMetricsServiceRequest::decode(&*bytes).unwrap().resource_metrics {
                got.resources.extend(of_resource.resource);
                got.metrics = of_resource.scope_metrics.into_iter().flat_map(|scope| scope.metrics).collect();
            }
        }
        other => panic!("nothing is sent to {other}"),
    }
    got.bytes.extend(bytes);
}

fn answer(is_grpc: bool, manner: Manner) -> Response<BoxBody<Bytes, Infallible>> {
    let takes = manner == Manner::Takes;
    if !is_grpc {
        let status = if takes { 200 } else { 400 };
        return Response::builder().status(status).body(Full::default().boxed()).unwrap();
    }
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", if takes { "0" } else { "3" }.parse().unwrap());
    let empty = if takes { Bytes::from_static(&[0; 5]) } else { Bytes::new() };
    let body = Full::new(empty).with_trailers(async { Some(Ok(trailers)) }).boxed();
    Response::builder().header(header::CONTENT_TYPE, "application/grpc").body(body).unwrap()
}

/// The value of an attribute, as text.
pub(super) fn attribute(attributes: &[KeyValue], key: &str) -> Option<String> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    match found.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        Value::IntValue(number) => Some(number.to_string()),
        other => Some(format!("{other:?}")),
    }
}

/// Whether somebody can connect.
pub(super) async fn listens(address: SocketAddr) -> bool {
    TcpStream::connect(address).await.is_ok()
}
