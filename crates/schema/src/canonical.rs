//! The one encoding of a record: equal records have equal bytes.
//!
//! Known fields stand by number, then the unknown ones as they came. Of several values of a singular field the last one
//! wins, pieces of a message are merged, the last member of a oneof clears the others. Defaults of fields without presence
//! are left out, lists are packed as declared, maps stand by key with both sides of each entry written, varints waste no
//! byte. This is what prost, Go, Java and C++ write as well as long as a message has neither maps nor unknown fields.

use std::borrow::Cow;

use crate::{
    DEPTH_LIMIT, Field, Kind, Malformed, MapType, MessageType, Value,
    rewrite::rewrite,
    value::{is_default, is_normal, items, size, value_size},
    wire::{Parts, WireValue},
};

pub(crate) const TOO_DEEP: &str = "is nested too deep";

impl MessageType {
    /// The one encoding of the message. Costs one pass and one copy when the bytes are it already.
    ///
    /// # Errors
    /// When the bytes are no encoding of this message: cut off, another wire type than a field has, text that is not
    /// UTF-8, deeper than [`DEPTH_LIMIT`].
    pub fn canonical(self, message: &[u8]) -> Result<Vec<u8>, Malformed> {
        self.canonical_at(message, 0).map(Cow::into_owned)
    }

    /// Whether the bytes are the one encoding already. One pass, no copy.
    ///
    /// # Errors
    /// As [`Self::canonical`], for what comes before the first thing that is not canonical.
    pub fn is_canonical(self, message: &[u8]) -> Result<bool, Malformed> {
        check(self, message, 0)
    }

    pub(crate) fn canonical_at(self, message: &[u8], depth: usize) -> Result<Cow<'_, [u8]>, Malformed> {
        if check(self, message, depth)? {
            return Ok(Cow::Borrowed(message));
        }
        let mut out = Vec::with_capacity(message.len());
        rewrite(self, &[message], depth, &mut out)?;
        Ok(Cow::Owned(out))
    }
}

/// What a pass over canonical bytes has seen so far.
#[derive(Default)]
struct Seen<'a> {
    number: u32,
    index: usize,
    key: Option<Key<'a>>,
    oneofs: u64,
    unknown: bool,
}

impl Seen<'_> {
    /// Whether `field` may stand here.
    fn allows(&mut self, field: &Field) -> bool {
        let many = field.repeated || matches!(field.kind, Kind::Map(_));
        if self.unknown || field.number < self.number || (field.number == self.number && (!many || field.packed)) {
            return false;
        }
        if let Some(oneof) = field.oneof {
            // Beyond 64 oneofs only the first counts as canonical; the others are rewritten to what they were.
            let bit = if oneof.index < 64 { 1 << oneof.index } else { u64::MAX };
            if self.oneofs & bit != 0 {
                return false;
            }
            self.oneofs |= bit;
        }
        if field.number == self.number {
            self.index += 1;
        } else {
            (self.number, self.index, self.key) = (field.number, 0, None);
        }
        true
    }
}

fn check(message: MessageType, bytes: &[u8], depth: usize) -> Result<bool, Malformed> {
    if depth > DEPTH_LIMIT {
        return Err(TOO_DEEP.into());
    }
    let mut seen = Seen::default();
    let mut known = 0;
    for part in Parts::nested(bytes, depth) {
        let (number, value, raw) = part?;
        let Some(field) = message.field_by_number(number) else {
            seen.unknown = true;
            continue;
        };
        if !seen.allows(field) || raw.len() != size(number, value) {
            return Ok(false);
        }
        known += 1;
        if !check_value(field, value, &mut seen, depth).map_err(|fault| within(fault, field, seen.index))? {
            return Ok(false);
        }
    }
    Ok(!message.is_map_entry() || known == 2)
}

fn check_value<'a>(field: &Field, value: WireValue<'a>, seen: &mut Seen<'a>, depth: usize) -> Result<bool, Malformed> {
    match (field.kind, value) {
        (Kind::Message(inner), WireValue::Len(bytes)) => check(inner, bytes, depth + 1),
        (Kind::Map(map), WireValue::Len(entry)) => {
            if !check(map.entry, entry, depth + 1)? {
                return Ok(false);
            }
            let key = Some(Key::of(map, entry)?);
            let ascends = seen.key < key;
            seen.key = key;
            Ok(ascends)
        }
        (kind, WireValue::Len(run)) if field.repeated && kind.is_packable() => Ok(field.packed && tight(kind, run)?),
        (kind, value) => {
            Ok(is_normal(kind, value)? && !field.packed && (field.presence || field.repeated || !is_default(value)))
        }
    }
}

/// Whether a packed run is as canonical bytes have it.
fn tight(kind: Kind, run: &[u8]) -> Result<bool, &'static str> {
    let mut least = 0;
    for item in items(kind, run) {
        let item = item?;
        if !is_normal(kind, item)? {
            return Ok(false);
        }
        least += value_size(item);
    }
    Ok(least == run.len() && !run.is_empty())
}

/// A key of a map, in the order in which canonical bytes have them.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key<'a> {
    Signed(i64),
    Unsigned(u64),
    Text(&'a str),
}

impl<'a> Key<'a> {
    pub(crate) fn of(map: MapType, entry: &'a [u8]) -> Result<Self, Malformed> {
        let key = map.entry.get(entry, 1)?.and_then(Self::of_value);
        key.ok_or_else(|| "has a key of a kind that no map has".into())
    }

    pub(crate) fn of_value(key: Value<'a>) -> Option<Self> {
        match key {
            Value::I64(key) => Some(Self::Signed(key)),
            Value::U64(key) => Some(Self::Unsigned(key)),
            Value::Bool(key) => Some(Self::Unsigned(key.into())),
            Value::Str(key) => Some(Self::Text(key)),
            _ => None,
        }
    }
}

pub(crate) fn within(fault: Malformed, field: &Field, index: usize) -> Malformed {
    if field.repeated || matches!(field.kind, Kind::Map(_)) {
        fault.at(index).inside(field.name)
    } else {
        fault.inside(field.name)
    }
}
