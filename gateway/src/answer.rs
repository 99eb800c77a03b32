//! The answer to a request, out of the reply of a service.

use bytes::Bytes;
use campus_schema::{JsonOptions, Value};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use http_body_util::Full;
use tonic::{Code, body::Body};

use crate::{
    bind::{Bound, RawBody},
    fault::Fault,
    gateway::{Gateway, Plan},
    grpc::{self, Reply},
    route::Route,
    trouble,
    web::{coding::Coding, etag, metadata},
};

/// What messages are sent as.
pub(crate) const JSON: &str = "application/json";

/// How a reply is put into an answer.
pub(crate) struct Form<'a> {
    route: &'a Route,
    plan: &'a Plan,
    head: &'a http::request::Parts,
    options: JsonOptions,
    compress_over: u64,
}

impl<'a> Form<'a> {
    pub(crate) fn new(
        (gateway, route, plan): (&Gateway, &'a Route, &'a Plan),
        bound: &Bound,
        head: &'a http::request::Parts,
    ) -> Self {
        let options = bound.json_options(JsonOptions::default());
        Self { route, plan, head, options, compress_over: gateway.table.config.compress_over.0 }
    }

    /// The whole answer, or that there is nothing new.
    ///
    /// # Errors
    /// When a condition is not fulfilled, or the reply has no form in JSON.
    pub(crate) fn answer(&self, reply: &Reply) -> Result<Response<Body>, Fault> {
        let mut headers = HeaderMap::with_capacity(12);
        metadata::of_reply(&reply.head, &mut headers);
        metadata::of_reply(&reply.trailers, &mut headers);
        let etag =
            self.plan.etag_of_reply.and_then(|number| match self.route.method.output.get(&reply.message, number) {
                Ok(Some(Value::Str(etag))) => Some(etag),
                _ => None,
            });
        let safe = is_safe(&self.head.method);
        if safe {
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
        }
        if let Some(etag) = etag.filter(|_| safe) {
            if self.head.headers.contains_key(header::IF_MATCH)
                && !etag::names(&self.head.headers, &header::IF_MATCH, etag)
            {
                let message = "the record has another etag than If-Match names";
                let code = StatusCode::PRECONDITION_FAILED;
                return Err(Fault::new(code, Code::FailedPrecondition, "ETAG_MISMATCH", message));
            }
            if etag::names(&self.head.headers, &header::IF_NONE_MATCH, etag) {
                headers.extend(etag::header(etag, false).map(|etag| (header::ETAG, etag)));
                let mut response = Response::new(Body::empty());
                (*response.status_mut(), *response.headers_mut()) = (StatusCode::NOT_MODIFIED, headers);
                return Ok(response);
            }
        }
        let (bytes, kind) = self.body(&reply.message)?;
        headers.insert(header::CONTENT_TYPE, kind);
        headers.append(header::VARY, HeaderValue::from_static("accept-encoding"));
        let coding = Coding::accepted(&self.head.headers).filter(|_| bytes.len() as u64 >= self.compress_over);
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
    fn body(&self, message: &Bytes) -> Result<(Bytes, HeaderValue), Fault> {
        if self.plan.raw.reply
            && let Some(raw) = self.route.raw_reply(message)
        {
            return Ok((message.slice_ref(raw.data), type_of(Some(&raw))));
        }
        let mut text = String::with_capacity(message.len() * 2 + 64);
        self.route.reply(message, &self.options, &mut text).map_err(|fault| {
            trouble::bad_reply(format!("the reply of the service cannot be written as JSON: {fault}"))
        })?;
        Ok((text.into(), const { HeaderValue::from_static(JSON) }))
    }
}

/// Whether a request only reads.
pub(crate) fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

pub(crate) fn not_acceptable(offered: &[&str]) -> Fault {
    let message = format!("Accept names nothing that this method answers with; it answers with {}", offered.join(", "));
    Fault::new(StatusCode::NOT_ACCEPTABLE, Code::InvalidArgument, "NOT_ACCEPTABLE", message)
}

/// What a client is told of a call that failed.
pub(crate) fn failed(failed: grpc::Failed) -> Fault {
    let mut headers = HeaderMap::new();
    failed.metadata.iter().for_each(|of_reply| metadata::of_reply(of_reply, &mut headers));
    Fault::from(failed.status).with_all(headers)
}

/// The media type of raw bytes, for `Content-Type`.
pub(crate) fn type_of(raw: Option<&RawBody<'_>>) -> HeaderValue {
    let kind = raw.and_then(|raw| HeaderValue::try_from(raw.content_type).ok()).filter(|kind| !kind.is_empty());
    kind.unwrap_or(const { HeaderValue::from_static("application/octet-stream") })
}
