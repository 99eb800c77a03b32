//! Writes JSON out of wire bytes in one pass.
//!
//! Bytes may have a field twice or out of order, and say something else then than they say piece by piece. That is rare:
//! whoever comes upon it stops with [`Stop::Disorder`], and all is written again out of canonical bytes.

use std::borrow::Cow;

use base64::{Engine, prelude::BASE64_STANDARD};

use super::{JsonOptions, read::Numbers, scalar::NULL_VALUE, text};
use crate::{
    DEPTH_LIMIT, Field, Kind, Malformed, MessageType, Value,
    canonical::{TOO_DEEP, within},
    table::WellKnown,
    value::default_of,
    wire::{Parts, WireValue},
};

pub(super) struct Writer<'a> {
    pub(super) options: &'a JsonOptions,
    pub(super) out: &'a mut String,
    pub(super) level: usize,
}

/// Why writing stopped.
pub(super) enum Stop {
    /// The bytes have to be made canonical first.
    Disorder,
    /// They never can be written.
    Fault(Malformed),
}

impl Stop {
    pub(super) fn inside(self, step: &str) -> Self {
        self.map(|fault| fault.inside(step))
    }

    pub(super) fn within(self, field: &Field, index: usize) -> Self {
        self.map(|fault| within(fault, field, index))
    }

    fn map(self, change: impl FnOnce(Malformed) -> Malformed) -> Self {
        match self {
            Self::Disorder => Self::Disorder,
            Self::Fault(fault) => Self::Fault(change(fault)),
        }
    }
}

impl From<&'static str> for Stop {
    fn from(reason: &'static str) -> Self {
        Self::Fault(reason.into())
    }
}

impl From<Malformed> for Stop {
    fn from(fault: Malformed) -> Self {
        Self::Fault(fault)
    }
}

pub(super) type Written = Result<(), Stop>;

