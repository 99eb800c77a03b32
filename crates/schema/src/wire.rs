//! The wire format itself: tags, varints, lengths. Knows no schema.
//!
//! Source: <https://protobuf.dev/programming-guides/encoding/>.

use crate::{DEPTH_LIMIT, Malformed, canonical::TOO_DEEP};

/// The value of one field as it is on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireValue<'a> {
    /// Wire type 0.
    Varint(u64),
    /// Wire type 5.
    Fixed32(u32),
    /// Wire type 1.
    Fixed64(u64),
    /// Wire type 2: string, bytes, message or packed values.
    Len(&'a [u8]),
    /// Wire types 3 and 4: the fields between the two tags of a group, a form that protobuf has given up.
    Group(&'a [u8]),
}

impl WireValue<'_> {
    pub(crate) fn wire_type(self) -> u8 {
        match self {
            Self::Varint(_) => VARINT,
            Self::Fixed32(_) => FIXED32,
            Self::Fixed64(_) => FIXED64,
            Self::Len(_) => LEN,
            Self::Group(_) => GROUP,
        }
    }
}

/// One field: its number, its value, and all its bytes, the tag included.
pub type Part<'a> = (u32, WireValue<'a>, &'a [u8]);

/// The fields of an encoded message, in the order in which they stand.
///
/// The iterator ends after the first error.
pub fn fields(message: &[u8]) -> impl Iterator<Item = Result<Part<'_>, Malformed>> {
    Parts::new(message).map(|part| part.map_err(Malformed::from))
}

/// Appends a string, bytes or message field.
pub fn put_len(out: &mut Vec<u8>, number: u32, value: &[u8]) {
    put_tag(out, number, LEN);
    varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

/// Appends a field of wire type 0: bool, enum, `int32` (sign-extended), `int64`, `uint32`, `uint64`.
pub fn put_varint(out: &mut Vec<u8>, number: u32, value: u64) {
    put_tag(out, number, VARINT);
    varint(out, value);
}

pub(crate) const VARINT: u8 = 0;
pub(crate) const FIXED64: u8 = 1;
pub(crate) const LEN: u8 = 2;
const GROUP: u8 = 3;
const GROUP_END: u8 = 4;
pub(crate) const FIXED32: u8 = 5;

const TRUNCATED: &str = "ends in the middle of a field";

/// [`fields`] with an error that costs nothing to carry.
pub(crate) struct Parts<'a> {
    rest: &'a [u8],
    depth: usize,
}

impl<'a> Parts<'a> {
    pub(crate) fn new(message: &'a [u8]) -> Self {
        Self::nested(message, 0)
    }

    /// The fields of a message that is `depth` messages deep, which is where its groups begin to count.
    pub(crate) fn nested(message: &'a [u8], depth: usize) -> Self {
        Self { rest: message, depth }
    }

    /// The number of the next field.
    #[inline]
    pub(crate) fn number(&self) -> Option<u32> {
        take_tag(&mut &*self.rest).ok().map(|(number, _)| number)
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = Result<Part<'a>, &'static str>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let before = self.rest;
        let mut rest = before;
        let part = take_tag(&mut rest).and_then(|(number, wire)| {
            let value = take_value(&mut rest, number, wire, self.depth)?;
            let raw = before.get(..before.len() - rest.len()).unwrap_or_default();
            Ok((number, value, raw))
        });
        self.rest = if part.is_ok() { rest } else { &[] };
        Some(part)
    }
}

#[inline]
pub(crate) fn take_varint(rest: &mut &[u8]) -> Result<u64, &'static str> {
    match rest.split_first() {
        Some((&byte, after)) if byte < 0x80 => {
            *rest = after;
            Ok(u64::from(byte))
        }
        _ => take_long_varint(rest),
    }
}

fn take_long_varint(rest: &mut &[u8]) -> Result<u64, &'static str> {
    let mut value = 0;
    for (at, &byte) in rest.iter().take(10).enumerate() {
        if at == 9 && byte > 1 {
            return Err("has a varint of more than 64 bits");
        }
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte < 0x80 {
            *rest = rest.get(at + 1..).unwrap_or_default();
            return Ok(value);
        }
    }
    Err(if rest.len() < 10 { TRUNCATED } else { "has a varint of more than 64 bits" })
}

