//! W3C Trace Context, level 1: `traceparent` and `tracestate`.

use campus_call::Trace;
use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::trace::TraceState;
use std::{fmt::Write, str::FromStr};

static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
static TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Where the caller stands. `None` when it says nothing, more than one thing, or what the standard does not allow.
pub(super) fn parent(headers: &HeaderMap) -> Option<Trace> {
    let value = headers.get(&TRACEPARENT)?;
    if headers.get_all(&TRACEPARENT).iter().nth(1).is_some() { None } else { parse(value.as_bytes()) }
}

/// Longest state that is passed on, in bytes: as much as the standard asks for.
const LONGEST_STATE: usize = 512;

/// What vendors say of the trace; empty when it is malformed or too long.
pub(super) fn state(headers: &HeaderMap) -> TraceState {
    let mut all = String::new();
    for value in headers.get_all(&TRACESTATE).iter().filter_map(|value| value.to_str().ok()) {
        all.push_str(if all.is_empty() { "" } else { "," });
        all.push_str(value);
    }
    if all.len() > LONGEST_STATE { TraceState::default() } else { TraceState::from_str(&all).unwrap_or_default() }
}

/// Tells the next server where this call stands.
pub(super) fn write(trace: Trace, state: &TraceState, headers: &mut HeaderMap) {
    let mut text = String::with_capacity(55);
    let _ = write!(text, "00-{:032x}-{:016x}-{:02x}", trace.trace_id, trace.span_id, u8::from(trace.sampled));
    if let Ok(value) = HeaderValue::try_from(text) {
        headers.insert(TRACEPARENT.clone(), value);
        headers.remove(&TRACESTATE);
    }
    if let Some(value) = Some(state.header()).filter(|state| !state.is_empty()).and_then(|s| s.try_into().ok()) {
        headers.insert(TRACESTATE.clone(), value);
    }
}

/// `00-<32 digits>-<16 digits>-<2 digits>`; a later version may go on behind a further dash.
fn parse(header: &[u8]) -> Option<Trace> {
    let (head, rest) = header.split_at_checked(55)?;
    let (version, ids) = head.split_at_checked(2)?;
    let version = hex(version)?;
    if version == 0xff || (version == 0 && !rest.is_empty()) || rest.first().is_some_and(|next| *next != b'-') {
        return None;
    }
    let mut parts = ids.strip_prefix(b"-")?.splitn(3, |byte| *byte == b'-');
    let (trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?);
    if (trace.len(), span.len()) != (32, 16) {
        return None;
    }
    let (trace_id, span_id) = (hex(trace)?, u64::try_from(hex(span)?).ok()?);
    let known = Trace { trace_id, span_id, sampled: hex(flags)? & 1 == 1 };
    Some(known).filter(|_| trace_id != 0 && span_id != 0)
}

/// Lower-case digits only, as the standard wants them.
fn hex(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0_u128, |number, digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u128::from(value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const SPAN: &str = "b7ad6b7169203331";

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn a_parent_is_read_and_written_as_the_standard_says() {
        for (flags, sampled) in [("01", true), ("00", false), ("03", true)] {
            let parent = parent(&headers(&[("traceparent", &format!("00-{TRACE}-{SPAN}-{flags}"))])).unwrap();
            assert_eq!((parent.span_id, parent.sampled), (0xb7ad_6b71_6920_3331, sampled));
            let mut out = HeaderMap::new();
            write(parent, &TraceState::from_str("a=1,b=2").unwrap(), &mut out);
            assert_eq!(out["traceparent"], format!("00-{TRACE}-{SPAN}-0{}", u8::from(sampled)));
            assert_eq!(out["tracestate"], "a=1,b=2");
        }
        let later = format!("cc-{TRACE}-{SPAN}-01-what-the-future-will-be-like");
        assert!(parent(&headers(&[("traceparent", &later)])).is_some());
    }

    #[test]
    fn what_the_standard_does_not_allow_begins_a_new_trace() {
        let zero = |digits: usize| "0".repeat(digits);
        for bad in [
            String::new(),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("00-{TRACE}-{SPAN}-01-more"),
            format!("cc-{TRACE}-{SPAN}-01.more"),
            format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
            format!("00-{}-{SPAN}-01", zero(32)),
            format!("00-{TRACE}-{}-01", zero(16)),
            format!("00-{TRACE}-{SPAN}-0"),
            format!("00-{TRACE}-{SPAN}-0x"),
            format!("00_{TRACE}_{SPAN}_01"),
            format!("00-{TRACE}{SPAN}--01-"),
        ] {
            assert_eq!(parent(&headers(&[("traceparent", &bad)])), None, "{bad:?}");
        }
        let good = format!("00-{TRACE}-{SPAN}-01");
        assert_eq!(parent(&headers(&[("traceparent", &good), ("traceparent", &good)])), None, "two of them");
    }

    #[test]
    fn states_of_several_headers_are_joined_and_malformed_ones_dropped() {
        assert_eq!(state(&headers(&[("tracestate", "a=1"), ("tracestate", "b=2")])).header(), "a=1,b=2");
        assert_eq!(state(&headers(&[("tracestate", "no equals sign")])).header(), "");
        assert_eq!(state(&headers(&[("tracestate", &format!("a={}", "1".repeat(511)))])).header(), "");
    }
}
