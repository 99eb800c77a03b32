//! Messages as JSON Schema (2020-12), as their ProtoJSON is.

use std::collections::{BTreeMap, BTreeSet};

use campus_schema::{EnumType, Field, Kind, MessageType, Schema};
use serde_json::{Map, Value, json};

use super::{example, reference};

/// The schemas that a document needs.
pub(super) struct Schemas {
    pub(super) schema: Schema,
    known: BTreeSet<&'static str>,
    /// Messages that are referred to and not described yet.
    messages: Vec<MessageType>,
    done: BTreeMap<String, Value>,
}

impl Schemas {
    pub(super) fn new(schema: Schema) -> Self {
        Self { schema, known: BTreeSet::new(), messages: Vec::new(), done: BTreeMap::new() }
    }

    /// All that were referred to, by name.
    pub(super) fn finish(mut self) -> BTreeMap<String, Value> {
        while let Some(message) = self.messages.pop() {
            let described = self.object(message);
            self.done.insert(message.full_name().to_owned(), described);
        }
        self.done
    }

    /// All values of a field.
    pub(super) fn field(&mut self, field: &Field) -> Value {
        let one = self.kind(field.kind);
        if field.repeated { json!({ "type": "array", "items": one }) } else { one }
    }

    /// All values of a field as a path or a query has them: a wrapper is its value there, and JSON is a text.
    pub(super) fn parameter(&mut self, field: &Field) -> Value {
        let one = match field.kind {
            kind if example::is_json(kind) => json!({ "type": "string", "contentMediaType": "application/json" }),
            kind => self.kind(example::wrapped(kind).unwrap_or(kind)),
        };
        if field.repeated { json!({ "type": "array", "items": one }) } else { one }
    }

    /// A message, by reference unless it has a form of its own.
    pub(super) fn message(&mut self, message: MessageType) -> Value {
        if let Some(known) = self.well_known(message) {
            return known;
        }
        if self.known.insert(message.full_name()) {
            self.messages.push(message);
        }
        reference(message.full_name())
    }

    fn kind(&mut self, kind: Kind) -> Value {
        match kind {
            Kind::Bool => json!({ "type": "boolean" }),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => {
                json!({ "type": "integer", "format": "int32", "minimum": i32::MIN, "maximum": i32::MAX })
            }
            Kind::Uint32 | Kind::Fixed32 => {
                json!({ "type": "integer", "format": "uint32", "minimum": 0, "maximum": u32::MAX })
            }
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => {
                json!({ "type": "string", "format": "int64", "pattern": "^-?[0-9]{1,18}$" })
            }
            Kind::Uint64 | Kind::Fixed64 => {
                json!({ "type": "string", "format": "uint64", "pattern": "^[0-9]{1,19}$" })
            }
            Kind::Float | Kind::Double => {
                let format = if kind == Kind::Float { "float" } else { "double" };
                json!({ "oneOf": [
                    { "type": "number", "format": format },
                    { "type": "string", "enum": ["NaN", "Infinity", "-Infinity"] },
                ]})
            }
            Kind::String => json!({ "type": "string" }),
            Kind::Bytes => json!({ "type": "string", "contentEncoding": "base64" }),
            Kind::Enum(it) => self.enumeration(it),
            Kind::Message(message) => self.message(message),
            Kind::Map(map) => json!({ "type": "object", "additionalProperties": self.kind(map.value()) }),
        }
    }

    fn enumeration(&mut self, it: EnumType) -> Value {
        if self.known.insert(it.full_name()) {
            let names: Vec<&str> = it.values().iter().map(|value| value.name).collect();
            let mut text = self.schema.comment(it.full_name()).unwrap_or_default().to_owned();
            for value in it.values() {
                if let Some(comment) = self.schema.comment(&format!("{}.{}", it.full_name(), value.name)) {
                    text.push_str(&format!("\n- `{}`: {}", value.name, comment.replace('\n', " ")));
                }
            }
            let described = json!({ "type": "string", "enum": names, "description": text.trim() });
            self.done.insert(it.full_name().to_owned(), described);
        }
        reference(it.full_name())
    }

    fn object(&mut self, message: MessageType) -> Value {
        let mut properties = Map::new();
        for field in message.fields() {
            let mut described = self.field(field);
            if let Some(object) = described.as_object_mut() {
                let comment = self.schema.comment(&format!("{}.{}", message.full_name(), field.name));
                object.extend(comment.map(|comment| ("description".to_owned(), comment.into())));
                object.extend(field.output_only.then(|| ("readOnly".to_owned(), true.into())));
            }
            properties.insert(field.json_name.to_owned(), described);
        }
        let mut object = json!({ "type": "object", "properties": properties, "additionalProperties": false });
        if let (Some(comment), Some(object)) = (self.schema.comment(message.full_name()), object.as_object_mut()) {
            object.insert("description".to_owned(), comment.into());
        }
        object
    }

    /// The messages that ProtoJSON has a form of its own for.
    fn well_known(&mut self, message: MessageType) -> Option<Value> {
        let name = message.full_name().strip_prefix("google.protobuf.")?;
        Some(match name {
            "Timestamp" => json!({ "type": "string", "format": "date-time" }),
            "Duration" => json!({ "type": "string", "pattern": "^-?[0-9]{1,12}(\\.[0-9]{1,9})?s$" }),
            "FieldMask" => {
                json!({ "type": "string", "description": "Paths of fields, separated by commas." })
            }
            "Struct" => json!({ "type": "object" }),
            "Value" => json!({}),
            "ListValue" => json!({ "type": "array" }),
            "Empty" => json!({ "type": "object", "additionalProperties": false }),
            "Any" => json!({
                "type": "object",
                "properties": { "@type": { "type": "string" } },
                "description": "A message of any type; `@type` says which.",
            }),
            _ if name.ends_with("Value") => {
                let field = message.fields().first()?;
                json!({ "anyOf": [self.kind(field.kind), { "type": "null" }] })
            }
            _ => return None,
        })
    }
}
