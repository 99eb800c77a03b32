//! What a client is told when it gets no answer: `google.rpc.Status` in the form of AIP-193.

use std::{collections::HashMap, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use campus_schema::{JsonOptions, Schema};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use prost::Message;
use serde_json::{Map, Value, json};
use tonic::{Code, Status, body::Body};
use tonic_types::{ErrorDetails, StatusExt, pb};

use crate::{bind::Violations, code, trouble::DOMAIN, web::condition::Under};

/// Why a request has no answer.
#[derive(Debug)]
pub(crate) struct Fault(Box<Inner>);

#[derive(Debug)]
struct Inner {
    http: StatusCode,
    status: Status,
    headers: HeaderMap,
}

impl Fault {
    /// Made here, for `reason`.
    pub(crate) fn new(http: StatusCode, code: Code, reason: &str, message: impl Into<String>) -> Self {
        let details = ErrorDetails::with_error_info(reason, DOMAIN, HashMap::new());
        Self::of(http, Status::with_error_details(code, message, details))
    }

    fn of(http: StatusCode, status: Status) -> Self {
        Self(Box::new(Inner { http, status, headers: HeaderMap::new() }))
    }

    /// With a header of its own.
    pub(crate) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.insert(name, value);
        self
    }

    /// With the metadata that came with the status.
    pub(crate) fn with_all(mut self, headers: HeaderMap) -> Self {
        self.0.headers.extend(headers);
        self
    }

    /// A header does not say what it should.
    pub(crate) fn header(name: &str, problem: impl Into<String>) -> Self {
        let problem = problem.into();
        let mut details = ErrorDetails::with_error_info("INVALID_HEADER", DOMAIN, HashMap::new());
        details.add_bad_request_violation(name, format!("header: {problem}"));
        let message = format!("header {name}: {problem}");
        Self::of(StatusCode::BAD_REQUEST, Status::with_error_details(Code::InvalidArgument, message, details))
    }

    /// The fault of a call that was made under conditions: a record whose etag is not the stored one, or that has to be
    /// there and is not, has failed its precondition (RFC 9110, 13.1.1), unless it may be tried again as it is.
    pub(crate) fn under(mut self, conditions: Under) -> Self {
        let failed = match self.0.status.code() {
            Code::Aborted | Code::FailedPrecondition => conditions.etag,
            Code::NotFound => conditions.existence,
            _ => false,
        };
        if failed && self.retry_after().is_none() {
            self.0.http = StatusCode::PRECONDITION_FAILED;
        }
        self
    }

    /// What is wrong.
    pub(crate) fn status(&self) -> &Status {
        &self.0.status
    }

    fn retry_after(&self) -> Option<Duration> {
        self.0.status.get_details_retry_info()?.retry_delay
    }

    /// The whole answer. The types of the details are looked up in `schemas`, one after the other.
    pub(crate) fn response(self, schemas: &[Schema]) -> Response<Body> {
        let body = json!({ "error": error(&self.0.status, Some(self.0.http), schemas) });
        let retry_after = self.retry_after();
        let Inner { http, headers, .. } = *self.0;
        let mut response = Response::new(Body::new(Full::new(Bytes::from(body.to_string()))));
        *response.status_mut() = http;
        *response.headers_mut() = headers;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(after) = retry_after {
            // Whole seconds are all there is room for; too early is worse than too late.
            let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if http == StatusCode::UNAUTHORIZED {
            headers.entry(header::WWW_AUTHENTICATE).or_insert(HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<Status> for Fault {
    fn from(status: Status) -> Self {
        Self::of(code::of(status.code()).0, status)
    }
}

impl From<Violations> for Fault {
    fn from(violations: Violations) -> Self {
        let status = violations.to_status();
        let mut details = status.get_error_details();
        details.set_error_info("INVALID_REQUEST", DOMAIN, HashMap::new());
        Status::with_error_details(status.code(), status.message(), details).into()
    }
}

/// The object that stands for a status, in an error and at the end of a stream; `code` is that of HTTP, or of gRPC where
/// that of HTTP has gone out already.
pub(crate) fn error(status: &Status, http: Option<StatusCode>, schemas: &[Schema]) -> Value {
    let (default, name) = code::of(status.code());
    let whole = pb::Status::decode(status.details()).unwrap_or_default();
    let details: Vec<Value> = whole.details.iter().map(|any| detail(any, schemas)).collect();
    json!({
        "code": http.unwrap_or(default).as_u16(),
        "message": status.message(),
        "status": name,
        "details": details,
    })
}

/// A detail as canonical JSON has it; of a type that nobody knows, its bytes.
fn detail(any: &prost_types::Any, schemas: &[Schema]) -> Value {
    let bytes = any.encode_to_vec();
    let of_schema = |schema: &Schema| {
        let mut text = String::new();
        schema.message("google.protobuf.Any")?.to_json(&bytes, &JsonOptions::default(), &mut text).ok()?;
        serde_json::from_str(&text).ok()
    };
    schemas.iter().find_map(of_schema).unwrap_or_else(|| {
        let mut unknown = Map::new();
        unknown.insert("@type".to_owned(), any.type_url.clone().into());
        unknown.insert("value".to_owned(), STANDARD.encode(&any.value).into());
        unknown.into()
    })
}
