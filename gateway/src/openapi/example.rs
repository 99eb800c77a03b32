//! Values that could be meant, by the name and the kind of their field.

use campus_schema::{Field, Kind, MessageType, Schema};
use serde_json::{Map, Value, json};

use super::path::pattern;

/// Deeper messages are left out.
const DEPTH: usize = 4;

/// Whose values they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    /// What a client sends, without what the server sets.
    Request,
    /// What a client sends to a path that has its name already, or makes it.
    Nameless,
    /// What a client gets.
    Reply,
}

/// None where nothing is worth showing.
pub(super) fn message(message: MessageType, of: Of, schema: Schema) -> Option<Value> {
    of_message(message, of, schema, 0)
}

fn object(message: MessageType, of: Of, schema: Schema, depth: usize) -> Value {
    let mut object = Map::new();
    for field in message.fields() {
        let of_client = of != Of::Reply && (field.output_only || matches!(field.name, "etag" | "request_id"));
        let named = of == Of::Nameless && depth == 0 && (field.identifier || field.name.ends_with("_id"));
        // Of a oneof the first is taken.
        let other = field
            .oneof
            .is_some_and(|oneof| message.fields().iter().any(|it| it.oneof == Some(oneof) && it.number < field.number));
        if of_client || named || other {
            continue;
        }
        if let Some(value) = many(message, field, of, schema, depth) {
            object.insert(field.json_name.to_owned(), value);
        }
    }
    Value::Object(object)
}

fn many(message: MessageType, field: &Field, of: Of, schema: Schema, depth: usize) -> Option<Value> {
    if let Kind::Map(map) = field.kind {
        let key = if map.key() == Kind::String { "key" } else { "1" };
        let key = if map.key() == Kind::Bool { "true" } else { key };
        return Some(json!({ key: kind(map.value(), of, schema, depth + 1)? }));
    }
    let value = match field.kind {
        Kind::String => text(field, Some(message), schema)?.into(),
        other => kind(other, of, schema, depth)?,
    };
    Some(if field.repeated { json!([value]) } else { value })
}

/// A value of a kind; none where there is none that is worth showing.
fn kind(kind: Kind, of: Of, schema: Schema, depth: usize) -> Option<Value> {
    Some(match kind {
        Kind::Bool => json!(true),
        Kind::Int64 | Kind::Uint64 | Kind::Sint64 | Kind::Fixed64 | Kind::Sfixed64 => json!("7"),
        Kind::Float | Kind::Double => json!(1.5),
        Kind::String => json!("text"),
        Kind::Bytes => json!("Ynl0ZXM="),
        Kind::Enum(it) => {
            let value = it.values().iter().find(|value| value.number != 0)?;
            json!(value.name)
        }
        Kind::Message(it) => return of_message(it, of, schema, depth + 1),
        Kind::Map(_) => return None,
        _ => json!(7),
    })
}

fn of_message(message: MessageType, of: Of, schema: Schema, depth: usize) -> Option<Value> {
    Some(match message.full_name() {
        "google.protobuf.Timestamp" => json!("2026-01-15T09:30:00Z"),
        "google.protobuf.Duration" => json!("3.500s"),
        "google.protobuf.FieldMask" => json!("name"),
        "google.protobuf.Struct" => json!({ "key": "value" }),
        "google.protobuf.Value" => json!("value"),
        "google.protobuf.ListValue" => json!(["value"]),
        "google.protobuf.Any" => return None,
        "google.rpc.Status" => json!({ "code": 5, "message": "there is no such record" }),
        _ => match wrapped(Kind::Message(message)) {
            Some(value) => return kind(value, of, schema, depth),
            None if depth > DEPTH => return None,
            None => object(message, of, schema, depth),
        },
    })
}

/// A value of a field as a path or a query has it.
pub(super) fn plain(field: &Field, parent: Option<MessageType>, schema: Schema) -> Option<String> {
    match field.kind {
        Kind::String => text(field, parent, schema),
        Kind::Enum(it) => {
            let values = it.values();
            values.iter().find(|value| value.number != 0).or(values.first()).map(|value| value.name.to_owned())
        }
        Kind::Map(_) => None,
        kind => Some(match self::kind(kind, Of::Request, schema, 0)? {
            Value::String(text) if !is_json(kind) => text,
            value => value.to_string(),
        }),
    }
}

/// The same as an example of the document, which is what the schema of the kind describes.
pub(super) fn described(kind: Kind, text: &str) -> Value {
    match wrapped(kind).unwrap_or(kind) {
        Kind::Bool
        | Kind::Int32
        | Kind::Sint32
        | Kind::Sfixed32
        | Kind::Uint32
        | Kind::Fixed32
        | Kind::Float
        | Kind::Double => serde_json::from_str(text).unwrap_or_else(|_| text.into()),
        _ => text.into(),
    }
}

/// What is in a wrapper.
pub(super) fn wrapped(kind: Kind) -> Option<Kind> {
    let Kind::Message(message) = kind else { return None };
    let name = message.full_name();
    let is_wrapper = name.starts_with("google.protobuf.") && name.ends_with("Value") && !is_json(kind);
    message.fields().first().filter(|_| is_wrapper).map(|field| field.kind)
}

/// Whether a path and a query have JSON for it.
pub(super) fn is_json(kind: Kind) -> bool {
    const NAMES: [&str; 3] = ["google.protobuf.Struct", "google.protobuf.Value", "google.protobuf.ListValue"];
    matches!(kind, Kind::Message(message) if NAMES.contains(&message.full_name()))
}

/// A text for a field: what its comment gives as an example, a name of its resource, or what its name says.
pub(super) fn text(field: &Field, parent: Option<MessageType>, schema: Schema) -> Option<String> {
    if let Some(pattern) = pattern(field, parent, schema) {
        let part = |part: &str| if part.starts_with('{') { "10001".to_owned() } else { part.to_owned() };
        return Some(pattern.split('/').map(part).collect::<Vec<_>>().join("/"));
    }
    if let Some(example) = of_comment(field, parent, schema) {
        return Some(example.to_owned());
    }
    Some(
        match field.name {
            "given_name" | "first_name" => "Ada",
            "family_name" | "last_name" => "Lovelace",
            "name" | "display_name" => "Ada Lovelace",
            "email" => "ada.lovelace@campus.example",
            "birth_date" => "1985-12-10",
            "number" | "phone" | "phone_number" => "+49 30 1234567",
            "etag" => "1f8c2b7a90d3e645",
            "city" => "London",
            "street" => "12 St James's Square",
            // Only a server can make one.
            "page_token" | "next_page_token" => return None,
            "resume_token" => "AQIDBAUG",
            name if name.ends_with("_date") => "2015-09-01",
            name if name.ends_with("_id") => "10001",
            _ => "text",
        }
        .to_owned(),
    )
}

/// What stands between backticks behind "for example".
pub(super) fn of_comment(field: &Field, parent: Option<MessageType>, schema: Schema) -> Option<&'static str> {
    let comment = schema.comment(&format!("{}.{}", parent?.full_name(), field.name))?;
    let (_, behind) = comment.split_once("for example")?;
    let (_, example) = behind.split_once('`').filter(|(between, _)| between.trim_ascii().is_empty())?;
    let (example, _) = example.split_once('`')?;
    Some(example).filter(|example| !example.contains('\n'))
}
