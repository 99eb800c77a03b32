//! Encodes a message in some other way that means the same.

use campus_schema::{Field, Kind, MessageType, wire, wire::WireValue};

use crate::generate::Source;

/// The same message with its fields in another order, messages in pieces, values that are overwritten later, defaults
/// that need not be there, lists packed the other way, and varints that waste bytes.
pub(crate) fn scrambled(of: MessageType, bytes: &[u8], source: &mut Source<'_>) -> Vec<u8> {
    let mut queues: Vec<(u32, Vec<Vec<u8>>)> = Vec::new();
    for part in wire::fields(bytes) {
        let (number, value, raw) = part.unwrap();
        let pieces = match of.field_by_number(number) {
            Some(field) => pieces(field, value, source),
            None => vec![raw.to_vec()],
        };
        // Unknown fields keep their order among each other, members of a oneof theirs.
        let field = of.field_by_number(number);
        let queue = field.map_or(0, |field| field.oneof.map_or(number, |oneof| 1 << 30 | oneof.index as u32));
        match queues.iter_mut().find(|(at, _)| *at == queue) {
            Some((_, queue)) => queue.extend(pieces),
            None => queues.push((queue, pieces)),
        }
    }
    for field in of.fields().iter().filter(|field| !field.presence && !field.repeated && is_scalar(field)) {
        if source.once_in(5) && !queues.iter().any(|(number, _)| *number == field.number) {
            queues.push((field.number, vec![default(field)]));
        }
    }
    let mut out = Vec::new();
    while !queues.is_empty() {
        let at = source.below(queues.len());
        out.extend(queues[at].1.remove(0));
        if queues[at].1.is_empty() {
            queues.remove(at);
        }
    }
    out
}

fn pieces(field: &Field, value: WireValue<'_>, source: &mut Source<'_>) -> Vec<Vec<u8>> {
    match (field.kind, value) {
        (Kind::Message(inner), WireValue::Len(payload)) => {
            let payload = scrambled(inner, payload, source);
            let mut pieces = Vec::new();
            if !field.repeated && source.once_in(2) {
                let (first, second) = halves(inner, &payload, source);
                pieces.push(len(field.number, &first, source));
                pieces.push(len(field.number, &second, source));
            } else {
                pieces.push(len(field.number, &payload, source));
            }
            pieces
        }
        (Kind::Map(map), WireValue::Len(entry)) => {
            let mut pieces = vec![len(field.number, &scrambled(map.entry, entry, source), source)];
            if source.once_in(3) {
                // Another value of the same key, before the one that counts.
                let key = map.entry.project(entry, &campus_schema::Mask::parse(map.entry, ["key"]).unwrap()).unwrap();
                pieces.insert(0, len(field.number, &key, source));
            }
            pieces
        }
        (_, WireValue::Len(run)) if field.packed => repacked(field, run, source),
        (_, WireValue::Len(text)) => vec![len(field.number, text, source)],
        (_, value) => {
            let mut pieces = vec![bare(field.number, value, source)];
            if !field.repeated && source.once_in(3) {
                pieces.insert(0, bare(field.number, other(value), source));
            }
            pieces
        }
    }
}

/// Fields of one message in two, those of a oneof together.
fn halves(of: MessageType, payload: &[u8], source: &mut Source<'_>) -> (Vec<u8>, Vec<u8>) {
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for part in wire::fields(payload) {
        let (number, _, raw) = part.unwrap();
        let singular = of.field_by_number(number).is_some_and(|field| field.oneof.is_none() && !field.repeated);
        let early = singular && second.is_empty() && source.once_in(2);
        if early { first.extend_from_slice(raw) } else { second.extend_from_slice(raw) }
    }
    (first, second)
}

/// A packed run as a shorter run and single items.
fn repacked(field: &Field, run: &[u8], source: &mut Source<'_>) -> Vec<Vec<u8>> {
    let mut items = Vec::new();
    let mut rest = run;
    while !rest.is_empty() {
        let size = match field.kind {
            Kind::Fixed32 | Kind::Sfixed32 | Kind::Float => 4,
            Kind::Fixed64 | Kind::Sfixed64 | Kind::Double => 8,
            _ => rest.iter().position(|byte| *byte < 0x80).unwrap() + 1,
        };
        items.push(&rest[..size]);
        rest = &rest[size..];
    }
    let together = source.below(items.len() + 1);
    let wire_type = match field.kind {
        Kind::Fixed32 | Kind::Sfixed32 | Kind::Float => 5,
        Kind::Fixed64 | Kind::Sfixed64 | Kind::Double => 1,
        _ => 0,
    };
    let single = |item: &&[u8]| [tag(field.number, wire_type), item.to_vec()].concat();
    let mut pieces = vec![len(field.number, &items[..together].concat(), source)];
    pieces.extend(items[together..].iter().map(single));
    pieces
}

fn bare(number: u32, value: WireValue<'_>, source: &mut Source<'_>) -> Vec<u8> {
    match value {
        WireValue::Varint(value) => [tag(number, 0), varint(value, source)].concat(),
        WireValue::Fixed32(value) => [tag(number, 5), value.to_le_bytes().to_vec()].concat(),
        WireValue::Fixed64(value) => [tag(number, 1), value.to_le_bytes().to_vec()].concat(),
        WireValue::Len(_) | WireValue::Group(_) => unreachable!(),
    }
}

fn other(value: WireValue<'_>) -> WireValue<'_> {
    match value {
        WireValue::Varint(value) => WireValue::Varint(value ^ 1),
        WireValue::Fixed32(value) => WireValue::Fixed32(value ^ 1),
        WireValue::Fixed64(value) => WireValue::Fixed64(value ^ 1),
        value => value,
    }
}

fn default(field: &Field) -> Vec<u8> {
    let mut out = Vec::new();
    match field.kind {
        Kind::String | Kind::Bytes => wire::put_len(&mut out, field.number, &[]),
        Kind::Fixed32 | Kind::Sfixed32 | Kind::Float => out = [tag(field.number, 5), vec![0; 4]].concat(),
        Kind::Fixed64 | Kind::Sfixed64 | Kind::Double => out = [tag(field.number, 1), vec![0; 8]].concat(),
        _ => wire::put_varint(&mut out, field.number, 0),
    }
    out
}

fn is_scalar(field: &Field) -> bool {
    !matches!(field.kind, Kind::Message(_) | Kind::Map(_))
}

fn len(number: u32, payload: &[u8], source: &mut Source<'_>) -> Vec<u8> {
    [tag(number, 2), varint(payload.len() as u64, source), payload.to_vec()].concat()
}

fn tag(number: u32, wire_type: u64) -> Vec<u8> {
    let mut out = Vec::new();
    wire::put_varint(&mut out, 1, u64::from(number) << 3 | wire_type);
    out.split_off(1)
}

/// A varint, sometimes a byte longer than it need be.
fn varint(value: u64, source: &mut Source<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    wire::put_varint(&mut out, 1, value);
    let mut out = out.split_off(1);
    if source.once_in(4) && out.len() < 9 {
        *out.last_mut().unwrap() |= 0x80;
        out.push(0);
    }
    out
}
