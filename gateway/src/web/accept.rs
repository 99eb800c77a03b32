//! Lists with qualities (RFC 9110, 12.4.2): `Accept` and `Accept-Encoding`.

use http::{HeaderMap, HeaderName};

/// The members of a list header with their qualities in thousandths, in the order they stand; parameters are left out.
pub(crate) fn listed<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = (&'h str, u16)> {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).filter_map(|member| {
        let mut parts = member.split(';').map(str::trim_ascii);
        let name = parts.next().filter(|name| !name.is_empty())?;
        let quality = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        Some((name, quality.map_or(1000, thousandths)))
    })
}

/// A quality is 0 to 1 with three digits at most; what is none counts as not wanted.
fn thousandths(text: &str) -> u16 {
    let (whole, digits) = text.split_once('.').unwrap_or((text, ""));
    let fraction = digits.bytes().chain(*b"000").take(3);
    let digit = |sum: u16, digit: u8| digit.is_ascii_digit().then(|| sum * 10 + u16::from(digit - b'0'));
    match (whole, fraction.into_iter().try_fold(0, digit)) {
        ("0", Some(fraction)) if digits.len() <= 3 => fraction,
        ("1", Some(0)) if digits.len() <= 3 => 1000,
        _ => 0,
    }
}

/// The best of some media types for what `Accept` says, the first of equals; `None` when none is acceptable. A header that
/// is missing accepts everything.
pub(crate) fn media_type<'t>(headers: &HeaderMap, offered: &[&'t str]) -> Option<&'t str> {
    if !headers.contains_key(http::header::ACCEPT) {
        return offered.first().copied();
    }
    let quality = |offer: &str| {
        let (kind, _) = offer.split_once('/')?;
        let fits = |range: &str| match range.split_once('/') {
            Some(("*", "*")) => Some(0),
            Some((of, "*")) if of.eq_ignore_ascii_case(kind) => Some(1),
            _ => range.eq_ignore_ascii_case(offer).then_some(2),
        };
        // The most specific range counts.
        let ranges = listed(headers, &http::header::ACCEPT);
        ranges.filter_map(|(range, quality)| Some((fits(range)?, quality))).max_by_key(|(fit, _)| *fit)
    };
    let best = |best: Option<(&'t str, u16)>, offer: &&'t str| match quality(offer) {
        Some((_, quality)) if quality > best.map_or(0, |(_, best)| best) => Some((*offer, quality)),
        _ => best,
    };
    offered.iter().fold(None, best).map(|(offer, _)| offer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderValue, header::ACCEPT};

    fn chosen(accept: &'static str) -> Option<&'static str> {
        let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]);
        media_type(&headers, &["application/json", "application/x-ndjson", "text/event-stream"])
    }

    #[test]
    fn the_type_of_the_highest_quality_is_taken_and_the_first_of_equals() {
        for (accept, expected) in [
            ("*/*", Some("application/json")),
            ("application/*", Some("application/json")),
            ("text/*", Some("text/event-stream")),
            ("text/event-stream", Some("text/event-stream")),
            ("Application/X-NDJSON", Some("application/x-ndjson")),
            ("application/json;q=0.5, text/event-stream;q=0.9", Some("text/event-stream")),
            ("*/*, application/json;q=0", Some("application/x-ndjson")),
            ("application/json;q=0, */*;q=0.1", Some("application/x-ndjson")),
            ("text/html, */*;q=0.8", Some("application/json")),
            ("application/json; charset=utf-8; q=0.3, text/*;q=0.4", Some("text/event-stream")),
            ("text/html", None),
            ("application/json;q=0", None),
            ("", None),
        ] {
            assert_eq!(chosen(accept), expected, "{accept}");
        }
        assert_eq!(media_type(&HeaderMap::new(), &["a/b"]), Some("a/b"));
    }

    #[test]
    fn a_quality_is_a_number_between_0_and_1_of_three_digits() {
        for (text, expected) in
            [("1", 1000), ("1.000", 1000), ("0", 0), ("0.5", 500), ("0.05", 50), ("0.123", 123), ("0.", 0)]
        {
            assert_eq!(thousandths(text), expected, "{text}");
        }
        for bad in ["1.1", "2", "-1", "0.1234", "x", "", ".5", "0.x"] {
            assert_eq!(thousandths(bad), 0, "{bad}");
        }
    }
}
