//! Sends requests to a collector (OTLP 1, over gRPC and over HTTP with protobuf).

use crate::{
    codec::Raw,
    connect::Connector,
    endpoint::{Endpoint, Protocol, Signal},
};
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri, header, uri::PathAndQuery};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use std::{error::Error, fmt::Display, io, io::Write, time::Duration};
use tonic::{
    Code, Status,
    client::Grpc,
    codec::CompressionEncoding,
    metadata::MetadataMap,
    transport::{Channel, Endpoint as Address},
};

/// The largest answer that is read; a good one is a few bytes.
const ANSWER: usize = 64 << 10;

/// A request was not taken.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// For people.
    pub(crate) why: String,
    /// Whether the same request may be taken later.
    pub(crate) is_passing: bool,
}

/// A way to one collector.
#[derive(Clone)]
pub(crate) struct Sender {
    way: Way,
    headers: HeaderMap,
    timeout: Duration,
    gzip: bool,
}

type HttpClient = Client<Connector, Full<Bytes>>;

#[derive(Clone)]
enum Way {
    Grpc(Channel),
    Http(Box<HttpClient>, Uri),
}

impl Sender {
    /// Connects when it is first used. Call it on the runtime that will send.
    ///
    /// # Errors
    /// If the address cannot be connected to as it is.
    pub(crate) fn new(endpoint: &Endpoint) -> io::Result<Self> {
        let connector = Connector::new(&endpoint.uri, endpoint.tls.clone())?;
        let way = match endpoint.protocol {
            Protocol::Http => {
                Way::Http(Box::new(Client::builder(TokioExecutor::new()).build(connector)), endpoint.uri.clone())
            }
            // The connector does TLS, which tonic is not told of: it would ask for settings of its own.
            Protocol::Grpc => {
                let address = Address::from(Uri::from_static("http://collector")).origin(endpoint.uri.clone());
                Way::Grpc(address.connect_timeout(endpoint.timeout).connect_with_connector_lazy(connector))
            }
        };
        Ok(Self { way, headers: endpoint.headers.clone(), timeout: endpoint.timeout, gzip: endpoint.gzip })
    }

    /// One attempt to send an encoded request; how many of its items were refused.
    pub(crate) async fn send(&self, signal: Signal, request: Bytes) -> Result<u64, Refusal> {
        let attempt = async {
            let answer = match &self.way {
                Way::Grpc(channel) => self.call(channel, signal, request).await?,
                Way::Http(client, uri) => self.post(client, uri, request).await?,
            };
            // The answers of all signals have the same form.
            let answer = ExportTraceServiceResponse::decode(answer).map_err(|_| lasting(&"its answer is no OTLP"))?;
            Ok(answer.partial_success.map_or(0, |part| part.rejected_spans.unsigned_abs()))
        };
        let late = || Refusal { why: format!("no answer within {:?}", self.timeout), is_passing: true };
        tokio::time::timeout(self.timeout, attempt).await.unwrap_or_else(|_| Err(late()))
    }

    async fn call(&self, channel: &Channel, signal: Signal, request: Bytes) -> Result<Bytes, Refusal> {
        let mut grpc = Grpc::new(channel.clone()).max_decoding_message_size(ANSWER);
        if self.gzip {
            grpc = grpc.send_compressed(CompressionEncoding::Gzip);
        }
        grpc.ready().await.map_err(|error| passing(&error))?;
        let metadata = MetadataMap::from_headers(self.headers.clone());
        let request = tonic::Request::from_parts(metadata, tonic::Extensions::default(), request);
        let path = PathAndQuery::from_static(match signal {
            Signal::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
            Signal::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
        });
        let answer = grpc.unary(request, path, Raw).await.map_err(|status| of_grpc(&status))?;
        Ok(answer.into_inner())
    }

    async fn post(&self, client: &HttpClient, uri: &Uri, body: Bytes) -> Result<Bytes, Refusal> {
        let mut request =
            Request::post(uri.clone()).body(Full::new(self.squeeze(body)?)).map_err(|error| lasting(&error))?;
        let headers = request.headers_mut();
        headers.extend(self.headers.clone());
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        if self.gzip {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        let answer = client.request(request).await.map_err(|error| passing(&error))?;
        let status = answer.status();
        if !status.is_success() {
            let is_passing = matches!(
                status,
                StatusCode::TOO_MANY_REQUESTS
                    | StatusCode::BAD_GATEWAY
                    | StatusCode::SERVICE_UNAVAILABLE
                    | StatusCode::GATEWAY_TIMEOUT
            );
            return Err(Refusal { why: format!("it answered HTTP {status}"), is_passing });
        }
        let body = Limited::new(answer.into_body(), ANSWER).collect().await;
        let body = body.map_err(|error| Refusal { why: chain(&*error), is_passing: false })?;
        Ok(body.to_bytes())
    }

    fn squeeze(&self, body: Bytes) -> Result<Bytes, Refusal> {
        if !self.gzip {
            return Ok(body);
        }
        let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
        encoder.write_all(&body).and_then(|()| encoder.finish()).map(Bytes::from).map_err(|error| lasting(&error))
    }
}

fn of_grpc(status: &Status) -> Refusal {
    use Code::{Aborted, Cancelled, DataLoss, DeadlineExceeded, OutOfRange, ResourceExhausted, Unavailable};
    if let Some(cause) = status.source() {
        // What the way to the collector met with, whatever code it goes by; a status that a collector sends has no cause.
        return passing(cause);
    }
    let is_passing = matches!(
        status.code(),
        Cancelled | DeadlineExceeded | Aborted | OutOfRange | Unavailable | DataLoss | ResourceExhausted
    );
    Refusal { why: format!("{:?}: {}", status.code(), status.message()), is_passing }
}

fn lasting(why: &dyn Display) -> Refusal {
    Refusal { why: why.to_string(), is_passing: false }
}

fn passing(error: &dyn Error) -> Refusal {
    Refusal { why: chain(error), is_passing: true }
}

/// An error with what caused it, since the outermost seldom says more than that there was one.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    text
}
