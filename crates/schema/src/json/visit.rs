//! The visitors through which serde hands over the JSON: each passes what it gets on to the [`Reader`].

use std::{borrow::Cow, collections::HashSet, fmt};

use serde::de::{
    DeserializeSeed, Deserializer, Error, IntoDeserializer, MapAccess, SeqAccess, Visitor,
    value::{MapAccessDeserializer, SeqAccessDeserializer, UnitDeserializer},
};

use super::{
    read::{Reader, Seen, Step},
    scalar::{self, NULL_VALUE, Token, TokenVisitor},
};
use crate::{Field, Kind, MapType, MessageType, table::WellKnown, wire};

/// A member name, borrowed from the text where it has no escapes.
pub(super) struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Cow<'de, str>, D::Error> {
        match json.deserialize_str(TokenVisitor("a string"))? {
            Token::Text(name) => Ok(name),
            token => Err(D::Error::custom(token.refused("a string"))),
        }
    }
}

/// The message itself, without a tag.
pub(super) struct Body<'r, 'de> {
    pub(super) reader: &'r mut Reader<'de>,
    pub(super) message: MessageType,
}

impl<'de> DeserializeSeed<'de> for Body<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        self.reader.body(self.message, json)
    }
}

/// One value of a list or map.
struct Single<'r, 'de> {
    reader: &'r mut Reader<'de>,
    kind: Kind,
    number: u32,
}

impl<'de> DeserializeSeed<'de> for Single<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        self.reader.single(self.kind, self.number, json)
    }
}

/// All that is given for a field; says whether the field is set by it.
pub(super) struct FieldSeed<'r, 'de> {
    pub(super) reader: &'r mut Reader<'de>,
    pub(super) field: &'static Field,
}

impl<'de> DeserializeSeed<'de> for FieldSeed<'_, 'de> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<bool, D::Error> {
        json.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for FieldSeed<'_, 'de> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(scalar::expected(self.field.kind))
    }

    fn visit_none<E: Error>(self) -> Result<bool, E> {
        let null_is_a_value = match self.field.kind {
            Kind::Enum(it) => it.full_name() == NULL_VALUE,
            Kind::Message(it) => it.well_known() == Some(WellKnown::Value),
            _ => false,
        };
        if null_is_a_value && !self.field.repeated {
            self.reader.single(self.field.kind, self.field.number, UnitDeserializer::new())?;
            return Ok(true);
        }
        Ok(false)
    }

    fn visit_unit<E: Error>(self) -> Result<bool, E> {
        self.visit_none()
    }

    fn visit_some<D: Deserializer<'de>>(self, json: D) -> Result<bool, D::Error> {
        if self.field.repeated || matches!(self.field.kind, Kind::Map(_)) {
            self.reader.many(self.field, json)?;
        } else {
            self.reader.single(self.field.kind, self.field.number, json)?;
        }
        Ok(true)
    }
}

pub(super) struct ObjectVisitor<'r, 'de> {
    pub(super) reader: &'r mut Reader<'de>,
    pub(super) message: MessageType,
}

impl<'de> Visitor<'de> for ObjectVisitor<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.reader.members(self.message, &mut Seen::default(), &mut map)
    }
}

pub(super) struct ListVisitor<'r, 'de> {
    pub(super) reader: &'r mut Reader<'de>,
    pub(super) kind: Kind,
    pub(super) number: u32,
}

impl<'de> Visitor<'de> for ListVisitor<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Self { reader, kind, number } = self;
        for index in 0.. {
            reader.path.push(Step::Index(index));
            let item = list.next_element_seed(Single { reader, kind, number })?;
            reader.path.pop();
            if item.is_none() {
                break;
            }
        }
        Ok(())
    }
}

pub(super) struct MapVisitor<'r, 'de> {
    pub(super) reader: &'r mut Reader<'de>,
    pub(super) map: MapType,
    pub(super) number: u32,
}

impl<'de> Visitor<'de> for MapVisitor<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { reader, map: of, number } = self;
        let mut keys = HashSet::new();
        reader.enter().map_err(A::Error::custom)?;
        while let Some(name) = map.next_key_seed(Name)? {
            reader.path.push(Step::Key(name.clone()));
            let start = wire::begin(&mut reader.out, number);
            scalar::put_key(&mut reader.out, of.key(), &name).map_err(A::Error::custom)?;
            if !keys.insert(name) {
                return Err(A::Error::custom("is given twice"));
            }
            map.next_value_seed(Single { reader, kind: of.value(), number: 2 })?;
            wire::finish(&mut reader.out, start);
            reader.path.pop();
        }
        reader.leave();
        Ok(())
    }
}

/// `google.protobuf.Value`: any JSON at all.
pub(super) struct ValueVisitor<'r, 'de> {
    pub(super) reader: &'r mut Reader<'de>,
    pub(super) message: MessageType,
}

impl<'de> ValueVisitor<'_, 'de> {
    fn put<D: Deserializer<'de>>(self, number: u32, json: D) -> Result<(), D::Error> {
        let field = self.message.field_by_number(number).ok_or_else(|| D::Error::custom("has no such form here"))?;
        self.reader.single(field.kind, number, json)
    }
}

impl<'de> Visitor<'de> for ValueVisitor<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.put(1, UnitDeserializer::new())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.put(2, value.into_deserializer())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.put(2, value.into_deserializer())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.put(2, value.into_deserializer())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.put(3, value.into_deserializer())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.put(4, value.into_deserializer())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        self.put(5, MapAccessDeserializer::new(map))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<(), A::Error> {
        self.put(6, SeqAccessDeserializer::new(list))
    }
}
