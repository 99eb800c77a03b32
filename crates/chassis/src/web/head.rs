//! Heads of requests that are refused before anybody is asked.

use super::{Web, meter::Meter};
use crate::{call::Caller, panics, status};
use bytes::Bytes;
use futures_util::FutureExt;
use http::{HeaderMap, Method, Request, StatusCode, Uri, Version, header, uri::Scheme};
use http_body_util::BodyExt;
use std::sync::Arc;
use tonic::Status;

/// Why a request is not answered, and what HTTP calls that where the status alone does not say so.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(super) status: Status,
    pub(super) code: Option<StatusCode>,
}

impl From<Status> for Refusal {
    fn from(status: Status) -> Self {
        Self { status, code: None }
    }
}

fn refusal((status, code): (Status, StatusCode)) -> Refusal {
    Refusal { status, code: Some(code) }
}

/// What is wrong with a head that could be read (RFC 9112, 3.2 and 6.1; RFC 9110, 4.2), if nothing was found so far.
pub(crate) fn fault<B>(request: &Request<B>, found: Option<&str>) -> Option<Refusal> {
    if let Some(problem) = found {
        return Some(refusal(status::malformed_head(problem)));
    }
    let (uri, headers) = (request.uri(), request.headers());
    if !is_of_the_web(uri) {
        return Some(refusal(status::malformed_head("its target has another scheme than http and https")));
    }
    if request.version() >= Version::HTTP_2 {
        return None;
    }
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).into_iter();
    let (coding, more) = (codings.next(), codings.next());
    if more.is_some() || coding.is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"chunked")) {
        return Some(refusal(status::unknown_transfer_coding()));
    }
    let mut hosts = headers.get_all(header::HOST).into_iter();
    let problem = match (hosts.next(), hosts.next()) {
        (None, _) if request.version() < Version::HTTP_11 => return None,
        (None, _) => "Host is missing",
        (Some(_), Some(_)) => "there is more than one Host",
        (Some(host), None) if is_host(host.as_bytes()) => return None,
        (Some(_), None) => "Host is not a name or address with or without a port",
    };
    Some(refusal(status::malformed_head(problem)))
}

fn is_of_the_web(uri: &Uri) -> bool {
    uri.scheme().is_none_or(|scheme| *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS)
}

/// `uri-host [ ":" port ]` (RFC 3986, 3.2.2), as far as its characters tell.
fn is_host(host: &[u8]) -> bool {
    host.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:[]".contains(byte))
}

/// What goes out in place of hyper's own answer to a head that it could not read, which has no body: that of the service,
/// with the line and the date of hyper's. `None` where it is no such answer.
pub(crate) fn reworded(web: &Arc<Web>, caller: &Arc<Caller>, answer: &[u8], limit: u32) -> Option<Bytes> {
    let head = str::from_utf8(answer).ok()?.strip_suffix("\r\n\r\n")?;
    let mut lines = head.split("\r\n");
    let line = lines.next()?;
    let code = StatusCode::from_bytes(line.strip_prefix("HTTP/1.1 ")?.as_bytes().get(..3)?).ok()?;
    let status = status::unread_head(code, limit)?;
    let method = Method::from_bytes(b"_OTHER").ok()?;
    let mut meter = Meter::start(web, caller, &method, &HeaderMap::new());
    let mut response = panics::contain(|| web.service.refuse(&status, Some(code))).ok()?;
    meter.answered(code, response.headers_mut());
    let (parts, body) = response.into_parts();
    let body = body.collect().now_or_never()?.ok()?.to_bytes();
    let mut text = format!("{line}\r\nconnection: close\r\ncontent-length: {}\r\n", body.len()).into_bytes();
    let date = lines.find(|line| line.starts_with("date: ")).and_then(|line| line.split_once(": "));
    let headers = parts.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    for (name, value) in headers.chain(date.map(|(name, value)| (name, value.as_bytes()))) {
        [name.as_bytes(), b": ", value, b"\r\n"].iter().for_each(|part| text.extend_from_slice(part));
    }
    text.extend_from_slice(b"\r\n");
    text.extend_from_slice(&body);
    Some(text.into())
}
