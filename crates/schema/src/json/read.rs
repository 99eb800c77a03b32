//! Reads JSON straight into wire bytes, in the order of the text; what comes out is made canonical at the end.

use std::{borrow::Cow, collections::BTreeSet, fmt::Write, mem};

use serde::de::{Deserializer, Error, MapAccess};

use super::{
    any::AnyVisitor,
    scalar::{self, Token, TokenVisitor},
    text, time,
    visit::{FieldSeed, ListVisitor, MapVisitor, Name, ObjectVisitor, ValueVisitor},
};
use crate::{
    DEPTH_LIMIT, Field, JsonError, Kind, MessageType, canonical::TOO_DEEP, error::hint, nearest, table::WellKnown, wire,
};

pub(super) struct Reader<'de> {
    pub(super) out: Vec<u8>,
    /// Where reading stands; left as it is when reading fails.
    pub(super) path: Vec<Step<'de>>,
    pub(super) depth: usize,
}

pub(super) enum Step<'de> {
    Field(&'static str),
    Unknown(Cow<'de, str>),
    Key(Cow<'de, str>),
    Index(usize),
}

/// Runs a reading and says what went wrong and where; nothing is appended then.
pub(super) fn append<'de>(
    out: &mut Vec<u8>,
    run: impl FnOnce(&mut Reader<'de>) -> Result<(), serde_json::Error>,
) -> Result<(), JsonError> {
    let before = out.len();
    let mut reader = Reader { out: mem::take(out), path: Vec::new(), depth: 0 };
    let read = run(&mut reader);
    *out = reader.out;
    read.map_err(|error| {
        out.truncate(before);
        let (line, column) = (error.line(), error.column());
        let text = error.to_string();
        let text = text.strip_suffix(&format!(" at line {line} column {column}")).unwrap_or(&text);
        JsonError { path: rendered(&reader.path), line, column, message: discreet(text) }
    })
}

pub(super) fn canonical(message: MessageType, read: &[u8]) -> Result<Vec<u8>, JsonError> {
    message.canonical(read).map_err(|fault| JsonError {
        path: fault.path().to_owned(),
        line: 0,
        column: 0,
        message: fault.reason().to_owned(),
    })
}

fn rendered(path: &[Step<'_>]) -> String {
    let mut out = String::new();
    for step in path {
        // Writing to a string cannot fail.
        let _ = match step {
            Step::Index(index) => write!(out, "[{index}]"),
            Step::Key(key) => write!(out, "[{key:?}]"),
            Step::Field(name) => write!(out, "{}{name}", if out.is_empty() { "" } else { "." }),
            Step::Unknown(name) => write!(out, "{}{name}", if out.is_empty() { "" } else { "." }),
        };
    }
    out
}

/// serde repeats the value that it did not expect, which may be somebody's: only what it is may be told.
fn discreet(text: &str) -> String {
    let Some((found, expected)) = text.strip_prefix("invalid type: ").and_then(|it| it.rsplit_once(", expected "))
    else {
        return text.to_owned();
    };
    let found = match found.split(['"', '`']).next().unwrap_or_default().trim_end() {
        "sequence" => "a list",
        "map" => "an object",
        found => found,
    };
    format!("expected {expected}, found {found}")
}

impl<'de> Reader<'de> {
    /// Reads the JSON of one message and appends its fields.
    pub(super) fn body<D: Deserializer<'de>>(&mut self, message: MessageType, json: D) -> Result<(), D::Error> {
        let field = message.fields().first();
        match (message.well_known(), field) {
            (Some(WellKnown::Any), _) => json.deserialize_any(AnyVisitor { reader: self, message }),
            (Some(WellKnown::Duration), _) => self.time(json, time::parse_duration),
            (Some(WellKnown::Timestamp), _) => self.time(json, time::parse_timestamp),
            (Some(WellKnown::FieldMask), _) => self.field_mask(json),
            (Some(WellKnown::Value), _) => json.deserialize_any(ValueVisitor { reader: self, message }),
            (Some(WellKnown::Wrapper), Some(field)) => self.single(field.kind, field.number, json),
            (Some(WellKnown::Struct | WellKnown::ListValue), Some(field)) => self.many(field, json),
            _ => json.deserialize_any(ObjectVisitor { reader: self, message }),
        }
    }

    /// Reads one value of a field that is no list and no map.
    pub(super) fn single<D: Deserializer<'de>>(&mut self, kind: Kind, number: u32, json: D) -> Result<(), D::Error> {
        if let Kind::Message(inner) = kind {
            self.enter().map_err(D::Error::custom)?;
            let start = wire::begin(&mut self.out, number);
            self.body(inner, json)?;
            wire::finish(&mut self.out, start);
            self.leave();
            return Ok(());
        }
        let token = json.deserialize_any(TokenVisitor(scalar::expected(kind)))?;
        scalar::put(&mut self.out, number, kind, &token).map_err(D::Error::custom)
    }

    /// Reads all that is given for a field; says whether the field is set by it.
    pub(super) fn field<D: Deserializer<'de>>(&mut self, field: &'static Field, json: D) -> Result<bool, D::Error> {
        json.deserialize_option(FieldSeed { reader: self, field })
    }

    /// Reads a list or a map.
    pub(super) fn many<D: Deserializer<'de>>(&mut self, field: &'static Field, json: D) -> Result<(), D::Error> {
        match field.kind {
            Kind::Map(map) => json.deserialize_any(MapVisitor { reader: self, map, number: field.number }),
            kind => json.deserialize_any(ListVisitor { reader: self, kind, number: field.number }),
        }
    }

    /// Reads the members of an object into the fields of a message.
    pub(super) fn members<A: MapAccess<'de>>(
        &mut self,
        message: MessageType,
        seen: &mut Seen,
        map: &mut A,
    ) -> Result<(), A::Error> {
        let mut next = 0;
        while let Some(name) = map.next_key_seed(Name)? {
            let Some((place, field)) = message.find(&name, next) else {
                let nearest = nearest(&name, message.fields().iter().map(|field| field.json_name)).map(str::to_owned);
                let problem = format!("is no field of {}{}", message.full_name(), hint(nearest.as_deref()));
                self.path.push(Step::Unknown(name));
                return Err(A::Error::custom(problem));
            };
            next = place + 1;
            self.path.push(Step::Field(field.json_name));
            if !seen.fields.add(place) {
                return Err(A::Error::custom("is given twice"));
            }
            let set = map.next_value_seed(FieldSeed { reader: self, field })?;
            if let Some(oneof) = field.oneof.filter(|oneof| set && !seen.oneofs.add(oneof.index)) {
                return Err(A::Error::custom(format_args!(
                    "is a second member of {}, of which one can be set",
                    oneof.name
                )));
            }
            self.path.pop();
        }
        Ok(())
    }

    fn time<D: Deserializer<'de>>(
        &mut self,
        json: D,
        parse: fn(&str) -> Result<(i64, i32), &'static str>,
    ) -> Result<(), D::Error> {
        let token = json.deserialize_any(TokenVisitor("a string"))?;
        let Token::Text(text) = &token else { return Err(D::Error::custom(token.refused("a string"))) };
        let (seconds, nanos) = parse(text).map_err(D::Error::custom)?;
        wire::put_varint(&mut self.out, 1, seconds.cast_unsigned());
        wire::put_varint(&mut self.out, 2, i64::from(nanos).cast_unsigned());
        Ok(())
    }

    fn field_mask<D: Deserializer<'de>>(&mut self, json: D) -> Result<(), D::Error> {
        let token = json.deserialize_any(TokenVisitor("a string"))?;
        let Token::Text(paths) = &token else { return Err(D::Error::custom(token.refused("a string"))) };
        for path in paths.split(',').filter(|_| !paths.is_empty()) {
            let path = text::strict_snake(path).ok_or("expected paths in lowerCamelCase, separated by commas");
            wire::put_len(&mut self.out, 1, path.map_err(D::Error::custom)?.as_bytes());
        }
        Ok(())
    }

    pub(super) fn enter(&mut self) -> Result<(), &'static str> {
        if self.depth >= DEPTH_LIMIT {
            return Err(TOO_DEEP);
        }
        self.depth += 1;
        Ok(())
    }

    pub(super) fn leave(&mut self) {
        self.depth -= 1;
    }
}

/// What an object has had so far.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) fields: Numbers,
    oneofs: Numbers,
}

/// A set of numbers that is cheap for small ones.
#[derive(Default)]
pub(super) struct Numbers {
    small: u64,
    large: BTreeSet<usize>,
}

impl Numbers {
    /// False when it was there already.
    pub(super) fn add(&mut self, number: usize) -> bool {
        if number >= 64 {
            return self.large.insert(number);
        }
        let before = self.small;
        self.small |= 1 << number;
        self.small != before
    }

    pub(super) fn is_empty(&self) -> bool {
        self.small == 0 && self.large.is_empty()
    }
}
