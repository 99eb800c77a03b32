//! Page and resume tokens: opaque, versioned, bound to the database and the query they came from.
//!
//! A token is base64url over: version, what it is, identity of the database, digest of the query, payload, checksum.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use campus_store::{Position, Value};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::error::Error;

const VERSION: u8 = 1;
const PAGE: u8 = b'p';
const RESUME: u8 = b'w';
const CHECKSUM: usize = 4;
const SEED: u64 = 0x0063_616d_7075_7301;

/// What a page token is bound to besides its database: the fields of the request that must not change between pages.
pub(crate) fn digest(parts: &[&str]) -> u64 {
    let mut all = Vec::new();
    for part in parts {
        all.extend_from_slice(&part.len().to_le_bytes());
        all.extend_from_slice(part.as_bytes());
    }
    xxh3_64(&all)
}

/// Where the next page starts.
pub(crate) fn page(store: u64, query: u64, position: &Position) -> String {
    let mut payload = Vec::with_capacity(64);
    for value in &position.values {
        match value {
            Value::Integer(number) => {
                payload.push(b'i');
                payload.extend_from_slice(&number.to_le_bytes());
            }
            Value::Text(text) => {
                payload.push(b't');
                put_text(&mut payload, text);
            }
        }
    }
    payload.push(b'k');
    put_text(&mut payload, &position.key);
    seal(PAGE, store, query, &payload)
}

/// The position a page token holds.
///
/// # Errors
/// A violation of `page_token` if it is none of ours, or of another query.
pub(crate) fn read_page(store: u64, query: u64, token: &str) -> Result<Position, Error> {
    let wrong = |what: &str| Error::invalid("page_token", what);
    let opened =
        open(PAGE, token).ok_or_else(|| wrong("is not a next_page_token of this service; start again without one"))?;
    if opened.store != store {
        return Err(wrong("belongs to another database; start again without one"));
    }
    if opened.query != query {
        return Err(wrong(
            "belongs to another query; filter and order_by must be those of the call that gave the token",
        ));
    }
    read_position(&opened.payload)
        .ok_or_else(|| wrong("is not a next_page_token of this service; start again without one"))
}

/// The position of a change.
pub(crate) fn resume(store: u64, position: u64) -> String {
    seal(RESUME, store, 0, &position.to_le_bytes())
}

/// The position a resume token holds; `Expired` if it is of another database, whose changes are not here.
pub(crate) fn read_resume(store: u64, token: &str) -> Result<u64, Error> {
    let wrong =
        || Error::invalid("resume_token", "is not a resume_token of this service; watch without one to get a new one");
    let opened = open(RESUME, token).ok_or_else(wrong)?;
    if opened.store != store {
        return Err(Error::Expired);
    }
    opened.payload.try_into().map(u64::from_le_bytes).map_err(|_| wrong())
}

struct Opened {
    store: u64,
    query: u64,
    payload: Vec<u8>,
}

fn seal(what: u8, store: u64, query: u64, payload: &[u8]) -> String {
    let mut token = vec![VERSION, what];
    token.extend_from_slice(&store.to_le_bytes());
    token.extend_from_slice(&query.to_le_bytes());
    token.extend_from_slice(payload);
    let [a, b, c, d, ..] = xxh3_64_with_seed(&token, SEED).to_le_bytes();
    token.extend_from_slice(&[a, b, c, d]);
    BASE64_URL_SAFE_NO_PAD.encode(token)
}

fn open(what: u8, token: &str) -> Option<Opened> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(token).ok()?;
    let (signed, checksum) = bytes.split_at_checked(bytes.len().checked_sub(CHECKSUM)?)?;
    if xxh3_64_with_seed(signed, SEED).to_le_bytes().get(..CHECKSUM)? != checksum {
        return None;
    }
    let rest = signed.strip_prefix(&[VERSION, what])?;
    let (store, rest) = rest.split_first_chunk::<8>()?;
    let (query, payload) = rest.split_first_chunk::<8>()?;
    Some(Opened { store: u64::from_le_bytes(*store), query: u64::from_le_bytes(*query), payload: payload.to_vec() })
}

fn put_text(to: &mut Vec<u8>, text: &str) {
    to.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
    to.extend_from_slice(text.as_bytes());
}

fn read_position(mut from: &[u8]) -> Option<Position> {
    let mut values = Vec::new();
    loop {
        let (tag, rest) = from.split_first()?;
        from = rest;
        if *tag == b'i' {
            let (number, rest) = from.split_first_chunk::<8>()?;
            values.push(Value::Integer(i64::from_le_bytes(*number)));
            from = rest;
            continue;
        }
        let (length, rest) = from.split_first_chunk::<4>()?;
        let (text, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        let text = str::from_utf8(text).ok()?.to_owned();
        from = rest;
        match tag {
            b't' => values.push(Value::Text(text)),
            b'k' if from.is_empty() => return Some(Position { values, key: text }),
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position() -> Position {
        Position { values: vec![Value::Text("Facello".into()), Value::Integer(-3)], key: "employees/1".into() }
    }

    #[test]
    fn a_page_token_gives_its_position_back_to_its_own_query_only() {
        let token = page(7, digest(&["f", "o"]), &position());
        assert_eq!(read_page(7, digest(&["f", "o"]), &token), Ok(position()));
        assert!(matches!(read_page(7, digest(&["fo", ""]), &token), Err(Error::Invalid(_))), "another query");
        assert!(matches!(read_page(8, digest(&["f", "o"]), &token), Err(Error::Invalid(_))), "another database");
        assert!(matches!(read_resume(7, &token), Err(Error::Invalid(_))), "another sort of token");
    }

    #[test]
    fn a_changed_token_is_refused() {
        let token = page(7, 1, &position());
        for at in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(read_page(7, 1, &changed).is_err(), "{changed}");
        }
        for not in ["", "x", "AQ", &"A".repeat(200)] {
            assert!(read_page(7, 1, not).is_err() && read_resume(7, not).is_err(), "{not}");
        }
    }

    #[test]
    fn a_resume_token_of_another_database_is_expired() {
        let token = resume(7, 42);
        assert_eq!(read_resume(7, &token), Ok(42));
        assert_eq!(read_resume(8, &token), Err(Error::Expired));
    }
}
