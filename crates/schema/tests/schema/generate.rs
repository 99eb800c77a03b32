//! Random messages of any type, made from random bytes so that a failing one shrinks.

use proptest::prelude::*;
use prost::Message;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, ReflectMessage, Value};

use crate::KINDS;

/// Bytes that decide; zeros once they are used up, which every choice takes as the simplest answer.
pub(crate) struct Source<'a>(&'a [u8]);

impl<'a> Source<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::from(self.byte()) % end
    }

    /// True once in `times`.
    pub(crate) fn once_in(&mut self, times: u8) -> bool {
        self.byte() % times == 1
    }

    /// Any number, mostly one at an edge.
    fn number(&mut self) -> u64 {
        const EDGES: [u64; 12] =
            [0, 1, 2, 127, 128, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 1 << 53, u64::MAX, 1 << 63, (1 << 63) - 1];
        match self.below(16) {
            edge if edge < EDGES.len() => EDGES[edge],
            _ => u64::from_le_bytes(std::array::from_fn(|_| self.byte())),
        }
    }
}

/// Random bytes for a [`Source`].
pub(crate) fn decisions() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..600)
}

/// Runs of a property; a failing one is printed rather than saved.
pub(crate) fn runs(cases: u32) -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases) }
}

/// A random message, as it is when it has been decoded: with no field at the default that has no presence.
pub(crate) fn message(of: &MessageDescriptor, source: &mut Source<'_>) -> DynamicMessage {
    crate::decoded(of, &any_message(of, source, 0).encode_to_vec())
}

fn any_message(of: &MessageDescriptor, source: &mut Source<'_>, depth: usize) -> DynamicMessage {
    let mut message = DynamicMessage::new(of.clone());
    if well_known(&mut message, source, depth) {
        return message;
    }
    for field in of.fields() {
        let deep = matches!(field.kind(), Kind::Message(_)) && depth > 4;
        let odds = if depth == 0 { 3 } else { 6 };
        if source.once_in(odds) && !deep || field.name() == "needed" {
            let value = values(&field, source, depth);
            message.set_field(&field, value);
        }
    }
    message
}

fn values(field: &FieldDescriptor, source: &mut Source<'_>, depth: usize) -> Value {
    let count = [1, 2, 3, 0, 7][source.below(5)];
    if field.is_list() {
        return Value::List((0..count).map(|_| value(&field.kind(), source, depth)).collect());
    }
    if field.is_map() {
        let entry = field.kind();
        let entry = entry.as_message().unwrap();
        let (key, item) = (entry.map_entry_key_field().kind(), entry.map_entry_value_field().kind());
        let pairs = (0..count).map(|_| (map_key(&key, source), value(&item, source, depth)));
        return Value::Map(pairs.collect());
    }
    value(&field.kind(), source, depth)
}

fn map_key(kind: &Kind, source: &mut Source<'_>) -> MapKey {
    value(kind, source, 0).into_map_key().unwrap()
}

fn value(kind: &Kind, source: &mut Source<'_>, depth: usize) -> Value {
    match kind {
        Kind::Bool => Value::Bool(source.once_in(2)),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(source.number() as i32),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(source.number() as i64),
        Kind::Uint32 | Kind::Fixed32 => Value::U32(source.number() as u32),
        Kind::Uint64 | Kind::Fixed64 => Value::U64(source.number()),
        Kind::Float => Value::F32(float(source) as f32),
        Kind::Double => Value::F64(float(source)),
        Kind::String => Value::String(text(source)),
        Kind::Bytes => Value::Bytes((0..source.below(5)).map(|_| source.byte()).collect()),
        Kind::Enum(it) if it.full_name() == "google.protobuf.NullValue" => Value::EnumNumber(0),
        Kind::Enum(_) => Value::EnumNumber([1, 0, -7, 2, 99, i32::MIN][source.below(6)]),
        Kind::Message(it) => Value::Message(any_message(it, source, depth + 1)),
    }
}

