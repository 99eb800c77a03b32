//! ProtoJSON, straight from and to wire bytes.
//!
//! Source: <https://protobuf.dev/programming-guides/json/>.

mod any;
mod known;
mod many;
mod paths;
mod read;
mod scalar;
mod text;
mod time;
mod visit;
mod write;

pub(crate) use {
    scalar::{Token, expected, put as put_scalar, put_key},
    text::{quote, snake},
    time::{parse_duration, parse_timestamp},
};

use serde_json::{Deserializer, Value};

use crate::{Field, JsonError, Malformed, MessageType};

/// How JSON is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JsonOptions {
    /// Write fields without presence even at their default.
    pub emit_defaults: bool,
    /// Write enums without presence even at zero, where zero is a kind like others and not called unspecified.
    pub zero_enums: bool,
    /// Spaces a level for people to read; `None` writes no white space at all.
    pub indent: Option<usize>,
    /// Write numbers instead of names of enum values.
    pub enum_numbers: bool,
    /// Write the names of the proto file instead of `lowerCamelCase`.
    pub proto_names: bool,
}

impl MessageType {
    /// Appends the message as JSON, its fields by number. Unknown fields have no JSON form and are left out.
    ///
    /// # Errors
    /// When the bytes are no encoding of this message, or hold what JSON cannot: a time out of range, an `Any` of a type
    /// that the descriptors do not know. Nothing is appended then.
    pub fn to_json(self, message: &[u8], options: &JsonOptions, out: &mut String) -> Result<(), Malformed> {
        write::write(self, message, options, out, |writer, bytes| writer.message(self, bytes, 0))
    }

    /// Appends the JSON of the value that a field of this message has. Where it is not set that is its default, `{}` for a
    /// message, or `null` where the default means something else.
    ///
    /// # Errors
    /// As [`Self::to_json`]. Nothing is appended then.
    pub fn field_to_json(
        self,
        field: &Field,
        message: &[u8],
        options: &JsonOptions,
        out: &mut String,
    ) -> Result<(), Malformed> {
        write::write(self, message, options, out, |writer, bytes| writer.only(field, bytes, 0))
    }

    /// Reads a message from JSON; the result is canonical.
    ///
    /// Fields are found by JSON name and by proto name. Unknown and repeated names and a second member of a oneof are
    /// refused; `null` is unset.
    ///
    /// # Errors
    /// When the text is not JSON or not of this message; says where, and what would be right.
    pub fn from_json(self, text: &str) -> Result<Vec<u8>, JsonError> {
        let mut out = Vec::new();
        self.read_json(text, &mut out)?;
        read::canonical(self, &out)
    }

    /// Appends the fields of a message from JSON, in the order of the text.
    ///
    /// # Errors
    /// As [`Self::from_json`]. Nothing is appended then.
    pub fn read_json(self, text: &str, out: &mut Vec<u8>) -> Result<(), JsonError> {
        let mut json = Deserializer::from_str(text);
        read::append(out, |reader| {
            reader.body(self, &mut json)?;
            json.end()
        })
    }

    /// The paths of a field mask that a JSON object sets or clears, the innermost ones: a list, a map, `null`, an empty
    /// object and a message with a JSON form of its own are one path as a whole. What is no field is passed over.
    pub fn json_paths(self, text: &str) -> Vec<String> {
        let mut paths = Vec::new();
        paths::paths(self, &mut Deserializer::from_str(text), &mut paths);
        paths
    }

    /// Reads a message from JSON that is parsed already; errors have no line and column.
    ///
    /// # Errors
    /// As [`Self::from_json`].
    pub fn from_json_value(self, value: &Value) -> Result<Vec<u8>, JsonError> {
        let mut out = Vec::new();
        read::append(&mut out, |reader| reader.body(self, value))?;
        read::canonical(self, &out)
    }
}

impl Field {
    /// Appends this field from the JSON of its value; `null` is unset.
    ///
    /// # Errors
    /// As [`MessageType::from_json`]; paths begin inside of the field. Nothing is appended then.
    pub fn read_json(&'static self, text: &str, out: &mut Vec<u8>) -> Result<(), JsonError> {
        let mut json = Deserializer::from_str(text);
        read::append(out, |reader| {
            reader.field(self, &mut json)?;
            json.end()
        })
    }
}
