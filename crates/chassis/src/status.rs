//! The statuses the chassis itself answers with: each has a reason a program can read, and a delay where a retry helps.

use crate::config::ByteSize;
use campus_call::Peer;
use http::{HeaderValue, StatusCode};
use std::{collections::HashMap, time::Duration};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// `domain` of every `google.rpc.ErrorInfo` made here.
pub const DOMAIN: &str = "campus";

/// Fields of a head of HTTP/1.1 that hyper reads without asking for memory.
const MAX_FIELDS: usize = 100;

/// After this a client may try elsewhere or again.
const RETRY: Duration = Duration::from_secs(1);

fn with(code: Code, reason: &str, facts: &[(&str, String)], message: String, retry: Option<Duration>) -> Status {
    let facts: HashMap<String, String> = facts.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect();
    let mut details = ErrorDetails::with_error_info(reason, DOMAIN, facts);
    if retry.is_some() {
        details.set_retry_info(retry);
    }
    Status::with_error_details(code, message, details)
}

pub(crate) fn unknown_service(service: &str) -> Status {
    let message = format!("no service {service} here; `list` by reflection names those there are");
    with(Code::Unimplemented, "UNKNOWN_SERVICE", &[("service", service.to_owned())], message, None)
}

pub(crate) fn unknown_method(service: &str, method: &str) -> Status {
    let message = format!("service {service} has no method {method}; `describe` by reflection names those there are");
    let facts = [("service", service.to_owned()), ("method", method.to_owned())];
    with(Code::Unimplemented, "UNKNOWN_METHOD", &facts, message, None)
}

pub(crate) fn unknown_health(service: &str) -> Status {
    let message = format!("no service {service} here whose health could be told");
    with(Code::NotFound, "UNKNOWN_SERVICE", &[("service", service.to_owned())], message, None)
}

pub(crate) fn no_reflection(error: &tonic_reflection::server::Error) -> Status {
    let message = format!("this server's descriptors cannot be served: {error}");
    with(Code::Internal, "NO_REFLECTION", &[], message, None)
}

pub(crate) fn bad_timeout() -> Status {
    let message = "grpc-timeout must be 1 to 8 digits and a unit out of H, M, S, m, u, n".to_owned();
    with(Code::InvalidArgument, "INVALID_TIMEOUT", &[], message, None)
}

pub(crate) fn reserved_metadata(key: &str) -> Status {
    let message = format!("metadata key {key} is reserved: names beginning with grpc- belong to gRPC; rename it");
    with(Code::InvalidArgument, "RESERVED_METADATA", &[("key", key.to_owned())], message, None)
}

pub(crate) fn not_base64(key: &str) -> Status {
    let message = format!("metadata key {key} ends in -bin, but its value is not base64");
    with(Code::InvalidArgument, "INVALID_METADATA", &[("key", key.to_owned())], message, None)
}

pub(crate) fn unknown_encoding(name: &HeaderValue) -> Status {
    let name = String::from_utf8_lossy(name.as_bytes());
    let message = format!("grpc-encoding {name} is not understood; use identity, gzip or zstd");
    with(Code::Unimplemented, "UNKNOWN_ENCODING", &[("encoding", name.into_owned())], message, None)
}

/// INTERNAL is what gRPC answers where the flag of a message and the head of its call do not go together.
pub(crate) fn bad_flag(flag: u8) -> Status {
    let message = match flag {
        1 => "a message is flagged as compressed, but grpc-encoding names no compression".to_owned(),
        _ => format!("the flag of a message is {flag}; it must be 0, or 1 for a compressed one"),
    };
    with(Code::Internal, "INVALID_MESSAGE_FLAG", &[], message, None)
}

pub(crate) fn bad_compression() -> Status {
    let message = "a message is not compressed in the way that grpc-encoding names".to_owned();
    with(Code::Internal, "INVALID_COMPRESSION", &[], message, None)
}

pub(crate) fn window_too_large(log: u32) -> Status {
    let size = ByteSize(1 << log);
    let message =
        format!("a message compressed by zstd wants a window of more than {size}; compress it with a smaller one");
    with(Code::ResourceExhausted, "COMPRESSION_WINDOW_TOO_LARGE", &[("limit_bytes", size.0.to_string())], message, None)
}

/// UNIMPLEMENTED is what gRPC answers where a method takes one request message and gets others ("Status codes and their use").
pub(crate) fn too_many_messages() -> Status {
    let message =
        "the method takes one request message, and the client sent a second one; make a call for each".to_owned();
    with(Code::Unimplemented, "TOO_MANY_MESSAGES", &[], message, None)
}

pub(crate) fn cannot_compress() -> Status {
    with(Code::Internal, "COMPRESSION_FAILED", &[], "the reply could not be compressed".to_owned(), None)
}

pub(crate) fn unpacked_too_large(limit: u32) -> Status {
    let message =
        format!("a request message unpacks to more than the limit of {limit} bytes; send less in one message");
    with(Code::ResourceExhausted, "REQUEST_TOO_LARGE", &[("limit_bytes", limit.to_string())], message, None)
}