/// No NaN, which equals nothing, not even itself.
fn float(source: &mut Source<'_>) -> f64 {
    const EDGES: [f64; 10] = [0.0, 1.0, -1.5, 0.1, 1e16, 1e-7, 3.0e38, 1.0e-40, f64::INFINITY, f64::NEG_INFINITY];
    match source.below(14) {
        edge if edge < EDGES.len() => EDGES[edge],
        _ => f64::from(f32::from_bits(source.number() as u32 & 0xbfff_ffff)),
    }
}

fn text(source: &mut Source<'_>) -> String {
    const PIECES: [&str; 12] = [
        "a",
        "B",
        "",
        "ü",
        "\"",
        "\\",
        "\n\t\r",
        "\u{8}\u{c}\u{1f}\u{0}",
        "🦀",
        "employees/1",
        "</script>",
        "\u{2028}",
    ];
    (0..source.below(4)).map(|_| PIECES[source.below(PIECES.len())]).collect()
}

/// Values that have a JSON form, for the messages that do not always have one.
fn well_known(message: &mut DynamicMessage, source: &mut Source<'_>, depth: usize) -> bool {
    let name = message.descriptor().full_name().to_owned();
    let Some(name) = name.strip_prefix("google.protobuf.") else { return false };
    match name {
        "Timestamp" => {
            let seconds = [0, 1_700_000_000, -62_135_596_800, 253_402_300_799, -1, source.number() as i64 >> 30];
            set(message, "seconds", Value::I64(seconds[source.below(6)].clamp(-62_135_596_800, 253_402_300_799)));
            set(message, "nanos", Value::I32([0, 500_000_000, 1000, 1, 999_999_999][source.below(5)]));
        }
        "Duration" => {
            let seconds = [0, 1, -1, 315_576_000_000, -315_576_000_000, 86_400][source.below(6)];
            let nanos = [0, 500_000_000, 1000, 1, 999_999_999][source.below(5)];
            set(message, "seconds", Value::I64(seconds));
            set(message, "nanos", Value::I32(if seconds < 0 { -nanos } else { nanos }));
        }
        "FieldMask" => {
            let paths = ["name", "given_name", "a.b_c.d", "x1", "foo_bar_baz"];
            let paths = (0..source.below(4)).map(|_| Value::String(paths[source.below(5)].into()));
            set(message, "paths", Value::List(paths.collect()));
        }
        "Value" => {
            let deepest = if depth > 4 { 4 } else { 6 };
            let number = [1, 2, 3, 4, 5, 6][source.below(deepest)];
            let field = message.descriptor().get_field(number).unwrap();
            let value = match number {
                2 => Value::F64([0.0, 1.0, -2.5, 1e300][source.below(4)]),
                _ => value(&field.kind(), source, depth),
            };
            message.set_field(&field, value);
        }
        "FloatValue" => set(message, "value", Value::F32([0.0, 1.5, 3.0e38][source.below(3)])),
        "DoubleValue" => set(message, "value", Value::F64([0.0, 1.5, 3.0e300][source.below(3)])),
        "Any" => any_of_known_type(message, source, depth),
        _ => return false,
    }
    true
}

fn any_of_known_type(message: &mut DynamicMessage, source: &mut Source<'_>, depth: usize) {
    const NAMES: [&str; 6] = [
        "kinds.Plain",
        "google.protobuf.Timestamp",
        "kinds.Choice",
        "google.protobuf.Struct",
        "google.protobuf.StringValue",
        "google.protobuf.Empty",
    ];
    let known = message.descriptor().parent_pool().get_message_by_name("kinds.Plain").is_some();
    let name = if known { NAMES[source.below(6)] } else { "campus.employee.v1.Employee" };
    let of = message.descriptor().parent_pool().get_message_by_name(name).unwrap();
    let inner = any_message(&of, source, depth + 2);
    // Canonical inside, as JSON gives it back.
    let both = if known { &KINDS } else { &crate::CAMPUS };
    let inner = both.schema.message(name).unwrap().canonical(&inner.encode_to_vec()).unwrap();
    set(message, "type_url", Value::String(format!("type.googleapis.com/{name}")));
    set(message, "value", Value::Bytes(inner.into()));
}

fn set(message: &mut DynamicMessage, field: &str, value: Value) {
    message.set_field_by_name(field, value);
}
