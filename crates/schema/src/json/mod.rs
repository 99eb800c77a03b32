//! ProtoJSON, straight from and to wire bytes.
//!
//! Source: <https://protobuf.dev/programming-guides/json/>.

mod any;
mod read;
mod scalar;
mod text;
mod time;
mod visit;
mod write;

pub(crate) use text::quote;

use serde_json::{Deserializer, Value};

use crate::{JsonError, Malformed, MessageType};

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
        let start = out.len();
        let canonical = self.canonical_at(message, 0)?;
        let written = write::Writer::new(options, out).message(self, &canonical, 0);
        if written.is_err() {
            out.truncate(start);
        }
        written
    }

    /// Reads a message from JSON; the result is canonical.
    ///
    /// Fields are found by JSON name and by proto name. Unknown and repeated names and a second member of a oneof are
    /// refused; `null` is unset.
    ///
    /// # Errors
    /// When the text is not JSON or not of this message; says where, and what would be right.
    pub fn from_json(self, text: &str) -> Result<Vec<u8>, JsonError> {
        let mut json = Deserializer::from_str(text);
        read::read(self, |reader| {
            reader.body(self, &mut json)?;
            json.end()
        })
    }

    /// Reads a message from JSON that is parsed already; errors have no line and column.
    ///
    /// # Errors
    /// As [`Self::from_json`].
    pub fn from_json_value(self, value: &Value) -> Result<Vec<u8>, JsonError> {
        read::read(self, |reader| reader.body(self, value))
    }
}
