//! Reading single fields and leaving fields out, without a copy of the rest.

use crate::{
    Malformed, MessageType, Value,
    value::items,
    wire::{Parts, WireValue},
};

impl MessageType {
    /// The value of one field, or `None` when it is not set; also for a number that is no field.
    ///
    /// The last one wins where there are several: of a list, the last item. A message that was sent in pieces is only
    /// whole in [canonical](Self::canonical) bytes.
    ///
    /// # Errors
    /// When the bytes are no fields, or this field is not of its kind.
    pub fn get<'a>(self, message: &'a [u8], number: u32) -> Result<Option<Value<'a>>, Malformed> {
        let Some(field) = self.field_by_number(number) else { return Ok(None) };
        let mut found = None;
        for part in Parts::new(message) {
            let (at, value, _) = part?;
            if at == number {
                found = Some(value);
            }
        }
        let Some(wire) = found else { return Ok(None) };
        if let (true, WireValue::Len(run)) = (field.repeated, wire)
            && field.kind.is_packable()
        {
            let last = items(field.kind, run).last().transpose();
            return last
                .and_then(|item| item.map(|item| Value::of(field.kind, item)).transpose())
                .map_err(|reason| Malformed::from(reason).inside(field.name));
        }
        Value::of(field.kind, wire).map(Some).map_err(|reason| Malformed::from(reason).inside(field.name))
    }

    /// The message without some of its own fields.
    ///
    /// # Errors
    /// When the bytes are no fields.
    pub fn without(self, message: &[u8], numbers: &[u32]) -> Result<Vec<u8>, Malformed> {
        let mut out = Vec::with_capacity(message.len());
        for part in Parts::new(message) {
            let (number, _, raw) = part?;
            if !numbers.contains(&number) {
                out.extend_from_slice(raw);
            }
        }
        Ok(out)
    }
}
