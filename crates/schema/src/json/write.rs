//! Writes JSON out of canonical bytes: every field at most once and in order, so one pass is enough.

use std::fmt::Write;

use base64::{Engine, prelude::BASE64_STANDARD};

use super::{JsonOptions, any, scalar::NULL_VALUE, text, time};
use crate::{
    EnumType, Field, Kind, Malformed, MapType, MessageType, Value,
    canonical::within,
    table::WellKnown,
    value::{default_of, items},
    wire::{Parts, WireValue},
};

pub(super) struct Writer<'a> {
    options: &'a JsonOptions,
    out: &'a mut String,
    level: usize,
}

type Written = Result<(), Malformed>;

impl<'a> Writer<'a> {
    pub(super) fn new(options: &'a JsonOptions, out: &'a mut String) -> Self {
        Self { options, out, level: 0 }
    }

    /// Writes one message; `bytes` are canonical.
    pub(super) fn message(&mut self, message: MessageType, bytes: &[u8], depth: usize) -> Written {
        match message.well_known() {
            None | Some(WellKnown::Empty) => {
                let mut list = self.open('{');
                self.members(message, bytes, depth, &mut list)?;
                self.close(&list, '}');
                Ok(())
            }
            Some(WellKnown::Any) => self.any(message, bytes, depth),
            Some(WellKnown::Timestamp) => self.time(bytes, time::write_timestamp),
            Some(WellKnown::Duration) => self.time(bytes, time::write_duration),
            Some(WellKnown::FieldMask) => self.field_mask(bytes),
            Some(WellKnown::Struct | WellKnown::ListValue) => self.only_field(message, bytes, depth),
            Some(WellKnown::Value) => self.dynamic(message, bytes, depth),
            Some(WellKnown::Wrapper) => self.wrapped(message, bytes, depth),
        }
    }

    fn members(&mut self, message: MessageType, bytes: &[u8], depth: usize, list: &mut List) -> Written {
        let mut parts = Parts::new(bytes);
        for field in message.fields() {
            let mut values = Group { parts: &mut parts, number: field.number };
            let shows_unset = self.options.emit_defaults || (self.options.zero_enums && zero_is_a_kind(field));
            if values.is_empty() && (field.presence || !shows_unset) {
                continue;
            }
            self.item(list);
            self.key(field);
            self.field(field, &mut values, depth)?;
        }
        Ok(())
    }

    fn field(&mut self, field: &Field, values: &mut Group<'_, '_>, depth: usize) -> Written {
        match field.kind {
            Kind::Map(map) => self.map(field, map, values, depth),
            kind if field.repeated => self.list(field, kind, values, depth),
            kind => {
                let value = values.take()?.unwrap_or_else(|| default_of(kind));
                self.value(kind, value, depth).map_err(|fault| fault.inside(field.name))
            }
        }
    }

    fn list(&mut self, field: &Field, kind: Kind, values: &mut Group<'_, '_>, depth: usize) -> Written {
        let mut list = self.open('[');
        let mut index = 0;
        while let Some(value) = values.take()? {
            match value {
                WireValue::Len(run) if kind.is_packable() => {
                    for item in items(kind, run) {
                        self.item(&mut list);
                        self.value(kind, item?, depth)?;
                    }
                }
                value => {
                    self.item(&mut list);
                    self.value(kind, value, depth).map_err(|fault| within(fault, field, index))?;
                    index += 1;
                }
            }
        }
        self.close(&list, ']');
        Ok(())
    }

    fn map(&mut self, field: &Field, map: MapType, values: &mut Group<'_, '_>, depth: usize) -> Written {
        let mut list = self.open('{');
        let mut index = 0;
        while let Some(entry) = values.take()? {
            self.item(&mut list);
            self.entry(map, entry, depth + 1).map_err(|fault| within(fault, field, index))?;
            index += 1;
        }
        self.close(&list, '}');
        Ok(())
    }

