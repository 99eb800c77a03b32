//! Values as plain text: what a path or a query of HTTP has, where no JSON says what is a number and what is not.

use crate::{
    Field, Kind, MapType, MessageType,
    json::{Token, expected, parse_duration, parse_timestamp, put_key, put_scalar, snake},
    table::WellKnown,
    wire,
};

impl Kind {
    /// Whether plain text can be one value: scalars, enums, and the messages whose JSON is a string, a number or
    /// anything at all.
    pub fn takes_text(self) -> bool {
        match self {
            Self::Message(message) => !matches!(message.well_known(), None | Some(WellKnown::Any | WellKnown::Empty)),
            Self::Map(_) => false,
            _ => true,
        }
    }

    /// Appends one value to a field of this number.
    ///
    /// Numbers, times and durations are written as in JSON, enum values by name or by number, bytes in base64 of either
    /// alphabet, masks as paths separated by commas in JSON or proto names. `Struct`, `Value` and `ListValue` are JSON.
    ///
    /// # Errors
    /// When the text is no value of this kind; says what would be right. Nothing is appended then.
    pub fn put_text(self, number: u32, text: &str, out: &mut Vec<u8>) -> Result<(), String> {
        if let Self::Message(message) = self {
            let value = message.text(text)?;
            wire::put_len(out, number, &value);
            return Ok(());
        }
        let token = match (self, text) {
            (Self::Bool, "true") => Token::Bool(true),
            (Self::Bool, "false") => Token::Bool(false),
            (Self::Enum(_), text) => text.parse().map_or(Token::Text(text.into()), Token::Signed),
            (_, text) => Token::Text(text.into()),
        };
        put_scalar(out, number, self, &token).map_err(|refused| match self {
            Self::Enum(_) => refused,
            _ => format!("expected {}", expected(self)),
        })
    }
}

impl MessageType {
    fn text(self, text: &str) -> Result<Vec<u8>, String> {
        let mut out = Vec::new();
        match (self.well_known(), self.fields().first()) {
            (Some(WellKnown::Timestamp), _) => put_time(&mut out, parse_timestamp(text)?),
            (Some(WellKnown::Duration), _) => put_time(&mut out, parse_duration(text)?),
            (Some(WellKnown::FieldMask), _) => {
                for path in text.split(',').filter(|_| !text.is_empty()) {
                    let path = snake(path).ok_or("expected paths separated by commas")?;
                    wire::put_len(&mut out, 1, path.as_bytes());
                }
            }
            (Some(WellKnown::Wrapper), Some(field)) => field.kind.put_text(field.number, text, &mut out)?,
            (Some(WellKnown::Struct | WellKnown::Value | WellKnown::ListValue), _) => {
                return self.from_json(text).map_err(|fault| fault.to_string());
            }
            _ => return Err(format!("expected nothing, since {} has no form as text", self.full_name())),
        }
        Ok(out)
    }
}

fn put_time(out: &mut Vec<u8>, (seconds, nanos): (i64, i32)) {
    wire::put_varint(out, 1, seconds.cast_unsigned());
    wire::put_varint(out, 2, i64::from(nanos).cast_unsigned());
}

impl MapType {
    /// Appends one entry to a field of this number; see [`Kind::put_text`].
    ///
    /// # Errors
    /// When either text is no key or value of the map. Nothing is appended then.
    pub fn put_text(self, number: u32, key: &str, value: &str, out: &mut Vec<u8>) -> Result<(), String> {
        let mut entry = Vec::new();
        put_key(&mut entry, self.key(), key)?;
        self.value().put_text(2, value, &mut entry)?;
        wire::put_len(out, number, &entry);
        Ok(())
    }
}

impl Field {
    /// The message that its values are.
    pub fn message(&self) -> Option<MessageType> {
        match self.kind {
            Kind::Message(message) => Some(message),
            _ => None,
        }
    }

    /// Whether there may be many values, as a list or as a map.
    pub fn is_many(&self) -> bool {
        self.repeated || matches!(self.kind, Kind::Map(_))
    }
}
