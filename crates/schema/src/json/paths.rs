//! Which fields a JSON object speaks of, as the paths of a field mask.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::visit::Name;
use crate::{MessageType, table::WellKnown};

/// Appends the paths of the fields that a text sets or clears, the innermost ones that a mask can name.
///
/// A list, a map, `null`, an empty object and a message with a JSON form of its own are one path as a whole.
pub(super) fn paths<'de, D: Deserializer<'de>>(message: MessageType, json: D, out: &mut Vec<String>) {
    let mut prefix = String::new();
    // What cannot be read has been refused before.
    let _ = json.deserialize_any(Members { message, prefix: &mut prefix, out });
}

struct Members<'a> {
    message: MessageType,
    prefix: &'a mut String,
    out: &'a mut Vec<String>,
}

impl<'de> DeserializeSeed<'de> for Members<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<bool, D::Error> {
        json.deserialize_any(self)
    }
}

/// The value says whether there was a member, so that the paths of the fields inside stand for the whole.
impl<'de> Visitor<'de> for Members<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let Self { message, prefix, out } = self;
        let mut any = false;
        while let Some(name) = map.next_key_seed(Name)? {
            any = true;
            let Some(field) = message.field(&name) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let before = prefix.len();
            if before > 0 {
                prefix.push('.');
            }
            prefix.push_str(field.name);
            let inner = field.message().filter(|inner| !field.repeated && is_object(*inner));
            let inside = match inner {
                Some(message) => map.next_value_seed(Members { message, prefix, out })?,
                None => map.next_value::<IgnoredAny>().map(|_| false)?,
            };
            if !inside {
                out.push(prefix.clone());
            }
            prefix.truncate(before);
        }
        Ok(any)
    }
}

fn is_object(message: MessageType) -> bool {
    message.well_known().is_none_or(|it| it == WellKnown::Empty)
}
