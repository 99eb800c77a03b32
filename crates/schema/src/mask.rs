//! Field masks: which fields to read (AIP-157), which to write (AIP-134).

use std::collections::BTreeMap;

use crate::{
    DEPTH_LIMIT, Kind, Malformed, MessageType, UnknownPath, nearest,
    wire::{self, Parts, WireValue},
};

/// Some of the fields of a message, or all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mask(
    /// By number, with what is meant inside of it; `None` is everything.
    Option<BTreeMap<u32, Mask>>,
);

impl Mask {
    /// Every field, the unknown ones included.
    pub fn all() -> Self {
        Self(None)
    }

    fn nothing() -> Self {
        Self(Some(BTreeMap::new()))
    }

    /// Reads paths such as `create_time.seconds`, in proto or JSON names. None at all and `*` mean every field.
    ///
    /// # Errors
    /// When a path leads to no field, or through a list or a map, which a path can only end at.
    pub fn parse<P: AsRef<str>>(message: MessageType, paths: impl IntoIterator<Item = P>) -> Result<Self, UnknownPath> {
        let mut paths = paths.into_iter().peekable();
        let mut mask = if paths.peek().is_some() { Self::nothing() } else { Self::all() };
        for path in paths {
            match path.as_ref() {
                "*" => mask = Self::all(),
                path => mask.add(&numbers(message, path)?),
            }
        }
        Ok(mask)
    }

    /// The fields that are set in a message: what AIP-134 takes for the mask of an update that has none.
    ///
    /// # Errors
    /// When the bytes are no fields.
    pub fn of_set_fields(message: MessageType, bytes: &[u8]) -> Result<Self, Malformed> {
        let mut mask = Self::nothing();
        for part in Parts::new(bytes) {
            let (number, ..) = part?;
            if message.field_by_number(number).is_some() {
                mask.add(&[number]);
            }
        }
        Ok(mask)
    }

    /// Whether the mask is every field.
    pub fn is_all(&self) -> bool {
        self.0.is_none()
    }

    /// Whether the mask names the field of this number, or something inside it.
    pub fn touches(&self, number: u32) -> bool {
        self.0.as_ref().is_none_or(|fields| fields.contains_key(&number))
    }

    /// What is meant inside the field of this number, if the mask names it at all.
    fn inside(&self, number: u32) -> Option<&Self> {
        self.0.as_ref().map_or(Some(self), |fields| fields.get(&number))
    }

    fn add(&mut self, path: &[u32]) {
        match (path.split_first(), &mut self.0) {
            (None, _) => self.0 = None,
            (Some((first, rest)), Some(fields)) => fields.entry(*first).or_insert_with(Self::nothing).add(rest),
            (Some(_), None) => {}
        }
    }
}

/// The numbers of the fields on a path.
fn numbers(message: MessageType, path: &str) -> Result<Vec<u32>, UnknownPath> {
    let mut here = message;
    let mut open = true;
    let mut numbers = Vec::new();
    let mut known = String::new();
    for name in path.split('.') {
        let names = here.fields().iter().map(|field| field.name).filter(|_| open);
        let Some(field) = here.field(name).filter(|_| open && numbers.len() < DEPTH_LIMIT) else {
            let nearest = nearest(name, names).map(|nearest| format!("{known}{nearest}"));
            return Err(UnknownPath { path: path.to_owned(), message: message.full_name(), nearest });
        };
        numbers.push(field.number);
        known.push_str(field.name);
        known.push('.');
        match field.kind {
            Kind::Message(inner) if !field.repeated => here = inner,
            _ => open = false,
        }
    }
    Ok(numbers)
}

impl MessageType {
    /// Only the fields that the mask names. Unknown fields stay only where the mask is everything.
    ///
    /// Canonical bytes stay canonical.
    ///
    /// # Errors
    /// When the bytes are no fields.
    pub fn project(self, message: &[u8], mask: &Mask) -> Result<Vec<u8>, Malformed> {
        let mut out = Vec::with_capacity(message.len());
        self.project_into(message, mask, &mut out)?;
        Ok(out)
    }

    fn project_into(self, message: &[u8], mask: &Mask, out: &mut Vec<u8>) -> Result<(), Malformed> {
        if mask.is_all() {
            out.extend_from_slice(message);
            return Ok(());
        }
        for part in Parts::new(message) {
            let (number, value, raw) = part?;
            let Some(inside) = mask.inside(number) else { continue };
            match self.inner(number, value) {
                Some((inner, payload)) if !inside.is_all() => {
                    wire::put_nested(out, number, |out| inner.project_into(payload, inside, out))?;
                }
                _ => out.extend_from_slice(raw),
            }
        }
        Ok(())
    }

    /// An update (AIP-134): what the mask names is as the patch has it, and unset where the patch has it not; all else,
    /// unknown fields included, is as stored. A mask of everything gives the patch. The result is canonical.
    ///
    /// A message on the way to a named field is made only when there is something to put into it.
    ///
    /// # Errors
    /// When either is no encoding of this message.
    pub fn merge(self, stored: &[u8], patch: &[u8], mask: &Mask) -> Result<Vec<u8>, Malformed> {
        let patch = self.canonical_at(patch, 0)?;
        if mask.is_all() {
            return Ok(patch.into_owned());
        }
        let stored = self.canonical_at(stored, 0)?;
        let mut merged = Vec::with_capacity(stored.len() + patch.len());
        self.merge_into(&stored, &patch, mask, &mut merged)?;
        self.canonical(&merged)
    }

    /// Writes fields that are right when read, in an order that lets the patch's member of a oneof win.
    fn merge_into(self, stored: &[u8], patch: &[u8], mask: &Mask, out: &mut Vec<u8>) -> Result<(), Malformed> {
        for part in Parts::new(stored) {
            let (number, value, raw) = part?;
            match mask.inside(number) {
                None => out.extend_from_slice(raw),
                Some(inside) if inside.is_all() => {}
                // Named in part: the rest of it stays, unless the patch has it too, which is done below.
                Some(inside) => {
                    if let (Some((inner, kept)), None) = (self.inner(number, value), find(patch, number)?) {
                        wire::put_nested(out, number, |out| inner.merge_into(kept, &[], inside, out))?;
                    }
                }
            }
        }
        for part in Parts::new(patch) {
            let (number, value, raw) = part?;
            let Some(inside) = mask.inside(number) else { continue };
            match self.inner(number, value) {
                Some((inner, new)) if !inside.is_all() => {
                    let kept = find(stored, number)?;
                    let mut merged = Vec::new();
                    inner.merge_into(kept.unwrap_or_default(), new, inside, &mut merged)?;
                    if kept.is_some() || !merged.is_empty() {
                        wire::put_len(out, number, &merged);
                    }
                }
                _ => out.extend_from_slice(raw),
            }
        }
        Ok(())
    }

    /// The message in a field, where a path may lead on.
    fn inner<'a>(self, number: u32, value: WireValue<'a>) -> Option<(Self, &'a [u8])> {
        let field = self.field_by_number(number).filter(|field| !field.repeated)?;
        match (field.kind, value) {
            (Kind::Message(inner), WireValue::Len(payload)) => Some((inner, payload)),
            _ => None,
        }
    }
}

fn find(message: &[u8], number: u32) -> Result<Option<&[u8]>, Malformed> {
    for part in Parts::new(message) {
        if let (at, WireValue::Len(payload), _) = part?
            && at == number
        {
            return Ok(Some(payload));
        }
    }
    Ok(None)
}
