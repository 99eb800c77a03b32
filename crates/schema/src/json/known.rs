//! Writes the messages whose JSON is not an object of their fields.

use super::{
    any, text, time,
    write::{Stop, Writer, Written},
};
use crate::{
    Kind, Malformed, MessageType, Value,
    table::WellKnown,
    value::default_of,
    wire::{Parts, WireValue},
};

impl Writer<'_> {
    pub(super) fn known(&mut self, known: WellKnown, message: MessageType, bytes: &[u8], depth: usize) -> Written {
        match known {
            WellKnown::Any => self.any(message, bytes, depth),
            WellKnown::Timestamp => self.time(bytes, time::write_timestamp),
            WellKnown::Duration => self.time(bytes, time::write_duration),
            WellKnown::FieldMask => self.field_mask(bytes),
            // Their one field is their JSON.
            WellKnown::Struct | WellKnown::ListValue => {
                message.fields().first().map_or(Ok(()), |field| self.only(field, bytes, depth))
            }
            WellKnown::Value => self.dynamic(message, bytes, depth),
            WellKnown::Wrapper => self.wrapped(message, bytes),
            WellKnown::Empty => self.message(message, bytes, depth),
        }
    }

    fn time(&mut self, bytes: &[u8], write: fn(i64, i64, &mut String) -> Result<(), &'static str>) -> Written {
        let (mut seconds, mut nanos) = (0, 0);
        for part in Parts::new(bytes) {
            match part? {
                (1, value, _) => seconds = signed(Kind::Int64, value).map_err(|stop| stop.inside("seconds"))?,
                (2, value, _) => nanos = signed(Kind::Int32, value).map_err(|stop| stop.inside("nanos"))?,
                _ => {}
            }
        }
        self.out.push('"');
        write(seconds, nanos, self.out)?;
        self.out.push('"');
        Ok(())
    }

    fn field_mask(&mut self, bytes: &[u8]) -> Written {
        let mut paths = String::new();
        for part in Parts::new(bytes) {
            let (1, value, _) = part? else { continue };
            let Value::Str(path) = Value::of(Kind::String, value)? else { continue };
            if !paths.is_empty() {
                paths.push(',');
            }
            if !text::camel(&mut paths, path) {
                return Err("has a path that has no lowerCamelCase form".into());
            }
        }
        text::quote(self.out, &paths);
        Ok(())
    }

    fn wrapped(&mut self, message: MessageType, bytes: &[u8]) -> Written {
        let Some(field) = message.fields().first() else { return Ok(()) };
        let value = message.get(bytes, field.number)?;
        let value = value.map_or_else(|| Value::of(field.kind, default_of(field.kind)), Ok)?;
        self.value(field.kind, value, 0)
    }

    /// `Value`: one of its fields, or none, which is `null` as well.
    fn dynamic(&mut self, message: MessageType, bytes: &[u8], depth: usize) -> Written {
        let mut set = None;
        for part in Parts::nested(bytes, depth) {
            let (number, value, _) = part?;
            let Some(field) = message.field_by_number(number) else { continue };
            if set.replace((field, value)).is_some() {
                return Err(Stop::Disorder);
            }
        }
        let Some((field, value)) = set else {
            self.out.push_str("null");
            return Ok(());
        };
        let value = Value::of(field.kind, value).map_err(|reason| Stop::from(reason).inside(field.name))?;
        if matches!(value, Value::F64(number) if !number.is_finite()) {
            return Err(Malformed::from("is not finite, which JSON has no number for").inside(field.name).into());
        }
        self.value(field.kind, value, depth).map_err(|stop| stop.inside(field.name))
    }

    fn any(&mut self, message: MessageType, bytes: &[u8], depth: usize) -> Written {
        let url = match message.get(bytes, 1)? {
            Some(Value::Str(url)) => url,
            _ if bytes.is_empty() => {
                self.out.push_str("{}");
                return Ok(());
            }
            _ => "",
        };
        let inner = any::resolve(message, url).ok_or_else(|| any::unknown(url)).map_err(Malformed::new)?;
        let Some(Value::Bytes(value)) = message.get(bytes, 2)?.or(Some(Value::Bytes(&[]))) else { return Ok(()) };
        let before = (self.out.len(), self.level);
        match self.typed(url, inner, value, depth + 1) {
            // What is in an `Any` is bytes to the message around, so it is put in order here.
            Err(Stop::Disorder) => {
                self.out.truncate(before.0);
                self.level = before.1;
                let value = inner.canonical_at(value, depth + 1).map_err(|fault| fault.inside("value"))?;
                self.typed(url, inner, &value, depth + 1)
            }
            written => written,
        }
    }

    fn typed(&mut self, url: &str, inner: MessageType, value: &[u8], depth: usize) -> Written {
        let mut list = self.open('{');
        self.item(&mut list);
        self.name("@type");
        text::quote(self.out, url);
        if inner.well_known().is_some() {
            self.item(&mut list);
            self.name("value");
            self.message(inner, value, depth)?;
        } else {
            self.members(inner, value, depth, &mut list).map_err(|stop| stop.inside("value"))?;
        }
        self.close(&list, '}');
        Ok(())
    }
}

fn signed(kind: Kind, value: WireValue<'_>) -> Result<i64, Stop> {
    Ok(if let Value::I64(value) = Value::of(kind, value)? { value } else { 0 })
}
