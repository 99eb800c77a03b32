//! What every reply says of its call: under which id it ran, who served it, how long it took.

use super::{GRPC_STATUS, Meter, encoding};
use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use prost::Message;
use std::{io::Write, time::Duration};
use tonic::{Code, Status};
use tonic_types::pb;

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
static SERVED_BY: HeaderName = HeaderName::from_static("x-served-by");
static SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
static ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
static ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
static DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");

/// The code a reply's head or trailers carry.
pub(super) fn code(headers: &HeaderMap) -> Option<Code> {
    headers.get(&GRPC_STATUS).map(|value| Code::from_bytes(value.as_bytes()))
}

/// Adds to the head of a reply.
pub(super) fn begin(meter: &Meter, headers: &mut HeaderMap) {
    headers.insert(&REQUEST_ID, meter.call.request_id_header());
    if let Some(name) = &meter.method.served_by {
        headers.insert(&SERVED_BY, name.clone());
    }
    if meter.advertise {
        headers.insert(&ACCEPT_ENCODING, encoding::ACCEPTED);
    }
}

/// Says that the messages of the reply are compressed, unless the service does so itself; then `false`.
pub(super) fn compressed(encoding: super::Encoding, headers: &mut HeaderMap) -> bool {
    if headers.contains_key(&ENCODING) {
        return false;
    }
    headers.insert(&ENCODING, encoding.header());
    true
}

/// Ends the call as the trailers say (or the head, where nothing follows), and adds to them.
pub(super) fn end(meter: &mut Meter, headers: &mut HeaderMap) {
    let code = code(headers).unwrap_or(Code::Unknown);
    let took = meter.elapsed();
    meter.end(code, took);
    headers.append(&SERVER_TIMING, timing(took));
    for (name, value) in &meter.call.take_trailers() {
        headers.append(name, value.clone());
    }
    if code != Code::Ok {
        name_in_details(meter.call.request_id(), headers);
    }
}

/// `total;dur=1.234`, in milliseconds (W3C Server Timing). Nobody need remember it: the next one is another.
fn timing(took: Duration) -> HeaderValue {
    let micros = took.as_micros();
    let mut text = Vec::with_capacity(24);
    // Writing to a vector does not fail.
    let _ = write!(text, "total;dur={}.{:03}", micros / 1000, micros % 1000);
    let mut value = HeaderValue::from_maybe_shared(Bytes::from(text)).unwrap_or(HeaderValue::from_static("total"));
    value.set_sensitive(true);
    value
}

/// Adds `google.rpc.RequestInfo` to the details of an error.
fn name_in_details(request_id: &str, headers: &mut HeaderMap) {
    let info = pb::RequestInfo { request_id: request_id.to_owned(), serving_data: String::new() };
    let any = prost_types::Any {
        type_url: "type.googleapis.com/google.rpc.RequestInfo".to_owned(),
        value: info.encode_to_vec(),
    };
    let Some(status) = Status::from_header_map(headers) else { return };
    // What is encoded behind an encoded message is merged into it: one more detail.
    let mut details = status.details().to_vec();
    let whole = match details.is_empty() {
        true => pb::Status { code: status.code() as i32, message: status.message().to_owned(), details: vec![any] },
        false => pb::Status { details: vec![any], ..pb::Status::default() },
    };
    details.extend(whole.encode_to_vec());
    if let Ok(value) = HeaderValue::try_from(STANDARD_NO_PAD.encode(details)) {
        headers.insert(&DETAILS, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic_types::{ErrorDetails, StatusExt};

    #[test]
    fn time_is_told_in_milliseconds() {
        for (micros, text) in [(0, "0.000"), (999, "0.999"), (1234, "1.234"), (61_000_007, "61000.007")] {
            assert_eq!(timing(Duration::from_micros(micros)), format!("total;dur={text}"));
        }
    }

    #[test]
    fn the_request_is_named_beside_the_details_that_are_there() {
        let details = ErrorDetails::with_error_info("WHY", "campus", std::collections::HashMap::new());
        let with = Status::with_error_details(Code::NotFound, "no such thing", details);
        for status in [with, Status::not_found("no such thing")] {
            let mut headers = HeaderMap::new();
            status.add_header(&mut headers).unwrap();
            name_in_details("r-1", &mut headers);
            let seen = Status::from_header_map(&headers).unwrap();
            assert_eq!((seen.code(), seen.message()), (Code::NotFound, "no such thing"));
            assert_eq!(seen.get_details_request_info().unwrap().request_id, "r-1");
            let reason = |status: &Status| status.get_details_error_info().map(|info| info.reason);
            assert_eq!(reason(&seen), reason(&status));
            let whole = pb::Status::decode(seen.details()).unwrap();
            assert_eq!((whole.code, whole.message.as_str()), (5, "no such thing"));
        }
    }
}