    fn entry(&mut self, map: MapType, entry: WireValue<'_>, depth: usize) -> Written {
        let WireValue::Len(entry) = entry else { return Ok(()) };
        let (mut key, mut value) = (default_of(map.key()), default_of(map.value()));
        for part in Parts::new(entry) {
            match part? {
                (1, it, _) => key = it,
                (2, it, _) => value = it,
                _ => {}
            }
        }
        match Value::of(map.key(), key)? {
            Value::Str(key) => self.name(key),
            Value::Bool(key) => self.name(if key { "true" } else { "false" }),
            Value::I64(key) => self.name(&key.to_string()),
            Value::U64(key) => self.name(&key.to_string()),
            _ => {}
        }
        self.value(map.value(), value, depth)
    }

    fn value(&mut self, kind: Kind, value: WireValue<'_>, depth: usize) -> Written {
        let wide = matches!(kind, Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 | Kind::Uint64 | Kind::Fixed64);
        match (kind, Value::of(kind, value)?) {
            (_, Value::Bool(value)) => self.out.push_str(if value { "true" } else { "false" }),
            (_, Value::I64(value)) if wide => self.print(format_args!("\"{value}\"")),
            (_, Value::U64(value)) if wide => self.print(format_args!("\"{value}\"")),
            (_, Value::I64(value)) => self.print(format_args!("{value}")),
            (_, Value::U64(value)) => self.print(format_args!("{value}")),
            (_, Value::F64(value)) => self.float(kind, value),
            (_, Value::Str(value)) => text::quote(self.out, value),
            (_, Value::Bytes(value)) => {
                self.out.push('"');
                BASE64_STANDARD.encode_string(value, self.out);
                self.out.push('"');
            }
            (Kind::Enum(it), Value::Enum(number)) => self.name_of(it, number),
            (Kind::Message(inner), Value::Message(bytes)) => return self.message(inner, bytes, depth + 1),
            (_, Value::Enum(_) | Value::Message(_)) => {}
        }
        Ok(())
    }

    fn float(&mut self, kind: Kind, value: f64) {
        if value.is_nan() {
            self.out.push_str("\"NaN\"");
        } else if value.is_infinite() {
            self.out.push_str(if value > 0.0 { "\"Infinity\"" } else { "\"-Infinity\"" });
        } else if kind == Kind::Float {
            // As many digits as tell it from other floats, not from other doubles.
            self.print(format_args!("{:?}", narrow(value)));
        } else {
            self.print(format_args!("{value:?}"));
        }
    }

    fn name_of(&mut self, kind: EnumType, number: i32) {
        match kind.name(number).filter(|_| !self.options.enum_numbers) {
            _ if kind.full_name() == NULL_VALUE => self.out.push_str("null"),
            Some(name) => text::quote(self.out, name),
            None => self.print(format_args!("{number}")),
        }
    }

    fn time(&mut self, bytes: &[u8], write: fn(i64, i64, &mut String) -> Result<(), &'static str>) -> Written {
        let (mut seconds, mut nanos) = (0, 0);
        for part in Parts::new(bytes) {
            match part? {
                (1, WireValue::Varint(value), _) => seconds = value.cast_signed(),
                (2, WireValue::Varint(value), _) => nanos = value.cast_signed(),
                _ => {}
            }
        }
        self.out.push('"');
        write(seconds, nanos, self.out)?;
        self.out.push('"');
        Ok(())
    }

    fn field_mask(&mut self, bytes: &[u8]) -> Written {
        let mut paths = String::new();
        for part in Parts::new(bytes) {
            let (1, value, _) = part? else { continue };
            let Value::Str(path) = Value::of(Kind::String, value)? else { continue };
            if !paths.is_empty() {
                paths.push(',');
            }
            if !text::camel(&mut paths, path) {
                return Err("has a path that has no lowerCamelCase form".into());
            }
        }
        text::quote(self.out, &paths);
        Ok(())
    }

    /// `Struct` and `ListValue`: their one field is their JSON.
    fn only_field(&mut self, message: MessageType, bytes: &[u8], depth: usize) -> Written {
        let Some(field) = message.fields().first() else { return Ok(()) };
        self.field(field, &mut Group { parts: &mut Parts::new(bytes), number: field.number }, depth)
    }

