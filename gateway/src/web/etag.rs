//! Entity tags (RFC 9110, 8.8.3 and 13.1). A record's `etag` names its version, whatever form it is sent in; so the tag of
//! a compressed form is a weak one, and a weak one is taken where a strong one is.

use bytes::{BufMut, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};

/// What a condition names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition<'h> {
    /// `*`: whatever there is.
    Any,
    /// The one tag, as the record has it.
    One(&'h str),
    /// Several.
    Some,
}

/// For `ETag`: the record's etag in quotes. Nothing for one that HTTP has no form for.
pub(crate) fn header(etag: &str, weak: bool) -> Option<HeaderValue> {
    if etag.is_empty() || !etag.bytes().all(is_legal) {
        return None;
    }
    let mut text = BytesMut::with_capacity(etag.len() + 4);
    if weak {
        text.put_slice(b"W/");
    }
    text.put_u8(b'"');
    text.put_slice(etag.as_bytes());
    text.put_u8(b'"');
    HeaderValue::from_maybe_shared(text.freeze()).ok()
}

fn is_legal(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b'"'
}

/// The tags of a condition.
fn tags<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h str> {
    // What is dropped here would be a condition that nobody checks.
    let values = headers.get_all(name).iter().map(|value| value.to_str().unwrap_or("what is not ASCII"));
    values.flat_map(|value| value.split(',')).map(str::trim_ascii)
}

/// A tag without its quotes.
fn bare(tag: &str) -> Option<&str> {
    let tag = tag.strip_prefix("W/").unwrap_or(tag).strip_prefix('"')?.strip_suffix('"')?;
    tag.bytes().all(is_legal).then_some(tag)
}

/// What `If-Match` or `If-None-Match` says, if it is there.
///
/// # Errors
/// With what is wrong with it.
pub(crate) fn condition<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<Condition<'h>>, String> {
    let mut tags = tags(headers, name);
    let Some(first) = tags.next() else { return Ok(None) };
    let more = tags.next().is_some();
    match bare(first) {
        _ if first == "*" && !more => Ok(Some(Condition::Any)),
        Some("") => Err("the entity tag is empty and names no version; give that of the ETag header, or *".to_owned()),
        Some(_) if more => Ok(Some(Condition::Some)),
        Some(tag) => Ok(Some(Condition::One(tag))),
        None => Err(format!("{first} is no entity tag; give one in double quotes, for example \"a1b2\", or *")),
    }
}

/// Whether a condition names this etag.
pub(crate) fn names(headers: &HeaderMap, name: &HeaderName, etag: &str) -> bool {
    tags(headers, name).any(|tag| tag == "*" || bare(tag) == Some(etag))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header::IF_MATCH;

    #[test]
    fn a_condition_is_a_star_a_tag_or_several() {
        for (value, expected) in [
            ("*", Ok(Some(Condition::Any))),
            ("\"a1\"", Ok(Some(Condition::One("a1")))),
            ("W/\"a1\"", Ok(Some(Condition::One("a1")))),
            ("\"a1\", \"b2\"", Ok(Some(Condition::Some))),
        ] {
            let headers = HeaderMap::from_iter([(IF_MATCH, HeaderValue::from_static(value))]);
            assert_eq!(condition(&headers, &IF_MATCH), expected, "{value}");
        }
        assert_eq!(condition(&HeaderMap::new(), &IF_MATCH), Ok(None));
        for bad in ["a1", "\"a1", "'a1'", "", "\"\"", "W/\"\"", "\"a b\"", "*, \"a\"", "\"ä\""] {
            let headers = HeaderMap::from_iter([(IF_MATCH, HeaderValue::from_bytes(bad.as_bytes()).unwrap())]);
            assert!(condition(&headers, &IF_MATCH).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_tag_is_the_etag_in_quotes_and_names_it_again() {
        for weak in [false, true] {
            let tag = header("a1", weak).unwrap();
            assert_eq!(tag, if weak { "W/\"a1\"" } else { "\"a1\"" });
            let headers = HeaderMap::from_iter([(IF_MATCH, tag)]);
            assert!(names(&headers, &IF_MATCH, "a1") && !names(&headers, &IF_MATCH, "b2"));
        }
        for none in ["", "a\"b", "a b", "ä"] {
            assert_eq!(header(none, false), None, "{none}");
        }
    }
}
