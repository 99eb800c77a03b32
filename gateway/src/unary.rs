//! Methods that take one message and answer with one.

use std::time::Instant;

use bytes::Bytes;
use campus_chassis::{ReadError, WebBody};
use campus_schema::{JsonOptions, Value};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use http_body::Body as _;
use http_body_util::Full;
use tonic::{Code, Status, body::Body};

use crate::{
    bind::{Bound, RawBody},
    fault::Fault,
    gateway::{Exchange, Gateway, Plan},
    grpc::{self, Reply},
    route::Route,
    web::{
        accept,
        coding::{self, Coding, Unpack},
        deadline::Time,
        etag::{self, Condition},
        metadata,
    },
};

const JSON: &str = "application/json";

/// Answers a request within its time.
pub(crate) async fn answer(exchange: Exchange) -> Result<Response<Body>, Fault> {
    let time = Time::of(&exchange.head.headers, &exchange.gateway.table.config)?;
    let late = |_| Fault::from(Status::deadline_exceeded("the time of the request was over before it was answered"));
    tokio::time::timeout(time.whole, in_time(exchange, time)).await.unwrap_or_else(|over| Err(late(over)))
}

async fn in_time(exchange: Exchange, time: Time) -> Result<Response<Body>, Fault> {
    let begun = Instant::now();
    let Exchange { gateway, route, mut bound, head, body } = exchange;
    let table = &gateway.table;
    let (route, plan, channel) = gateway.way(route)?;
    let mut metadata = metadata::of_request(&head.headers)?;
    if !plan.raw.reply && accept::media_type(&head.headers, &[JSON]).is_none() {
        return Err(not_acceptable(&[JSON]));
    }
    let conditional = conditions(plan, &head.method, &head.headers, &mut bound)?;
    let frame = message((&gateway, route), &bound, &head.headers, body).await?;
    metadata.insert("grpc-timeout", Time { whole: time.whole.saturating_sub(begun.elapsed()) }.header());
    let called = grpc::unary(channel, plan.uri.clone(), metadata, frame).await;
    let reply = called.map_err(|failed| {
        let fault = self::failed(failed);
        if conditional { fault.conditional() } else { fault }
    })?;
    reply_to(route, plan, &head, &reply, table.config.compress_over.0)
}

/// The one message of a request, in its frame.
pub(crate) async fn message(
    (gateway, route): (&Gateway, &Route),
    bound: &Bound,
    headers: &HeaderMap,
    body: WebBody,
) -> Result<Bytes, Fault> {
    let limit = usize::try_from(gateway.table.config.max_body.0).unwrap_or(usize::MAX);
    let bytes = read(route, headers, body, limit).await?;
    let mut frame = grpc::frame();
    if route.raw().request {
        let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let raw = RawBody { content_type: content_type.unwrap_or_default(), data: &bytes };
        route.raw_request(bound, raw, &mut frame)?;
    } else {
        route.request(bound, &bytes, &mut frame)?;
    }
    Ok(grpc::sealed(frame))
}

/// What a client is told of a call that failed.
pub(crate) fn failed(failed: grpc::Failed) -> Fault {
    let mut headers = HeaderMap::new();
    metadata::of_reply(&failed.head, &mut headers);
    metadata::of_reply(&failed.trailers, &mut headers);
    Fault::from(failed.status).with_all(headers)
}

/// Puts the etag of `If-Match` and the key of `Idempotency-Key` where the request has a place for them. Tells whether the
/// service is to compare an etag.
fn conditions(plan: &Plan, method: &Method, headers: &HeaderMap, bound: &mut Bound) -> Result<bool, Fault> {
    if let (Some(field), Some(key)) = (&plan.request_id, headers.get("idempotency-key")) {
        let text = key.to_str().unwrap_or_default().trim_matches('"');
        bound.put(field, text).map_err(|problem| Fault::header("Idempotency-Key", problem))?;
    }
    let if_match = etag::condition(headers, &header::IF_MATCH).map_err(|problem| Fault::header("If-Match", problem))?;
    let Some(condition) = if_match.filter(|_| !is_safe(method)) else { return Ok(false) };
    match (condition, &plan.etag_of_request) {
        (Condition::Any, _) => Ok(false),
        (_, None) => Err(Fault::header("If-Match", "this method compares no etag; leave the header out")),
        (Condition::Some, _) => Err(Fault::header("If-Match", "one etag can be compared, not several")),
        (Condition::One(tag), Some(field)) => {
            bound.put(field, tag).map_err(|problem| Fault::header("If-Match", problem))?;
            Ok(true)
        }
    }
}

fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

pub(crate) fn not_acceptable(offered: &[&str]) -> Fault {
    let message = format!("Accept names nothing that this method answers with; it answers with {}", offered.join(", "));
    Fault::new(StatusCode::NOT_ACCEPTABLE, Code::InvalidArgument, "NOT_ACCEPTABLE", message)
}

/// The body of the request, unpacked, of a type that is understood.
async fn read(route: &Route, headers: &HeaderMap, body: WebBody, limit: usize) -> Result<Bytes, Fault> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    let coding = Coding::of_request(headers).map_err(|()| unsupported_coding())?;
    if !route.raw().request {
        check_type(headers)?;
    }
    let bytes = body.read(limit).await.map_err(|error| match error {
        ReadError::TooLarge => too_large(limit),
        ReadError::Broken(why) => broken_off(&why),
        ReadError::Full(status) => status.into(),
    })?;
    let Some(coding) = coding else { return Ok(bytes) };
    coding.unpack(&bytes, limit).map(Bytes::from).map_err(|unpack| match unpack {
        Unpack::TooLarge => too_large(limit),
        Unpack::Damaged => Fault::header("Content-Encoding", "the body is not compressed in this way, or is damaged"),
    })
}

