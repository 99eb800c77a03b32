//! Statuses that the gateway itself makes, and what becomes of those of its channels.

use std::{
    collections::HashMap,
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// `domain` of the `ErrorInfo` that the gateway itself makes.
pub(crate) const DOMAIN: &str = "campus";

/// After this a client may try again.
const RETRY: Duration = Duration::from_secs(1);
/// A channel that fails call after call is a warning so often, in seconds.
const WARNED: u64 = 10;

/// A status with its reason, and with a delay where it helps to try again.
pub(crate) fn status(code: Code, reason: &str, message: impl Into<String>) -> Status {
    let mut details = ErrorDetails::with_error_info(reason, DOMAIN, HashMap::new());
    if code == Code::Unavailable {
        details.set_retry_info(Some(RETRY));
    }
    Status::with_error_details(code, message, details)
}

/// The time of the request is over.
pub(crate) fn late() -> Status {
    let message = "the time of the request was over before its answer was there; Grpc-Timeout asks for more";
    status(Code::DeadlineExceeded, "DEADLINE_EXCEEDED", message)
}

/// The reply is none that can be passed on.
pub(crate) fn bad_reply(message: impl Into<String>) -> Status {
    status(Code::Internal, "BAD_REPLY", message)
}

/// What a client is told of what a channel says. The channel names servers and why they cannot be reached, which is for the
/// log and concerns nobody outside.
pub(crate) fn of_channel(told: &Status) -> Status {
    let (code, error) = (told.code(), told.message());
    if code == Code::Unavailable && is_due() {
        tracing::warn!(error, "a call had no answer of its backend");
    } else {
        tracing::debug!(?code, error, "a call had no answer of its backend");
    }
    match code {
        Code::DeadlineExceeded => late(),
        Code::Unavailable | Code::ResourceExhausted => status(
            Code::Unavailable,
            "BACKEND_UNAVAILABLE",
            "the service cannot be reached at the moment; try again later",
        ),
        code => status(code, "BACKEND_FAILED", "the service ended the call without an answer of gRPC"),
    }
}

fn is_due() -> bool {
    static BEGUN: LazyLock<Instant> = LazyLock::new(Instant::now);
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let (now, next) = (BEGUN.elapsed().as_secs(), NEXT.load(Relaxed));
    now >= next && NEXT.compare_exchange(next, now + WARNED, Relaxed, Relaxed).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_channel_says_comes_to_a_client() {
        for code in (1..17).map(Code::from) {
            let told = of_channel(&Status::new(code, "10.0.0.7:50051 was lost: dns.inner says no"));
            assert!(!told.message().contains("inner") && !told.message().contains("10.0"), "{told}");
            let info = told.get_details_error_info().unwrap();
            assert!(!info.reason.is_empty() && info.domain == DOMAIN, "{told}");
            assert_eq!(told.get_details_retry_info().is_some(), told.code() == Code::Unavailable, "{told}");
        }
    }
}
