//! How long a request may take, and how much of that is given to whom it is passed on.

use std::time::Duration;

use campus_call::timeout;
use http::{HeaderMap, HeaderValue};
use tokio::time::Instant;

use crate::{RestConfig, fault::Fault};

/// Kept back of the time at most, so that the answer of a server that is late still comes through.
const MOST_KEPT: Duration = Duration::from_millis(100);

/// The time of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Time {
    /// Until the client has the head of its answer.
    pub(crate) whole: Duration,
}

impl Time {
    /// As `Grpc-Timeout` asks (gRPC over HTTP/2, "Requests"), or the default.
    ///
    /// # Errors
    /// When the header is malformed.
    pub(crate) fn of(headers: &HeaderMap, config: &RestConfig) -> Result<Self, Fault> {
        Ok(Self::asked(headers, config)?.unwrap_or(Self { whole: config.default_deadline.get() }))
    }

    /// As `Grpc-Timeout` asks, if it does.
    ///
    /// # Errors
    /// When the header is malformed.
    pub(crate) fn asked(headers: &HeaderMap, config: &RestConfig) -> Result<Option<Self>, Fault> {
        let Some(value) = headers.get("grpc-timeout") else { return Ok(None) };
        let asked = timeout::parse(value.as_bytes()).ok_or_else(|| {
            Fault::header("Grpc-Timeout", "expected 1 to 8 digits and a unit out of H, M, S, m, u, n; for example 500m")
        })?;
        Ok(Some(Self { whole: asked.min(config.max_deadline.get()) }))
    }

    /// When it is over, of a request that has just come.
    pub(crate) fn end(self) -> Instant {
        // Beyond the life of any request, and of no clock.
        const EVER: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);
        Instant::now() + self.whole.min(EVER)
    }

    /// What whoever it is passed on to has of it, as a header.
    pub(crate) fn header(self) -> HeaderValue {
        let left = self.whole.saturating_sub(MOST_KEPT.min(self.whole / 10));
        let micros = left.as_micros();
        // 8 digits are all there is room for.
        let text = match micros {
            0..=99_999_999 => format!("{micros}u"),
            100_000_000..=99_999_999_999 => format!("{}m", micros / 1000),
            _ => format!("{}S", (micros / 1_000_000).min(99_999_999)),
        };
        HeaderValue::try_from(text).unwrap_or(const { HeaderValue::from_static("1S") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(header: &'static str) -> Result<Time, Fault> {
        let headers =
            HeaderMap::from_iter([(http::HeaderName::from_static("grpc-timeout"), HeaderValue::from_static(header))]);
        Time::of(&headers, &RestConfig::default())
    }

    #[test]
    fn a_request_has_the_time_it_asks_for_up_to_the_cap_and_the_default_without() {
        for (header, millis) in [("500m", 500), ("2S", 2000), ("1M", 60_000), ("1H", 60_000), ("250000u", 250)] {
            assert_eq!(time(header).unwrap().whole, Duration::from_millis(millis), "{header}");
        }
        assert_eq!(Time::of(&HeaderMap::new(), &RestConfig::default()).unwrap().whole, Duration::from_secs(10));
        for bad in ["", "5", "5s", "S", "123456789S", "-1S"] {
            assert!(time(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_tenth_is_kept_back_and_no_more_than_a_tenth_of_a_second() {
        for (whole, passed) in [
            (Duration::from_millis(500), "450000u"),
            (Duration::from_secs(10), "9900000u"),
            (Duration::from_secs(300), "299900m"),
            (Duration::from_secs(200_000), "199999S"),
            (Duration::ZERO, "0u"),
        ] {
            assert_eq!(Time { whole }.header(), passed);
        }
    }
}
