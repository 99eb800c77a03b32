//! The bytes of a record: what the client may set, with what the server sets around it.
//!
//! A stored body is name and etag, then the client's content in its canonical form, then the times. So the content of
//! two versions can be compared without decoding either.

use std::{
    borrow::Cow,
    time::{SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use campus_schema::wire;
use campus_store::{Row, Value};
use prost_types::Timestamp;

use crate::{error::Error, kind::Kind, name::Name};

/// A record ready to be stored.
pub(crate) struct Stored {
    pub(crate) version: u64,
    pub(crate) body: Bytes,
    pub(crate) values: Vec<Value>,
}

/// The etag of a version, as clients see it.
pub(crate) fn etag(version: u64) -> String {
    format!("{version:016x}")
}

/// The version of an etag; one that is none of ours is no version's.
pub(crate) fn version_of(etag: &str) -> Option<u64> {
    let ours = etag.len() == 16 && etag.bytes().all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c));
    u64::from_str_radix(etag, 16).ok().filter(|_| ours)
}

/// What a client may set of a record it sent: canonical, without what the server sets, and checked.
///
/// # Errors
/// Every violation, with paths below the kind's field, for example `employee.given_name`.
pub(crate) fn content(kind: &Kind, sent: &[u8]) -> Result<Vec<u8>, Error> {
    let content = unchecked(kind, sent)?;
    kind.check(&content)?;
    Ok(content)
}

/// As [`content`], but not checked: a part of a record.
pub(crate) fn unchecked(kind: &Kind, sent: &[u8]) -> Result<Vec<u8>, Error> {
    let malformed = |fault: campus_schema::Malformed| {
        let below = if fault.path().is_empty() { String::new() } else { format!(".{}", fault.path()) };
        Error::invalid(format!("{}{below}", kind.singular()), fault.reason())
    };
    // What well-made clients send is canonical already, and then needs no copy.
    let canonical = if kind.message.is_canonical(sent).map_err(malformed)? {
        Cow::Borrowed(sent)
    } else {
        Cow::Owned(kind.message.canonical(sent).map_err(malformed)?)
    };
    kind.message.without(&canonical, &kind.server.all()).map_err(malformed)
}

/// The text of a top-level field of a record a client sent; empty if it is unset or no text.
pub(crate) fn text(sent: &[u8], number: u32) -> &str {
    let texts = wire::fields(sent).flatten().filter(|(found, ..)| *found == number);
    let last = texts.last().and_then(|(_, value, _)| match value {
        wire::WireValue::Len(bytes) => str::from_utf8(bytes).ok(),
        _ => None,
    });
    last.unwrap_or_default()
}

/// A record that is new.
pub(crate) fn first(kind: &Kind, name: &Name, content: &[u8]) -> Stored {
    let now = Time::now();
    assemble(kind, name, content, now, now)
}

/// The next version of a record.
pub(crate) fn next(kind: &Kind, name: &Name, content: &[u8], before: &Parts<'_>) -> Stored {
    // The clock may step back; the times of one record do not.
    let update_time = Time::now().max(before.update_time);
    assemble(kind, name, content, before.create_time, update_time)
}

/// What a stored body consists of.
pub(crate) struct Parts<'a> {
    pub(crate) content: &'a [u8],
    create_time: Time,
    update_time: Time,
}

/// Takes a stored body apart.
pub(crate) fn parts<'a>(kind: &Kind, row: &'a Row) -> Parts<'a> {
    let server = kind.server;
    let (mut from, mut to, mut at) = (0, 0, 0);
    let (mut create_time, mut update_time) = (Time::default(), Time::default());
    for (number, value, raw) in wire::fields(&row.body).flatten() {
        at += raw.len();
        match number {
            n if n == server.name || n == server.etag => (from, to) = (at, at),
            n if n == server.create_time => create_time = Time::read(&value),
            n if n == server.update_time => update_time = Time::read(&value),
            _ => to = at,
        }
    }
    Parts { content: row.body.get(from..to).unwrap_or_default(), create_time, update_time }
}

/// A record of which only the name is known.
pub(crate) fn name_only(kind: &Kind, name: &str) -> Bytes {
    let mut body = Vec::with_capacity(name.len() + 2);
    wire::put_len(&mut body, kind.server.name, name.as_bytes());
    body.into()
}

fn assemble(kind: &Kind, name: &Name, content: &[u8], create_time: Time, update_time: Time) -> Stored {
    let version = fastrand::u64(1..);
    let server = kind.server;
    let mut body = Vec::with_capacity(content.len() + name.as_str().len() + 56);
    wire::put_len(&mut body, server.name, name.as_str().as_bytes());
    wire::put_len(&mut body, server.etag, etag(version).as_bytes());
    body.extend_from_slice(content);
    wire::put_len(&mut body, server.create_time, &create_time.encoded());
    wire::put_len(&mut body, server.update_time, &update_time.encoded());
    let values = kind.values(&body);
    Stored { version, body: body.into(), values }
}

/// A moment, in whole microseconds, which every store keeps exactly.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Time {
    seconds: i64,
    nanos: i32,
}

impl Time {
    fn read(value: &wire::WireValue<'_>) -> Self {
        let wire::WireValue::Len(bytes) = value else { return Self::default() };
        let time = <Timestamp as prost::Message>::decode(*bytes).unwrap_or_default();
        Self { seconds: time.seconds, nanos: time.nanos }
    }

    fn encoded(self) -> Vec<u8> {
        prost::Message::encode_to_vec(&Timestamp { seconds: self.seconds, nanos: self.nanos })
    }

    fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
        Self { seconds, nanos: i32::try_from(since.subsec_micros() * 1000).unwrap_or_default() }
    }
}
