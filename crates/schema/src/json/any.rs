//! `Any`: a message of whatever type its `@type` says.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor, value::MapDeserializer};
use serde_json::{Map, Value};

use super::{
    read::{Reader, Seen, Step},
    visit::{Body, Name},
};
use crate::{MessageType, table::WellKnown, wire};

/// The type that the URL of an `Any` names: what is behind its last slash.
pub(super) fn resolve(any: MessageType, url: &str) -> Option<MessageType> {
    let (_, name) = url.rsplit_once('/')?;
    any.table().schema?.message(name)
}

pub(super) fn unknown(url: &str) -> String {
    format!("has the type {url:?}, which is not a type URL of a known message")
}

/// Reads the object of an `Any` into its two fields.
pub(super) struct AnyVisitor<'r, 'de> {
    pub(super) reader: &'r mut Reader<'de>,
    pub(super) message: MessageType,
}

impl<'de> Visitor<'de> for AnyVisitor<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with \"@type\"")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut before = Map::new();
        while let Some(name) = map.next_key_seed(Name)? {
            if name == "@type" {
                let url = map.next_value_seed(Name)?;
                return self.typed(&url, before, map);
            }
            // What comes before the type can only be understood once the type is known.
            let value = map.next_value_seed(Strict)?;
            if before.insert(name.clone().into_owned(), value).is_some() {
                self.reader.path.push(Step::Unknown(name));
                return Err(A::Error::custom("is given twice"));
            }
        }
        if before.is_empty() { Ok(()) } else { Err(A::Error::custom("\"@type\" is missing")) }
    }
}

impl<'de> AnyVisitor<'_, 'de> {
    fn typed<A: MapAccess<'de>>(self, url: &str, before: Map<String, Value>, map: A) -> Result<(), A::Error> {
        let inner = resolve(self.message, url).ok_or_else(|| A::Error::custom(unknown(url)))?;
        let reader = self.reader;
        wire::put_len(&mut reader.out, 1, url.as_bytes());
        let start = reader.out.len();
        reader.enter().map_err(A::Error::custom)?;
        let mut seen = Seen::default();
        let before = MapDeserializer::new(before.into_iter());
        members(reader, inner, &mut seen, before).map_err(A::Error::custom::<serde_json::Error>)?;
        members(reader, inner, &mut seen, map)?;
        if inner.well_known().is_some_and(|it| it != WellKnown::Empty) && seen.fields.is_empty() {
            return Err(A::Error::custom("\"value\" is missing"));
        }
        reader.leave();
        let value = reader.out.split_off(start);
        let value = inner.canonical_at(&value, reader.depth + 1).map_err(A::Error::custom)?;
        wire::put_len(&mut reader.out, 2, &value);
        Ok(())
    }
}

/// The fields of the message, or its `value` where it has a JSON form of its own.
fn members<'de, A: MapAccess<'de>>(
    reader: &mut Reader<'de>,
    inner: MessageType,
    seen: &mut Seen,
    mut map: A,
) -> Result<(), A::Error> {
    if inner.well_known().is_none() {
        return reader.members(inner, seen, &mut map);
    }
    while let Some(name) = map.next_key_seed(Name)? {
        reader.path.push(Step::Unknown(name.clone()));
        if name != "value" || !seen.fields.add(0) {
            return Err(A::Error::custom("is not expected here; only \"value\" is, and once"));
        }
        map.next_value_seed(Body { reader, message: inner })?;
        reader.path.pop();
    }
    Ok(())
}

/// Any JSON, kept for later; a name that is given twice is refused.
struct Strict;

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(Self)? {
            values.push(value);
        }
        Ok(values.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(name) = map.next_key_seed(Name)? {
            if members.insert(name.clone().into_owned(), map.next_value_seed(Self)?).is_some() {
                return Err(A::Error::custom(format_args!("{name:?} is given twice")));
            }
        }
        Ok(members.into())
    }
}