#[inline]
fn take_tag(rest: &mut &[u8]) -> Result<(u32, u8), &'static str> {
    let tag = u32::try_from(take_varint(rest)?).map_err(|_| "has a tag of more than 32 bits")?;
    match tag >> 3 {
        0 => Err("has a field with the number 0"),
        number => Ok((number, low3(tag))),
    }
}

#[inline]
pub(crate) fn take_value<'a>(
    rest: &mut &'a [u8],
    number: u32,
    wire: u8,
    depth: usize,
) -> Result<WireValue<'a>, &'static str> {
    Ok(match wire {
        VARINT => WireValue::Varint(take_varint(rest)?),
        FIXED64 => WireValue::Fixed64(u64::from_le_bytes(take_array(rest)?)),
        LEN => WireValue::Len(take_len(rest)?),
        GROUP => WireValue::Group(take_group(rest, number, depth)?),
        FIXED32 => WireValue::Fixed32(u32::from_le_bytes(take_array(rest)?)),
        GROUP_END => return Err("ends a group that was not begun"),
        _ => return Err("has a wire type that does not exist"),
    })
}

#[inline]
fn take_array<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], &'static str> {
    let (value, after) = rest.split_first_chunk().ok_or(TRUNCATED)?;
    *rest = after;
    Ok(*value)
}

#[inline]
fn take_len<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], &'static str> {
    let len = usize::try_from(take_varint(rest)?).map_err(|_| TRUNCATED)?;
    let (value, after) = rest.split_at_checked(len).ok_or(TRUNCATED)?;
    *rest = after;
    Ok(value)
}

fn take_group<'a>(rest: &mut &'a [u8], number: u32, depth: usize) -> Result<&'a [u8], &'static str> {
    if depth >= DEPTH_LIMIT {
        return Err(TOO_DEEP);
    }
    let before = *rest;
    loop {
        let inside = before.len() - rest.len();
        match take_tag(rest)? {
            (end, GROUP_END) if end == number => return Ok(before.get(..inside).unwrap_or_default()),
            (inner, wire) => take_value(rest, inner, wire, depth + 1)?,
        };
    }
}

#[inline]
pub(crate) fn put_tag(out: &mut Vec<u8>, number: u32, wire: u8) {
    varint(out, u64::from(number) << 3 | u64::from(wire));
}

#[inline]
pub(crate) fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(low7(value) | 0x80);
        value >>= 7;
    }
    out.push(low7(value));
}

/// Appends a field of wire type 2 whose content `write` appends, however long that turns out to be.
///
/// # Errors
/// Those of `write`.
pub fn put_nested<E>(
    out: &mut Vec<u8>,
    number: u32,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    let start = begin(out, number);
    write(out)?;
    finish(out, start);
    Ok(())
}

/// Begins a field of wire type 2; [`finish`] takes the result when the content has been appended.
pub(crate) fn begin(out: &mut Vec<u8>, number: u32) -> usize {
    put_tag(out, number, LEN);
    // The place for a length below 128, as most are.
    out.push(0);
    out.len()
}

pub(crate) fn finish(out: &mut Vec<u8>, start: usize) {
    let len = (out.len() - start) as u64;
    let size = varint_len(len);
    if size > 1 {
        let end = out.len();
        out.resize(end + size - 1, 0);
        out.copy_within(start..end, start + size - 1);
    }
    let mut rest = len;
    for (at, place) in out.iter_mut().skip(start - 1).take(size).enumerate() {
        *place = low7(rest) | if at + 1 < size { 0x80 } else { 0 };
        rest >>= 7;
    }
}

/// How many bytes a varint takes when none is wasted.
#[inline]
pub(crate) fn varint_len(value: u64) -> usize {
    if value < 0x80 {
        return 1;
    }
    ((64 - value.leading_zeros()) as usize).div_ceil(7)
}

fn low3(value: u32) -> u8 {
    (value & 7) as u8
}

fn low7(value: u64) -> u8 {
    (value & 0x7f) as u8
}

/// The low half, which is what the wire format takes of a varint for a field of 32 bits.
#[expect(clippy::cast_possible_truncation, reason = "the wire format cuts it off")]
pub(crate) fn low32(value: u64) -> u32 {
    value as u32
}