    fn wrapped(&mut self, message: MessageType, bytes: &[u8], depth: usize) -> Written {
        let Some(field) = message.fields().first() else { return Ok(()) };
        let set = Parts::new(bytes).next().transpose()?.filter(|(number, ..)| *number == field.number);
        self.value(field.kind, set.map_or_else(|| default_of(field.kind), |(_, value, _)| value), depth)
    }

    /// `Value`: one of its fields, or none, which is `null` as well.
    fn dynamic(&mut self, message: MessageType, bytes: &[u8], depth: usize) -> Written {
        let set = Parts::new(bytes).next().transpose()?;
        let known = set.and_then(|(number, value, _)| Some((message.field_by_number(number)?, value)));
        let Some((field, value)) = known else {
            self.out.push_str("null");
            return Ok(());
        };
        if let Value::F64(number) = Value::of(field.kind, value)?
            && !number.is_finite()
        {
            return Err(Malformed::from("is not finite, which JSON has no number for").inside(field.name));
        }
        self.value(field.kind, value, depth).map_err(|fault| fault.inside(field.name))
    }

    fn any(&mut self, message: MessageType, bytes: &[u8], depth: usize) -> Written {
        let mut list = self.open('{');
        let url = match message.get(bytes, 1)? {
            Some(Value::Str(url)) => url,
            _ if bytes.is_empty() => {
                self.close(&list, '}');
                return Ok(());
            }
            _ => "",
        };
        let inner = any::resolve(message, url).ok_or_else(|| any::unknown(url)).map_err(Malformed::new)?;
        let Some(Value::Bytes(value)) = message.get(bytes, 2)?.or(Some(Value::Bytes(&[]))) else { return Ok(()) };
        let value = inner.canonical_at(value, depth + 1).map_err(|fault| fault.inside("value"))?;
        self.item(&mut list);
        self.name("@type");
        text::quote(self.out, url);
        if inner.well_known().is_some() {
            self.item(&mut list);
            self.name("value");
            self.message(inner, &value, depth + 1)?;
        } else {
            self.members(inner, &value, depth + 1, &mut list)?;
        }
        self.close(&list, '}');
        Ok(())
    }

    fn print(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = self.out.write_fmt(text);
    }

    fn key(&mut self, field: &Field) {
        if self.options.proto_names {
            return self.name(field.name);
        }
        self.out.push_str(field.json_key);
        if self.options.indent.is_some() {
            self.out.push(' ');
        }
    }

    fn name(&mut self, name: &str) {
        text::quote(self.out, name);
        self.out.push_str(if self.options.indent.is_some() { ": " } else { ":" });
    }

    fn open(&mut self, bracket: char) -> List {
        self.out.push(bracket);
        self.level += 1;
        List { empty: true }
    }

    fn item(&mut self, list: &mut List) {
        if !list.empty {
            self.out.push(',');
        }
        list.empty = false;
        self.new_line();
    }

    fn close(&mut self, list: &List, bracket: char) {
        self.level -= 1;
        if !list.empty {
            self.new_line();
        }
        self.out.push(bracket);
    }

    fn new_line(&mut self) {
        if let Some(indent) = self.options.indent {
            self.out.push('\n');
            self.out.extend(std::iter::repeat_n(' ', indent * self.level));
        }
    }
}

fn zero_is_a_kind(field: &Field) -> bool {
    match field.kind {
        Kind::Enum(of) if !field.repeated => of.name(0).is_some_and(|name| !name.ends_with("UNSPECIFIED")),
        _ => false,
    }
}

/// An object or array that is being written.
struct List {
    empty: bool,
}

/// The values of one field, which canonical bytes have next to each other.
struct Group<'g, 'a> {
    parts: &'g mut Parts<'a>,
    number: u32,
}

impl<'a> Group<'_, 'a> {
    fn is_empty(&self) -> bool {
        self.parts.number() != Some(self.number)
    }

    fn take(&mut self) -> Result<Option<WireValue<'a>>, Malformed> {
        if self.is_empty() {
            return Ok(None);
        }
        Ok(self.parts.next().transpose()?.map(|(_, value, _)| value))
    }
}

#[expect(clippy::cast_possible_truncation, reason = "it was a float before")]
fn narrow(value: f64) -> f32 {
    value as f32
}
