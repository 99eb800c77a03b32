use std::time::{SystemTime, UNIX_EPOCH};

/// How long request ids are kept, in nanoseconds: the promised 24 hours, and one for clocks that are set back.
pub(crate) const REQUEST_AGE: i64 = 25 * 3_600_000_000_000;

/// Nanoseconds since 1970.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}
