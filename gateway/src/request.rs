//! The message of a request, out of its body.

use bytes::Bytes;
use campus_chassis::{ReadError, WebBody};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body::Body as _;
use tonic::Code;

use crate::{
    answer::JSON,
    bind::{Bound, RawBody},
    fault::Fault,
    gateway::Gateway,
    grpc,
    route::Route,
    web::coding::{self, Coding, Unpack},
};

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
        return check_charset(text);
    }
    let message = format!("a body of type {essence} is not understood; send JSON with content-type: {JSON}");
    let fault =
        Fault::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, Code::InvalidArgument, "UNSUPPORTED_MEDIA_TYPE", message);
    Err(fault.with(header::ACCEPT, HeaderValue::from_static(JSON)))
}

/// JSON is UTF-8 (RFC 8259, 8.1), whatever else a media type says.
pub(crate) fn check_charset(kind: &str) -> Result<(), Fault> {
    let parameters = kind.split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
    let mut charsets = parameters.filter(|(name, _)| name.trim_ascii().eq_ignore_ascii_case("charset"));
    let Some((_, charset)) = charsets.next() else { return Ok(()) };
    let charset = charset.trim_ascii().trim_matches('"');
    if ["utf-8", "utf8", "us-ascii"].iter().any(|known| charset.eq_ignore_ascii_case(known)) {
        return Ok(());
    }
    let message = format!("a body in {charset} is not understood; send JSON in UTF-8");
    Err(Fault::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, Code::InvalidArgument, "UNSUPPORTED_CHARSET", message))
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
