//! What the end of a call says of its server.

use std::{sync::atomic::Ordering::Relaxed, time::Duration};

use http::{HeaderMap, HeaderValue, StatusCode, header::CONTENT_TYPE};
use tonic::Code;

use crate::{Endpoint, outlier::Alarm, pick::latency};

/// A deadline that was missed says something of the server if it was at least this long, and else of its caller.
const PATIENT: Duration = Duration::from_secs(1);

/// Judges an endpoint by a call of it that ended so; says whether it is to blame. It is for what it could not do, and not for
/// what it would not do. `pushback` is what it asked for.
pub(super) fn judge(
    endpoint: &Endpoint,
    code: Code,
    took: Duration,
    pushback: Option<Duration>,
    alarm: &Alarm,
) -> bool {
    let stats = endpoint.stats();
    let (counts, sample) = match code {
        Code::Unavailable | Code::Internal | Code::Unknown | Code::DataLoss => (true, latency::PENALTY),
        Code::DeadlineExceeded if took >= PATIENT => (true, took),
        Code::DeadlineExceeded => {
            let now = endpoint.now();
            latency::at_least(stats, now, now.saturating_sub(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX)));
            return true;
        }
        // It has too much to do, which is no reason to give it nothing at all.
        Code::ResourceExhausted => (false, latency::PENALTY),
        Code::Cancelled => return false,
        _ => {
            if stats.consecutive_failures.load(Relaxed) != 0 {
                stats.consecutive_failures.store(0, Relaxed);
            }
            return false;
        }
    };
    latency::observe(stats, endpoint.now(), pushback.unwrap_or(sample));
    stats.failures.fetch_add(1, Relaxed);
    if counts {
        alarm.failed(stats.consecutive_failures.fetch_add(1, Relaxed) + 1);
    }
    true
}

/// Judges an endpoint that says nothing while another has answered.
pub(super) fn overtaken(endpoint: &Endpoint, alarm: &Alarm) {
    let stats = endpoint.stats();
    latency::observe(stats, endpoint.now(), latency::PENALTY);
    alarm.failed(stats.consecutive_failures.fetch_add(1, Relaxed) + 1);
}

/// Whether an answer without a status in its head is one of gRPC (gRPC over HTTP/2, "Responses").
pub(super) fn is_grpc(status: StatusCode, headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    status == StatusCode::OK && kind.starts_with(b"application/grpc")
}

/// The status in headers or trailers.
pub(super) fn code(headers: &HeaderMap) -> Option<Code> {
    headers.get("grpc-status").map(|status| Code::from_bytes(status.as_bytes()))
}

/// What an answer means that is none of gRPC. Source: gRPC, "HTTP to gRPC Status Code Mapping".
pub(super) fn code_of_http(status: StatusCode) -> Code {
    match status.as_u16() {
        400 => Code::Internal,
        401 => Code::Unauthenticated,
        403 => Code::PermissionDenied,
        404 => Code::Unimplemented,
        429 | 502 | 503 | 504 => Code::Unavailable,
        _ => Code::Unknown,
    }
}
