//! Methods with streams, over HTTP: a JSON array, a record a line, or server-sent events out; an array or lines in.
//!
//! A stream is read from the server as its client reads it, and from its client as the server takes it: what lies between
//! is one slab of records each way.

mod format;
mod records;
mod reply;
mod resume;
mod source;
mod upload;

use std::{future::poll_fn, sync::Arc, time::Duration};

use campus_schema::JsonOptions;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use tokio::{sync::oneshot, time};
use tonic::{Code, body::Body};

use self::{
    format::Format,
    reply::Reply,
    source::{Next, Source},
    upload::{Bad, Upload},
};
pub(crate) use self::{format::OFFERED, resume::Resume};
use crate::{
    answer,
    bind::Bound,
    fault::Fault,
    gateway::{Exchange, Gateway, Plan},
    grpc, request,
    route::Route,
    trouble,
    web::{
        coding::{Coding, Packer},
        condition,
        deadline::Time,
        metadata,
    },
};

/// So long the head of an answer waits for the first record, so that a call that fails at once has a status of HTTP.
const FIRST: Duration = Duration::from_millis(100);

const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// Answers a request to a method that takes or sends a stream. It has as long as it asks for.
pub(crate) async fn answer(exchange: Exchange) -> Result<Response<Body>, Fault> {
    let asked = Time::asked(&exchange.head.headers, &exchange.gateway.table.config)?;
    let Some(time) = asked else { return begin(exchange, None).await };
    time::timeout(time.whole, begin(exchange, asked)).await.unwrap_or_else(|_| Err(trouble::late().into()))
}

async fn begin(exchange: Exchange, asked: Option<Time>) -> Result<Response<Body>, Fault> {
    let Exchange { gateway, route, mut bound, head, body } = exchange;
    let (route, plan, channel) = gateway.way(route)?;
    let mut metadata = metadata::of_request(&head.headers)?;
    metadata.extend(asked.map(|time| (GRPC_TIMEOUT, time.header())));
    let accepted = Format::accepted(&head.headers);
    if route.method.server_streaming && !plan.raw.reply && accepted.is_none() {
        return Err(answer::not_acceptable(&OFFERED));
    }
    condition::of_stream(&head.method, &head.headers)?;
    take_up((route, plan), &head.headers, &mut bound)?;
    let form = answer::Form::new((&gateway, route, plan), &bound, &head);
    // A record is one line in every form.
    let options = JsonOptions { indent: None, ..bound.json_options(JsonOptions::default()) };
    let (messages, mut upload) = if route.method.client_streaming {
        let (upload, learns) = Upload::new((&gateway, route), bound, &head.headers, body)?;
        (Body::new(upload), Some(learns))
    } else {
        let message = request::message((&gateway, route), &bound, &head.headers, body).await?;
        (Body::new(Full::new(message)), None)
    };
    let request = grpc::request(plan.uri.clone(), metadata, messages);
    if !route.method.server_streaming {
        return match grpc::one(channel, request).await {
            Ok(reply) => form.answer(&reply),
            Err(failed) => Err(blamed(&mut upload, failed).await),
        };
    }
    let opened = async { grpc::opened(grpc::sent(channel, request).await?) };
    let (metadata, body) = match opened.await {
        Ok(opened) => opened,
        Err(failed) => return Err(blamed(&mut upload, failed).await),
    };
    let mut source = Source::new(body);
    let first = first(&mut source, plan.raw.reply).await;
    let format = accepted.filter(|_| !plan.raw.reply);
    if let Some(Next::End(status, trailers)) = &first {
        if status.code() != Code::Ok {
            let (status, trailers) = (status.clone(), trailers.clone());
            return Err(blamed(&mut upload, grpc::Failed::new(status, metadata, trailers)).await);
        }
        if matches!(format, Some((Format::Events, _))) {
            return Ok(nothing_more());
        }
    }
    let kind = match (&format, &first) {
        (Some((_, kind)), _) => kind.clone(),
        (None, Some(Next::Message(message))) => answer::type_of(route.raw_reply(message).as_ref()),
        (None, _) => answer::type_of(None),
    };
    let asked = Asked { format: format.map(|(format, _)| format), options, kind, deadline: asked };
    let mut response = asked.response(&gateway, route.index, &head.headers, (source, first, upload));
    metadata::of_reply(&metadata, response.headers_mut());
    Ok(response)
}

