//! How long a call may take.

use std::time::Duration;

use campus_call::timeout;
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::time::Instant;
use tonic::Status;

const TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
/// The first number with more digits than a timeout may have (gRPC over HTTP/2, "Requests").
const FULL: u128 = 100_000_000;

/// When a call has to be over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline {
    pub(super) at: Instant,
    /// From the beginning, for errors.
    pub(super) after: Duration,
    /// Whether it is for the whole call and the server is told; the channel's default is only for the head of an answer.
    pub(super) is_whole: bool,
    /// Whether the caller's own header says it.
    pub(super) is_said: bool,
}

impl Deadline {
    /// The caller's or the method's, whichever is sooner; else the default.
    pub(super) fn of(
        headers: &HeaderMap,
        method: Option<Duration>,
        default: Option<Duration>,
        now: Instant,
    ) -> Result<Option<Self>, Status> {
        let asked = headers.get(TIMEOUT).map(parse).transpose()?;
        let whole = match (asked, method) {
            (Some(asked), Some(method)) => Some(asked.min(method)),
            (one, other) => one.or(other),
        };
        let Some(after) = whole.or(default) else { return Ok(None) };
        // One that is too far away for the clock is none.
        Ok(now.checked_add(after).map(|at| Self { at, after, is_whole: whole.is_some(), is_said: whole == asked }))
    }

    /// Tells the server what is left of it.
    pub(super) fn tell(&self, headers: &mut HeaderMap, now: Instant) {
        headers.insert(TIMEOUT, format(self.at.saturating_duration_since(now)));
    }
}

fn parse(value: &HeaderValue) -> Result<Duration, Status> {
    let wrong = || {
        let text = String::from_utf8_lossy(value.as_bytes());
        Status::invalid_argument(format!("grpc-timeout is {text:?}; it must be up to 8 digits and one of H M S m u n"))
    };
    timeout::parse(value.as_bytes()).ok_or_else(wrong)
}

/// As exact as its digits allow; never longer than the time is.
fn format(time: Duration) -> HeaderValue {
    let (number, unit) = match time {
        _ if time.as_nanos() < FULL => (time.as_nanos(), 'n'),
        _ if time.as_micros() < FULL => (time.as_micros(), 'u'),
        _ if time.as_millis() < FULL => (time.as_millis(), 'm'),
        _ => (u128::from(time.as_secs()).min(FULL - 1), 'S'),
    };
    HeaderValue::try_from(format!("{number}{unit}")).unwrap_or(const { HeaderValue::from_static("0n") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(header: Option<&str>, method: Option<u64>, default: Option<u64>) -> Option<(Duration, bool)> {
        let headers = header.map(|text| (TIMEOUT, text.parse().unwrap())).into_iter().collect();
        let (method, default) = (method.map(Duration::from_secs), default.map(Duration::from_secs));
        let deadline = Deadline::of(&headers, method, default, Instant::now()).unwrap();
        deadline.map(|deadline| (deadline.after, deadline.is_whole))
    }

    #[test]
    fn the_sooner_of_caller_and_method_counts_and_the_default_only_without_both() {
        let seconds = Duration::from_secs;
        assert_eq!(of(Some("5S"), Some(3), Some(1)), Some((seconds(3), true)));
        assert_eq!(of(Some("2S"), Some(3), Some(1)), Some((seconds(2), true)));
        assert_eq!(of(None, Some(3), Some(1)), Some((seconds(3), true)));
        assert_eq!(of(None, None, Some(1)), Some((seconds(1), false)));
        assert_eq!(of(None, None, None), None);
    }

    #[test]
    fn every_unit_is_read() {
        for (text, time) in [
            ("2H", Duration::from_secs(7200)),
            ("3M", Duration::from_secs(180)),
            ("4S", Duration::from_secs(4)),
            ("5m", Duration::from_millis(5)),
            ("6u", Duration::from_micros(6)),
            ("99999999n", Duration::from_nanos(99_999_999)),
        ] {
            assert_eq!(of(Some(text), None, None), Some((time, true)), "{text}");
        }
    }

    #[test]
    fn what_is_no_timeout_is_an_error_that_says_so() {
        for text in ["", "S", "5", "5s", "-5S", "+5S", "123456789S", "5 S"] {
            let error = parse(&text.parse().unwrap()).unwrap_err();
            assert_eq!(error.code(), tonic::Code::InvalidArgument);
            assert_eq!(
                error.message(),
                format!("grpc-timeout is {text:?}; it must be up to 8 digits and one of H M S m u n")
            );
        }
    }

    #[test]
    fn what_is_written_is_read_as_the_same_or_a_little_less() {
        for time in [0, 1, 99_999_999, 100_000_000, 123_456_789_012, 3_600_000_000_001, 99_999_999_999_999_999]
            .map(Duration::from_nanos)
        {
            let read = parse(&format(time)).unwrap();
            assert!(read <= time && time - read < time / 100_000 + Duration::from_nanos(1), "{time:?} became {read:?}");
        }
    }
}
