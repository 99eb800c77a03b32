//! Writes lists and maps.

use super::{
    text,
    write::{Stop, Writer, Written, fault},
};
use crate::{
    DEPTH_LIMIT, Field, Kind, MapType, Value,
    canonical::{Key, TOO_DEEP},
    value::{default_of, items},
    wire::{Parts, WireValue},
};

impl Writer<'_> {
    pub(super) fn list(
        &mut self,
        field: &Field,
        kind: Kind,
        first: WireValue<'_>,
        rest: &mut Parts<'_>,
        depth: usize,
    ) -> Written {
        let mut list = self.open('[');
        let mut index = 0;
        let mut next = Some(first);
        while let Some(value) = next {
            match value {
                // No value at all: canonical bytes would not have the field.
                WireValue::Len([]) if kind.is_packable() => return Err(Stop::Disorder),
                WireValue::Len(run) if kind.is_packable() => {
                    for item in items(kind, run) {
                        self.item(&mut list);
                        let item = item.and_then(|item| Value::of(kind, item)).map_err(|it| fault(it, field))?;
                        self.value(kind, item, depth)?;
                    }
                }
                value => {
                    self.item(&mut list);
                    let value = Value::of(kind, value).map_err(|it| Stop::from(it).within(field, index))?;
                    self.value(kind, value, depth).map_err(|stop| stop.within(field, index))?;
                    index += 1;
                }
            }
            next = another(rest, field)?;
        }
        self.close(&list, ']');
        Ok(())
    }

    pub(super) fn map(
        &mut self,
        field: &Field,
        map: MapType,
        first: WireValue<'_>,
        rest: &mut Parts<'_>,
        depth: usize,
    ) -> Written {
        let mut list = self.open('{');
        let mut next = Some(first);
        let mut last = None;
        let mut index = 0;
        while let Some(entry) = next {
            self.item(&mut list);
            let key = self.entry(map, entry, last, depth + 1).map_err(|stop| stop.within(field, index))?;
            last = Some(key);
            index += 1;
            next = another(rest, field)?;
        }
        self.close(&list, '}');
        Ok(())
    }

    fn entry<'v>(
        &mut self,
        map: MapType,
        entry: WireValue<'v>,
        last: Option<Key<'v>>,
        depth: usize,
    ) -> Result<Key<'v>, Stop> {
        let Value::Message(entry) = Value::of(Kind::Map(map), entry)? else { return Err(Stop::Disorder) };
        if depth > DEPTH_LIMIT {
            return Err(TOO_DEEP.into());
        }
        let (mut key, mut value) = (None, None);
        for part in Parts::nested(entry, depth) {
            let side = match part? {
                (1, it, _) => key.replace(it),
                (2, it, _) => value.replace(it),
                _ => None,
            };
            if side.is_some() {
                return Err(Stop::Disorder);
            }
        }
        let key =
            Value::of(map.key(), key.unwrap_or(default_of(map.key()))).map_err(|it| Stop::from(it).inside("key"))?;
        let value = value.unwrap_or(default_of(map.value()));
        let value = Value::of(map.value(), value).map_err(|it| Stop::from(it).inside("value"))?;
        match key {
            Value::Str(key) => text::quote(self.out, key),
            key => {
                self.out.push('"');
                self.value(Kind::Bool, key, depth)?;
                self.out.push('"');
            }
        }
        self.out.push_str(if self.options.indent.is_some() { ": " } else { ":" });
        let key = Key::of_value(key).ok_or(Stop::Disorder)?;
        if last.is_some_and(|last| last >= key) {
            return Err(Stop::Disorder);
        }
        self.value(map.value(), value, depth).map_err(|stop| stop.inside("value"))?;
        Ok(key)
    }
}

/// The next value of a field, if it stands right here.
fn another<'a>(rest: &mut Parts<'a>, field: &Field) -> Result<Option<WireValue<'a>>, Stop> {
    if rest.number() != Some(field.number) {
        return Ok(None);
    }
    Ok(rest.next().transpose()?.map(|(_, value, _)| value))
}