pub(crate) fn too_many_calls(class: &str) -> Status {
    let message = format!("the server has as many {class} calls as it may have; try again later, or elsewhere");
    overloaded("TOO_MANY_CALLS", &[("class", class.to_owned())], message)
}

pub(crate) fn buffers_full() -> Status {
    let message = "the server holds as many bytes for its calls as it may; try again later, or elsewhere".to_owned();
    overloaded("BUFFERS_FULL", &[], message)
}

/// Says twice when to come again: in RetryInfo, and in the header that gRPC's own retries heed (gRFC A6). Not everybody at
/// once: between half and one and a half of the usual time.
fn overloaded(reason: &str, facts: &[(&str, String)], message: String) -> Status {
    let retry = RETRY.mul_f64(0.5 + fastrand::f64());
    let mut status = with(Code::ResourceExhausted, reason, facts, message, Some(retry));
    let milliseconds = u64::try_from(retry.as_millis()).unwrap_or(u64::MAX);
    status.metadata_mut().insert("grpc-retry-pushback-ms", milliseconds.into());
    status
}

pub(crate) fn deadline_exceeded() -> Status {
    let message = "the deadline passed before the call was done".to_owned();
    with(Code::DeadlineExceeded, "DEADLINE_EXCEEDED", &[], message, None)
}

pub(crate) fn request_too_large(size: u32, limit: u32) -> Status {
    let message = format!("a request message of {size} bytes is over the limit of {limit}; send less in one message");
    let facts = [("size_bytes", size.to_string()), ("limit_bytes", limit.to_string())];
    with(Code::ResourceExhausted, "REQUEST_TOO_LARGE", &facts, message, None)
}

/// INTERNAL is what gRPC answers where messages are not framed as they must be.
pub(crate) fn request_cut_short() -> Status {
    let message = "the request ended in the middle of a message; send all that the prefix announces".to_owned();
    with(Code::Internal, "REQUEST_CUT_SHORT", &[], message, None)
}

pub(crate) fn reply_too_large(size: u32, limit: u32) -> Status {
    let message =
        format!("a reply message of {size} bytes is over the server's limit of {limit}; ask for less at once");
    let facts = [("size_bytes", size.to_string()), ("limit_bytes", limit.to_string())];
    with(Code::ResourceExhausted, "REPLY_TOO_LARGE", &facts, message, None)
}

pub(crate) fn peer_not_allowed(peer: &Peer) -> Status {
    let message = format!("this server does not let {peer} call; its setting server.allow says who may");
    with(Code::PermissionDenied, "PEER_NOT_ALLOWED", &[("peer", peer.to_string())], message, None)
}

pub(crate) fn panicked() -> Status {
    let message = "the server failed in this call; it was logged there".to_owned();
    with(Code::Internal, "PANIC", &[], message, None)
}

/// The head of a request of HTTP is against its rules.
pub(crate) fn malformed_head(problem: &str) -> (Status, StatusCode) {
    let message = format!("the head of the request is not one of HTTP: {problem}");
    (with(Code::InvalidArgument, "MALFORMED_HEAD", &[], message, None), StatusCode::BAD_REQUEST)
}

pub(crate) fn unknown_transfer_coding() -> (Status, StatusCode) {
    let message = "Transfer-Encoding is not understood; use chunked alone, and Content-Encoding for compression";
    let status = with(Code::Unimplemented, "UNKNOWN_TRANSFER_CODING", &[], message.to_owned(), None);
    (status, StatusCode::NOT_IMPLEMENTED)
}

/// Why a head of HTTP/1.1 could not be read, as far as the code tells that stands for it.
pub(crate) fn unread_head(code: StatusCode, limit: u32) -> Option<Status> {
    Some(match code {
        StatusCode::BAD_REQUEST => {
            malformed_head(
                "see that its version is HTTP/1.0 or HTTP/1.1, that target, names and values have no stray characters, that \
                 the length of the body is said once, that a Transfer-Encoding ends in chunked, and that TLS is spoken only \
                 where the server has it",
            )
            .0
        }
        StatusCode::URI_TOO_LONG => {
            let message = "the target of the request is longer than any may be; send less in one request".to_owned();
            with(Code::InvalidArgument, "URI_TOO_LONG", &[], message, None)
        }
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
            let message = format!(
                "the head of the request is over the limit of {limit} bytes or {MAX_FIELDS} fields; send less in headers"
            );
            let facts = [("limit_bytes", limit.to_string()), ("limit_fields", MAX_FIELDS.to_string())];
            with(Code::ResourceExhausted, "HEAD_TOO_LARGE", &facts, message, None)
        }
        _ => return None,
    })
}

pub(crate) fn connection_age() -> Status {
    let message = "the connection has reached its age and was closed under the call; try again, and resume a stream after \
                   the last message or resume token that was received";
    with(Code::Unavailable, "CONNECTION_AGE", &[], message.to_owned(), Some(Duration::ZERO))
}

pub(crate) fn shutting_down() -> Status {
    let message = "the server is shutting down; try again, which may reach another".to_owned();
    with(Code::Unavailable, "SHUTTING_DOWN", &[], message, Some(RETRY))
}