/// Runs a writing, and a second time on canonical bytes if it stops on bytes that are not. Appends nothing when it fails.
pub(super) fn write(
    message: MessageType,
    bytes: &[u8],
    options: &JsonOptions,
    out: &mut String,
    run: impl Fn(&mut Writer<'_>, &[u8]) -> Written,
) -> Result<(), Malformed> {
    let start = out.len();
    let mut attempt = |bytes: &[u8]| {
        let written = run(&mut Writer { options, out, level: 0 }, bytes);
        if written.is_err() {
            out.truncate(start);
        }
        written
    };
    let written = attempt(bytes).or_else(|stop| match message.canonical_at(bytes, 0) {
        Ok(Cow::Borrowed(_)) => Err(stop),
        // A fault of one piece may be none of the whole: an `Any` whose type comes in a later piece.
        Ok(Cow::Owned(canonical)) => attempt(&canonical),
        Err(fault) => Err(Stop::Fault(fault)),
    });
    written.map_err(|stop| match stop {
        Stop::Disorder => "has no canonical form".into(),
        Stop::Fault(fault) => fault,
    })
}

impl Writer<'_> {
    /// Writes one message.
    pub(super) fn message(&mut self, message: MessageType, bytes: &[u8], depth: usize) -> Written {
        if depth > DEPTH_LIMIT {
            return Err(TOO_DEEP.into());
        }
        match message.well_known() {
            None | Some(WellKnown::Empty) => {
                let mut list = self.open('{');
                self.members(message, bytes, depth, &mut list)?;
                self.close(&list, '}');
                Ok(())
            }
            Some(known) => self.known(known, message, bytes, depth),
        }
    }

    /// Writes the value of one field of a message.
    pub(super) fn only(&mut self, field: &Field, bytes: &[u8], depth: usize) -> Written {
        let mut parts = Parts::nested(bytes, depth);
        let mut found = false;
        while let Some(part) = parts.next() {
            let (number, value, _) = part?;
            if number != field.number {
                continue;
            }
            if found {
                return Err(Stop::Disorder);
            }
            found = true;
            self.field(field, value, &mut parts, depth, None)?;
        }
        if found { Ok(()) } else { self.unset(field) }
    }

    pub(super) fn members(&mut self, message: MessageType, bytes: &[u8], depth: usize, list: &mut List) -> Written {
        let mut parts = Parts::nested(bytes, depth);
        let mut oneofs = Numbers::default();
        // The first field that has not been passed.
        let mut next = 0;
        while let Some(part) = parts.next() {
            let (number, value, _) = part?;
            let Some((place, field)) = message.place(number) else { continue };
            if place < next || field.oneof.is_some_and(|oneof| !oneofs.add(oneof.index)) {
                return Err(Stop::Disorder);
            }
            self.defaults(message, next..place, list)?;
            next = place + 1;
            self.field(field, value, &mut parts, depth, Some(list))?;
        }
        self.defaults(message, next..message.fields().len(), list)
    }

    /// Writes the fields that the message does not have, if that is wanted.
    fn defaults(&mut self, message: MessageType, places: std::ops::Range<usize>, list: &mut List) -> Written {
        let JsonOptions { emit_defaults, zero_enums, .. } = *self.options;
        if !emit_defaults && !zero_enums {
            return Ok(());
        }
        let shows = |field: &&Field| !field.presence && (emit_defaults || zero_is_a_kind(field));
        for field in message.fields().get(places).unwrap_or_default().iter().filter(shows) {
            self.key(list, field);
            self.unset(field)?;
        }
        Ok(())
    }

    /// Writes the value that a field has when it is not set.
    pub(super) fn unset(&mut self, field: &Field) -> Written {
        match field.kind {
            Kind::Map(_) => self.out.push_str("{}"),
            _ if field.repeated => self.out.push_str("[]"),
            Kind::Message(message) if message.well_known().is_none() => self.out.push_str("{}"),
            _ if field.presence => self.out.push_str("null"),
            kind => return self.value(kind, Value::of(kind, default_of(kind))?, 0),
        }
        Ok(())
    }

    /// Writes a field whose first value was taken from the parts, its name before it where it is a member of an object.
    pub(super) fn field(
        &mut self,
        field: &Field,
        first: WireValue<'_>,
        rest: &mut Parts<'_>,
        depth: usize,
        list: Option<&mut List>,
    ) -> Written {
        let many = field.is_many();
        let value = if many { None } else { Some(Value::of(field.kind, first).map_err(|it| fault(it, field))?) };
        if let Some(list) = list {
            if !field.presence && !self.options.emit_defaults && value.is_some_and(|value| value.is_default()) {
                return Ok(());
            }
            self.key(list, field);
        }
        match (field.kind, value) {
            (kind, Some(value)) => self.value(kind, value, depth).map_err(|stop| stop.inside(field.name)),
            (Kind::Map(map), None) => self.map(field, map, first, rest, depth),
            (kind, None) => self.list(field, kind, first, rest, depth),
        }
    }

    pub(super) fn value(&mut self, kind: Kind, value: Value<'_>, depth: usize) -> Written {
        let wide = matches!(kind, Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 | Kind::Uint64 | Kind::Fixed64);
        match value {
            Value::Bool(value) => self.out.push_str(if value { "true" } else { "false" }),
            Value::I64(_) | Value::U64(_) if wide => {
                self.out.push('"');
                self.whole(value);
                self.out.push('"');
            }
            Value::I64(_) | Value::U64(_) => self.whole(value),
            Value::F64(value) => self.float(kind, value),
            Value::Str(value) => text::quote(self.out, value),
            Value::Bytes(value) => {
                self.out.push('"');
                BASE64_STANDARD.encode_string(value, self.out);
                self.out.push('"');
            }
            Value::Enum(number) => self.name_of(kind, number),
            Value::Message(bytes) => {
                if let Kind::Message(inner) = kind {
                    return self.message(inner, bytes, depth + 1);
                }
            }
        }
        Ok(())
    }

    fn whole(&mut self, value: Value<'_>) {
        match value {
            Value::I64(value) => text::whole(self.out, value.unsigned_abs(), value < 0),
            Value::U64(value) => text::whole(self.out, value, false),
            _ => {}
        }
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

    fn name_of(&mut self, kind: Kind, number: i32) {
        let Kind::Enum(kind) = kind else { return };
        match kind.name(number).filter(|_| !self.options.enum_numbers) {
            _ if kind.full_name() == NULL_VALUE => self.out.push_str("null"),
            Some(name) => text::quote(self.out, name),
            None => self.print(format_args!("{number}")),
        }
    }

    fn print(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = std::fmt::Write::write_fmt(self.out, text);
    }

    /// The name of a field as the next member of an object.
    fn key(&mut self, list: &mut List, field: &Field) {
        let JsonOptions { indent: None, proto_names: false, .. } = self.options else {
            self.item(list);
            return self.name(if self.options.proto_names { field.name } else { field.json_name });
        };
        let key = if list.empty { field.json_key.get(1..).unwrap_or_default() } else { field.json_key };
        list.empty = false;
        self.out.push_str(key);
    }

    pub(super) fn name(&mut self, name: &str) {
        text::quote(self.out, name);
        self.out.push_str(if self.options.indent.is_some() { ": " } else { ":" });
    }

    pub(super) fn open(&mut self, bracket: char) -> List {
        self.out.push(bracket);
        self.level += 1;
        List { empty: true }
    }

    pub(super) fn item(&mut self, list: &mut List) {
        if !list.empty {
            self.out.push(',');
        }
        list.empty = false;
        self.new_line();
    }

    pub(super) fn close(&mut self, list: &List, bracket: char) {
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
pub(super) struct List {
    empty: bool,
}

pub(super) fn fault(reason: &'static str, field: &Field) -> Stop {
    Stop::from(reason).inside(field.name)
}

#[expect(clippy::cast_possible_truncation, reason = "it was a float before")]
fn narrow(value: f64) -> f32 {
    value as f32
}