/// Goes on where `Last-Event-ID` says.
fn take_up((route, plan): (&Route, &Plan), headers: &HeaderMap, bound: &mut Bound) -> Result<(), Fault> {
    let Some(id) = headers.get("last-event-id").filter(|_| route.method.server_streaming) else { return Ok(()) };
    let refused = |problem: &str| Fault::header("Last-Event-ID", problem);
    let resume = plan.resume.as_ref().ok_or_else(|| {
        refused("this stream has no ids and cannot go on where it broke; leave the header out to have all of it")
    })?;
    let id = str::from_utf8(id.as_bytes()).map_err(|_| refused("is not valid UTF-8"))?;
    bound.put(&resume.request, id).map_err(|problem| refused(&problem))
}

/// What has come of the stream when its head is sent.
async fn first(source: &mut Source, is_raw: bool) -> Option<Next> {
    let next = poll_fn(|cx| source.poll_next(cx));
    // The type of raw bytes is in the first message, and nowhere else.
    if is_raw { Some(next.await) } else { time::timeout(FIRST, next).await.ok() }
}

/// Whose fault it is that a call failed: a request that was not what it should be has ended the call.
async fn blamed(upload: &mut Option<oneshot::Receiver<Bad>>, failed: grpc::Failed) -> Fault {
    match upload.as_mut().and_then(|upload| upload.try_recv().ok()) {
        Some(bad) => bad.heard().await,
        None => answer::failed(failed),
    }
}

/// The answer that makes a browser stop to ask for more of a stream (HTML Standard, 9.2.2).
fn nothing_more() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// What a client wants of a stream.
struct Asked {
    /// `None` is raw bytes.
    format: Option<Format>,
    options: JsonOptions,
    kind: HeaderValue,
    deadline: Option<Time>,
}

impl Asked {
    fn response(
        self,
        gateway: &Arc<Gateway>,
        route: usize,
        headers: &HeaderMap,
        (source, first, upload): (Source, Option<Next>, Option<oneshot::Receiver<Bad>>),
    ) -> Response<Body> {
        let Self { format, options, kind, deadline } = self;
        let is_events = format == Some(Format::Events);
        // Compressing events one by one gains little, and takes memory for as long as somebody watches.
        let coding = Coding::accepted(headers).filter(|_| format.is_some() && !is_events);
        let packed = coding.and_then(|coding| Some((coding, Packer::new(coding).ok()?)));
        let wants_trailers = headers.get(header::TE).is_some_and(|te| te.as_bytes().starts_with(b"trailers"));
        let mut answer = HeaderMap::with_capacity(12);
        answer.insert(header::CONTENT_TYPE, kind);
        answer.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        answer.append(header::VARY, HeaderValue::from_static("accept, accept-encoding"));
        answer.extend(packed.as_ref().map(|(coding, _)| (header::CONTENT_ENCODING, coding.header())));
        if wants_trailers {
            answer.insert(header::TRAILER, HeaderValue::from_static("grpc-status, grpc-message"));
        }
        if is_events {
            // nginx holds an answer back unless it is told not to.
            answer.insert("x-accel-buffering", HeaderValue::from_static("no"));
        }
        let mut text = String::new();
        if let Some(format) = format {
            format.begin(&mut text);
        }
        let reply = Reply {
            gateway: Arc::clone(gateway),
            route,
            source: Some(source),
            first,
            format,
            options,
            packer: packed.map(|(_, packer)| packer),
            upload,
            deadline: deadline.map(|time| Box::pin(time::sleep(time.whole))),
            wants_trailers,
            text,
            is_first: true,
            heartbeat: is_events.then(Reply::heartbeat),
            trailers: None,
        };
        let mut response = Response::new(Body::new(reply));
        *response.headers_mut() = answer;
        response
    }
}
