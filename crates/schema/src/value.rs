//! One value: what its bytes mean for a field of a kind, and how it is written.

use crate::{
    Kind,
    wire::{self, WireValue, low32},
};

/// One value of a field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// `bool`.
    Bool(bool),
    /// Signed integers of either size.
    I64(i64),
    /// Unsigned integers of either size.
    U64(u64),
    /// `float` and `double`.
    F64(f64),
    /// `string`.
    Str(&'a str),
    /// `bytes`.
    Bytes(&'a [u8]),
    /// Number of an enum value.
    Enum(i32),
    /// An encoded message; of a map, one entry.
    Message(&'a [u8]),
}

impl<'a> Value<'a> {
    /// Whether it is what a field without presence has when it is not set.
    pub fn is_default(&self) -> bool {
        match self {
            Self::Bool(value) => !value,
            Self::I64(value) => *value == 0,
            Self::U64(value) => *value == 0,
            Self::F64(value) => value.to_bits() == 0,
            Self::Str(value) => value.is_empty(),
            Self::Bytes(value) | Self::Message(value) => value.is_empty(),
            Self::Enum(value) => *value == 0,
        }
    }

    /// What a value on the wire means for a field of a kind.
    pub(crate) fn of(kind: Kind, wire: WireValue<'a>) -> Result<Self, &'static str> {
        Ok(match (kind, wire) {
            (Kind::Bool, WireValue::Varint(value)) => Self::Bool(value != 0),
            (Kind::Int32, WireValue::Varint(value)) => Self::I64(low32(value).cast_signed().into()),
            (Kind::Int64, WireValue::Varint(value)) => Self::I64(value.cast_signed()),
            (Kind::Uint32, WireValue::Varint(value)) => Self::U64(low32(value).into()),
            (Kind::Uint64, WireValue::Varint(value)) => Self::U64(value),
            (Kind::Sint32, WireValue::Varint(value)) => Self::I64(unzigzag(low32(value).into())),
            (Kind::Sint64, WireValue::Varint(value)) => Self::I64(unzigzag(value)),
            (Kind::Enum(_), WireValue::Varint(value)) => Self::Enum(low32(value).cast_signed()),
            (Kind::Fixed32, WireValue::Fixed32(value)) => Self::U64(value.into()),
            (Kind::Sfixed32, WireValue::Fixed32(value)) => Self::I64(value.cast_signed().into()),
            (Kind::Float, WireValue::Fixed32(value)) => Self::F64(f32::from_bits(value).into()),
            (Kind::Fixed64, WireValue::Fixed64(value)) => Self::U64(value),
            (Kind::Sfixed64, WireValue::Fixed64(value)) => Self::I64(value.cast_signed()),
            (Kind::Double, WireValue::Fixed64(value)) => Self::F64(f64::from_bits(value)),
            (Kind::String, WireValue::Len(value)) => Self::Str(str::from_utf8(value).map_err(|_| NOT_UTF8)?),
            (Kind::Bytes, WireValue::Len(value)) => Self::Bytes(value),
            (Kind::Message(_) | Kind::Map(_), WireValue::Len(value)) => Self::Message(value),
            _ => return Err(WRONG_WIRE_TYPE),
        })
    }
}

pub(crate) const NOT_UTF8: &str = "is not valid UTF-8";
pub(crate) const WRONG_WIRE_TYPE: &str = "has another wire type than the field";

pub(crate) fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

pub(crate) fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

impl Kind {
    /// Whether a list of it can be packed.
    pub(crate) fn is_packable(self) -> bool {
        self.wire_type() != wire::LEN
    }

    pub(crate) fn wire_type(self) -> u8 {
        match self {
            Self::Bool | Self::Int32 | Self::Int64 | Self::Uint32 | Self::Uint64 => wire::VARINT,
            Self::Sint32 | Self::Sint64 | Self::Enum(_) => wire::VARINT,
            Self::Fixed32 | Self::Sfixed32 | Self::Float => wire::FIXED32,
            Self::Fixed64 | Self::Sfixed64 | Self::Double => wire::FIXED64,
            Self::String | Self::Bytes | Self::Message(_) | Self::Map(_) => wire::LEN,
        }
    }
}

/// The values in a packed run; ends after the first error.
pub(crate) fn items(kind: Kind, run: &[u8]) -> impl Iterator<Item = Result<WireValue<'_>, &'static str>> {
    let mut rest = run;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let item = wire::take_value(&mut rest, 0, kind.wire_type(), 0);
        if item.is_err() {
            rest = &[];
        }
        Some(item)
    })
}

/// The value as canonical bytes have it, if it is one of this kind at all.
pub(crate) fn normal(kind: Kind, value: WireValue<'_>) -> Result<WireValue<'_>, &'static str> {
    Ok(match (kind, value) {
        (Kind::Bool, WireValue::Varint(value)) => WireValue::Varint((value != 0).into()),
        (Kind::Int32 | Kind::Enum(_), WireValue::Varint(value)) => {
            WireValue::Varint(i64::from(low32(value).cast_signed()).cast_unsigned())
        }
        (Kind::Uint32 | Kind::Sint32, WireValue::Varint(value)) => WireValue::Varint(low32(value).into()),
        (Kind::String, WireValue::Len(text)) => str::from_utf8(text).map(|_| value).map_err(|_| NOT_UTF8)?,
        (Kind::Int64 | Kind::Uint64 | Kind::Sint64, WireValue::Varint(_))
        | (Kind::Fixed32 | Kind::Sfixed32 | Kind::Float, WireValue::Fixed32(_))
        | (Kind::Fixed64 | Kind::Sfixed64 | Kind::Double, WireValue::Fixed64(_))
        | (Kind::Bytes, WireValue::Len(_)) => value,
        _ => return Err(WRONG_WIRE_TYPE),
    })
}

/// Whether [`normal`] would change nothing, which it can do to varints only.
pub(crate) fn is_normal(kind: Kind, value: WireValue<'_>) -> Result<bool, &'static str> {
    match (normal(kind, value)?, value) {
        (WireValue::Varint(normal), WireValue::Varint(value)) => Ok(normal == value),
        _ => Ok(true),
    }
}

pub(crate) fn is_default(value: WireValue<'_>) -> bool {
    matches!(value, WireValue::Varint(0) | WireValue::Fixed32(0) | WireValue::Fixed64(0) | WireValue::Len([]))
}

pub(crate) fn default_of(kind: Kind) -> WireValue<'static> {
    match kind.wire_type() {
        wire::VARINT => WireValue::Varint(0),
        wire::FIXED32 => WireValue::Fixed32(0),
        wire::FIXED64 => WireValue::Fixed64(0),
        _ => WireValue::Len(&[]),
    }
}

pub(crate) fn put_value(out: &mut Vec<u8>, number: u32, value: WireValue<'_>) {
    wire::put_tag(out, number, value.wire_type());
    put_bare(out, value);
}

pub(crate) fn put_bare(out: &mut Vec<u8>, value: WireValue<'_>) {
    match value {
        WireValue::Varint(value) => wire::varint(out, value),
        WireValue::Fixed32(value) => out.extend_from_slice(&value.to_le_bytes()),
        WireValue::Fixed64(value) => out.extend_from_slice(&value.to_le_bytes()),
        WireValue::Len(value) | WireValue::Group(value) => {
            wire::varint(out, value.len() as u64);
            out.extend_from_slice(value);
        }
    }
}

/// How many bytes a field takes when none is wasted.
pub(crate) fn size(number: u32, value: WireValue<'_>) -> usize {
    wire::varint_len(u64::from(number) << 3) + value_size(value)
}

pub(crate) fn value_size(value: WireValue<'_>) -> usize {
    match value {
        WireValue::Varint(value) => wire::varint_len(value),
        WireValue::Fixed32(_) => 4,
        WireValue::Fixed64(_) => 8,
        WireValue::Len(value) | WireValue::Group(value) => wire::varint_len(value.len() as u64) + value.len(),
    }
}