/// Bodies are JSON. What `curl -d` says of its own accord is not, and would be taken for JSON by mistake.
fn check_type(headers: &HeaderMap) -> Result<(), Fault> {
    let Some(kind) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let text = kind.to_str().unwrap_or_default();
    let essence = text.split(';').next().unwrap_or_default().trim_ascii();
    if essence.eq_ignore_ascii_case(JSON) || essence.len() > 5 && essence.to_ascii_lowercase().ends_with("+json") {
        return Ok(());
    }
    let message = format!("a body of type {essence} is not understood; send JSON with content-type: {JSON}");
    let fault =
        Fault::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, Code::InvalidArgument, "UNSUPPORTED_MEDIA_TYPE", message);
    Err(fault.with(header::ACCEPT, HeaderValue::from_static(JSON)))
}

pub(crate) fn unsupported_coding() -> Fault {
    let message = "Content-Encoding is not understood; use gzip, br or zstd, one of them";
    Fault::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, Code::InvalidArgument, "UNSUPPORTED_CONTENT_ENCODING", message)
        .with(header::ACCEPT_ENCODING, coding::UNDERSTOOD)
}

pub(crate) fn broken_off(why: &str) -> Fault {
    let message = format!("the body of the request broke off: {why}");
    Fault::new(StatusCode::BAD_REQUEST, Code::InvalidArgument, "BODY_BROKEN_OFF", message)
}

fn too_large(limit: usize) -> Fault {
    let message = format!("the body of the request is over the limit of {limit} bytes; send less in one request");
    Fault::new(StatusCode::PAYLOAD_TOO_LARGE, Code::ResourceExhausted, "BODY_TOO_LARGE", message)
}

pub(crate) fn reply_to(
    route: &Route,
    plan: &Plan,
    head: &http::request::Parts,
    reply: &Reply,
    compress_over: u64,
) -> Result<Response<Body>, Fault> {
    let mut headers = HeaderMap::with_capacity(12);
    metadata::of_reply(&reply.head, &mut headers);
    metadata::of_reply(&reply.trailers, &mut headers);
    let etag = plan.etag_of_reply.and_then(|number| match route.method.output.get(&reply.message, number) {
        Ok(Some(Value::Str(etag))) => Some(etag),
        _ => None,
    });
    let safe = is_safe(&head.method);
    if safe {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    }
    if let Some(etag) = etag.filter(|_| safe) {
        if head.headers.contains_key(header::IF_MATCH) && !etag::names(&head.headers, &header::IF_MATCH, etag) {
            let message = "the record has another etag than If-Match names";
            let code = StatusCode::PRECONDITION_FAILED;
            return Err(Fault::new(code, Code::FailedPrecondition, "ETAG_MISMATCH", message));
        }
        if etag::names(&head.headers, &header::IF_NONE_MATCH, etag) {
            headers.extend(etag::header(etag, false).map(|etag| (header::ETAG, etag)));
            let mut response = Response::new(Body::empty());
            (*response.status_mut(), *response.headers_mut()) = (StatusCode::NOT_MODIFIED, headers);
            return Ok(response);
        }
    }
    let (bytes, kind) = body(route, plan, &reply.message)?;
    headers.insert(header::CONTENT_TYPE, kind);
    headers.append(header::VARY, HeaderValue::from_static("accept-encoding"));
    let coding = Coding::accepted(&head.headers).filter(|_| bytes.len() as u64 >= compress_over);
    let packed = coding.and_then(|coding| Some((coding, coding.pack(&bytes).ok()?)));
    let packed = packed.filter(|(_, packed)| packed.len() < bytes.len());
    headers.extend(etag.and_then(|etag| etag::header(etag, packed.is_some())).map(|etag| (header::ETAG, etag)));
    let bytes = match packed {
        Some((coding, packed)) => {
            headers.insert(header::CONTENT_ENCODING, coding.header());
            Bytes::from(packed)
        }
        None => bytes,
    };
    let mut response = Response::new(Body::new(Full::new(bytes)));
    *response.headers_mut() = headers;
    Ok(response)
}

/// The body of the answer, and its type.
fn body(route: &Route, plan: &Plan, message: &Bytes) -> Result<(Bytes, HeaderValue), Fault> {
    if plan.raw.reply
        && let Some(raw) = route.raw_reply(message)
    {
        return Ok((message.slice_ref(raw.data), type_of(Some(&raw))));
    }
    let mut text = String::with_capacity(message.len() * 2 + 64);
    route
        .reply(message, &JsonOptions::default(), &mut text)
        .map_err(|fault| Status::internal(format!("the reply of the server cannot be written as JSON: {fault}")))?;
    Ok((text.into(), const { HeaderValue::from_static(JSON) }))
}

/// The media type of raw bytes, for `Content-Type`.
pub(crate) fn type_of(raw: Option<&RawBody<'_>>) -> HeaderValue {
    let kind = raw.and_then(|raw| HeaderValue::try_from(raw.content_type).ok()).filter(|kind| !kind.is_empty());
    kind.unwrap_or(const { HeaderValue::from_static("application/octet-stream") })
}
