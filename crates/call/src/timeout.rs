//! The `grpc-timeout` header (gRPC over HTTP/2, "Requests").

use std::time::Duration;

/// A value of 1 to 8 digits and a unit; anything else is `None`.
pub fn parse(header: &[u8]) -> Option<Duration> {
    let (unit, digits) = header.split_last()?;
    if digits.is_empty() || digits.len() > 8 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let n = digits.iter().fold(0_u64, |n, digit| n * 10 + u64::from(digit - b'0'));
    Some(match unit {
        b'H' => Duration::from_secs(n * 3600),
        b'M' => Duration::from_secs(n * 60),
        b'S' => Duration::from_secs(n),
        b'm' => Duration::from_millis(n),
        b'u' => Duration::from_micros(n),
        b'n' => Duration::from_nanos(n),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_of_the_protocol_is_read() {
        for (header, nanoseconds) in [
            ("2H", 7_200_000_000_000_u64),
            ("1M", 60_000_000_000),
            ("3S", 3_000_000_000),
            ("250m", 250_000_000),
            ("7u", 7000),
            ("99999999n", 99_999_999),
            ("0m", 0),
        ] {
            assert_eq!(parse(header.as_bytes()), Some(Duration::from_nanos(nanoseconds)), "{header}");
        }
    }

    #[test]
    fn what_the_protocol_does_not_allow_is_refused() {
        for header in ["", "S", "10", "10s", "123456789S", "-1S", "+1S", "1.5S", " 1S", "1 S"] {
            assert_eq!(parse(header.as_bytes()), None, "{header:?}");
        }
    }
}
