//! Writes the one encoding of a message that is encoded in some other way.

use crate::{
    DEPTH_LIMIT, Field, Kind, Malformed, MapType, MessageType,
    canonical::{Key, TOO_DEEP, within},
    value::{WRONG_WIRE_TYPE, default_of, is_default, items, normal, put_bare, put_value},
    wire::{self, Parts, WireValue},
};

/// Writes the one encoding of a message that came in `parts`, each of them whole fields.
pub(crate) fn rewrite(message: MessageType, parts: &[&[u8]], depth: usize, out: &mut Vec<u8>) -> Result<(), Malformed> {
    if depth > DEPTH_LIMIT {
        return Err(TOO_DEEP.into());
    }
    let mut known: Vec<Known<'_>> = Vec::new();
    let mut unknown = Vec::new();
    for part in parts.iter().flat_map(|part| Parts::nested(part, depth)) {
        let (number, value, raw) = part?;
        match message.field_by_number(number) {
            Some(field) => known.push((field, value)),
            None => unknown.push(raw),
        }
    }
    if !message.oneofs().is_empty() {
        known = last_of_oneofs(message, known, depth)?;
    }
    if message.is_map_entry() {
        let missing = message.fields().iter().filter(|side| known.iter().all(|(field, _)| field.number != side.number));
        let missing: Vec<Known<'_>> = missing.map(|side| (side, default_of(side.kind))).collect();
        known.extend(missing);
    }
    known.sort_by_key(|(field, _)| field.number);
    for values in known.chunk_by(|(one, _), (other, _)| one.number == other.number) {
        write_field(values, depth, out)?;
    }
    unknown.into_iter().for_each(|raw| out.extend_from_slice(raw));
    Ok(())
}

type Known<'a> = (&'static Field, WireValue<'a>);

/// Leaves of each oneof the member that was set last, from where it was last set on.
fn last_of_oneofs<'a>(message: MessageType, known: Vec<Known<'a>>, depth: usize) -> Result<Vec<Known<'a>>, Malformed> {
    // Per oneof: the last member, and whether another one was met on the way back from it.
    let mut last: Vec<Option<(u32, bool)>> = vec![None; message.oneofs().len()];
    let mut kept = Vec::with_capacity(known.len());
    for (field, value) in known.into_iter().rev() {
        let Some(state) = field.oneof.and_then(|oneof| last.get_mut(oneof.index)) else {
            kept.push((field, value));
            continue;
        };
        let (winner, cleared) = state.get_or_insert((field.number, false));
        *cleared |= *winner != field.number;
        if *cleared {
            // What is dropped must still be an encoding of its field.
            write_field(&[(field, value)], depth, &mut Vec::new())?;
        } else {
            kept.push((field, value));
        }
    }
    kept.reverse();
    Ok(kept)
}

/// Writes all values of one field.
fn write_field(values: &[Known<'_>], depth: usize, out: &mut Vec<u8>) -> Result<(), Malformed> {
    let Some((field, _)) = values.first() else { return Ok(()) };
    let number = field.number;
    match field.kind {
        Kind::Map(map) => write_map(field, map, values, depth, out),
        Kind::Message(inner) if field.repeated => {
            for (index, value) in values.iter().enumerate() {
                payload(value)
                    .and_then(|payload| wire::put_nested(out, number, |out| rewrite(inner, &[payload], depth + 1, out)))
                    .map_err(|fault| within(fault, field, index))?;
            }
            Ok(())
        }
        Kind::Message(inner) => {
            let payloads: Result<Vec<&[u8]>, Malformed> = values.iter().map(payload).collect();
            payloads
                .and_then(|parts| wire::put_nested(out, number, |out| rewrite(inner, &parts, depth + 1, out)))
                .map_err(|fault| fault.inside(field.name))
        }
        _ => write_scalars(field, values, out).map_err(|reason| Malformed::from(reason).inside(field.name)),
    }
}

fn write_scalars(field: &Field, values: &[Known<'_>], out: &mut Vec<u8>) -> Result<(), &'static str> {
    let (kind, number) = (field.kind, field.number);
    if !field.repeated {
        let mut last = None;
        for (_, value) in values {
            last = Some(normal(kind, *value)?);
        }
        if let Some(value) = last.filter(|value| field.presence || !is_default(*value)) {
            put_value(out, number, value);
        }
        return Ok(());
    }
    let start = out.len();
    for (_, value) in values {
        match value {
            WireValue::Len(run) if kind.is_packable() => {
                for item in items(kind, run) {
                    put_item(field, normal(kind, item?)?, out);
                }
            }
            value => put_item(field, normal(kind, *value)?, out),
        }
    }
    if field.packed && out.len() > start {
        let run = out.split_off(start);
        wire::put_len(out, number, &run);
    }
    Ok(())
}

fn put_item(field: &Field, item: WireValue<'_>, out: &mut Vec<u8>) {
    if field.packed {
        put_bare(out, item);
    } else {
        put_value(out, field.number, item);
    }
}

fn write_map(
    field: &Field,
    map: MapType,
    values: &[Known<'_>],
    depth: usize,
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    let mut written = Vec::with_capacity(values.len());
    for (index, value) in values.iter().enumerate() {
        let entry = payload(value).and_then(|entry| map.entry.canonical_at(entry, depth + 1));
        written.push(entry.map_err(|fault| within(fault, field, index))?);
    }
    let keyed = written.iter().map(|entry| Ok((Key::of(map, entry)?, &**entry)));
    let mut entries = keyed.collect::<Result<Vec<_>, Malformed>>()?;
    entries.sort_by(|(one, _), (other, _)| one.cmp(other));
    for same in entries.chunk_by(|(one, _), (other, _)| one == other) {
        if let Some((_, entry)) = same.last() {
            wire::put_len(out, field.number, entry);
        }
    }
    Ok(())
}

fn payload<'a>((_, value): &Known<'a>) -> Result<&'a [u8], Malformed> {
    if let WireValue::Len(payload) = value { Ok(payload) } else { Err(WRONG_WIRE_TYPE.into()) }
}
