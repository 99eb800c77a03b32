//! A field of the request, which may be inside of other messages.

use std::{convert::Infallible, fmt};

use campus_schema::{Field, Kind, MessageType, Value, nearest, wire};

use super::Bound;

/// The way to a field from the request: the messages it is inside of, and the field itself.
#[derive(Clone, Debug)]
pub struct FieldPath {
    inside: Vec<&'static Field>,
    leaf: &'static Field,
}

impl FieldPath {
    pub(super) fn new(inside: Vec<&'static Field>, leaf: &'static Field) -> Self {
        Self { inside, leaf }
    }

    /// A field that a path template names.
    ///
    /// # Errors
    /// When there is none, or when a path cannot hold it.
    pub(crate) fn of_template(message: MessageType, path: &str) -> Result<Self, String> {
        let mut names = path.split('.');
        let mut inside = Vec::new();
        let mut here = message;
        loop {
            let name = names.next().unwrap_or_default();
            let Some(field) = here.field(name).filter(|field| field.name == name) else {
                let nearest = nearest(name, here.fields().iter().map(|field| field.name));
                let nearest = nearest.map_or_else(String::new, |nearest| format!("; did you mean {nearest:?}?"));
                return Err(format!("{path:?} is no field of {}{nearest}", message.full_name()));
            };
            if field.is_many() {
                return Err(format!("{path:?} has many values, for which a path has no form"));
            }
            if names.clone().next().is_none() {
                let text = field.kind.takes_text();
                return if text { Ok(Self::new(inside, field)) } else { Err(format!("{path:?} is a message")) };
            }
            here = field.message().ok_or_else(|| format!("{path:?} leads into a field that is no message"))?;
            inside.push(field);
        }
    }

    /// The field itself.
    pub fn leaf(&self) -> &'static Field {
        self.leaf
    }

    /// The fields on the way to it, the outermost first.
    pub fn inside(&self) -> &[&'static Field] {
        &self.inside
    }

    /// The numbers of the fields, the outermost first.
    pub(super) fn numbers(&self) -> impl Iterator<Item = u32> {
        self.inside.iter().copied().chain([self.leaf]).map(|field| field.number)
    }

    pub(super) fn put(&self, text: &str, bound: &mut Bound) -> Result<(), String> {
        self.put_with(bound, |leaf, out| leaf.kind.put_text(leaf.number, text, out))
    }

    pub(super) fn put_entry(&self, key: &str, text: &str, bound: &mut Bound) -> Result<(), String> {
        self.put_with(bound, |leaf, out| match leaf.kind {
            Kind::Map(map) => map.put_text(leaf.number, key, text, out),
            _ => Err("is no map".to_owned()),
        })
    }

    fn put_with(
        &self,
        bound: &mut Bound,
        write: impl FnOnce(&Field, &mut Vec<u8>) -> Result<(), String>,
    ) -> Result<(), String> {
        if self.inside.is_empty() {
            return write(self.leaf, &mut bound.wire);
        }
        let mut value = Vec::new();
        write(self.leaf, &mut value)?;
        bound.nested += 1;
        wrap(&self.inside, &value, &mut bound.wire);
        Ok(())
    }

    /// What a message has in the field; nothing when it has the default and no presence.
    pub(super) fn get<'a>(&self, message: MessageType, bytes: &'a [u8]) -> Option<Value<'a>> {
        let (mut here, mut bytes) = (message, bytes);
        for field in &self.inside {
            let Ok(Some(Value::Message(inner))) = here.get(bytes, field.number) else { return None };
            (here, bytes) = (field.message()?, inner);
        }
        let value = here.get(bytes, self.leaf.number).ok().flatten();
        value.filter(|value| self.leaf.presence || !value.is_default())
    }
}

fn wrap(inside: &[&Field], value: &[u8], out: &mut Vec<u8>) {
    let Some((first, rest)) = inside.split_first() else {
        out.extend_from_slice(value);
        return;
    };
    let Ok(()) = wire::put_nested(out, first.number, |out| {
        wrap(rest, value, out);
        Ok::<(), Infallible>(())
    });
}

/// In proto names, with points between.
impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for field in &self.inside {
            write!(f, "{}.", field.name)?;
        }
        f.write_str(self.leaf.name)
    }
}
