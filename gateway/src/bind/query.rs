//! What stands behind the question mark: `key=value`, joined by `&`.
//!
//! A key is a field in proto or JSON names, `a.b` for one inside of another, `labels[key]` for an entry of a map; a list
//! is the same key several times.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use campus_schema::{DEPTH_LIMIT, Field, Kind, MessageType, nearest};

use super::{Bound, FieldPath, Place, Violations};
use crate::route::{Body, Route, decode};

pub(super) fn bind(route: &Route, query: &str, bound: &mut Bound, faults: &mut Violations) {
    let mut seen = Seen::default();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let key = match text(key) {
            Ok(key) => key,
            Err(problem) => {
                faults.add(Place::Query, key.to_owned(), problem);
                continue;
            }
        };
        let put = text(value).and_then(|value| put(route, &key, &value, bound, &mut seen));
        if let Err(problem) = put {
            faults.add(Place::Query, key.into_owned(), problem);
        }
        if faults.is_full() {
            return;
        }
    }
}

/// `+` is a space here, unlike in a path.
fn text(raw: &str) -> Result<Cow<'_, str>, String> {
    if !raw.contains('+') {
        return decode(raw, true).map_err(str::to_owned);
    }
    decode(&raw.replace('+', " "), true).map(|text| Cow::Owned(text.into_owned())).map_err(str::to_owned)
}

fn put(route: &Route, key: &str, value: &str, bound: &mut Bound, seen: &mut Seen) -> Result<(), String> {
    if let Some(parameter) = key.strip_prefix('$') {
        return bound.system.set(parameter, value);
    }
    if matches!(route.body, Body::All) {
        return Err("is not expected: every field of this method is in the body".to_owned());
    }
    let (name, entry) = match key.strip_suffix(']').and_then(|key| key.split_once('[')) {
        Some((name, entry)) => (name, Some(entry)),
        None => (key, None),
    };
    let path = resolve(route.method.input, name)?;
    allowed(route, &path)?;
    match (entry, path.leaf().kind) {
        (Some(entry), Kind::Map(map)) if map.value().takes_text() => {
            seen.entry(&path, entry)?;
            path.put_entry(entry, value, bound)?;
        }
        (None, Kind::Map(map)) if map.value().takes_text() => {
            return Err(format!("is a map; say which entry: {name}[KEY]"));
        }
        (None, kind) if kind.takes_text() => {
            seen.value(&path)?;
            path.put(value, bound)?;
        }
        (Some(_), kind) if kind.takes_text() => return Err("is no map, so it has no entries".to_owned()),
        (_, Kind::Message(message)) if !path.leaf().repeated => return Err(inside_of(message, name)),
        _ => return Err("holds messages, which can only be sent in a body".to_owned()),
    }
    bound.masked |= path.inside().is_empty() && route.mask.is_some_and(|mask| mask.number == path.leaf().number);
    Ok(())
}

fn inside_of(message: MessageType, name: &str) -> String {
    match message.fields().first() {
        Some(field) => format!("is a message; set its fields, for example {name}.{}", field.json_name),
        None => "is a message without fields".to_owned(),
    }
}

/// The field of a key.
fn resolve(message: MessageType, key: &str) -> Result<FieldPath, String> {
    let mut names = key.split('.').peekable();
    let mut inside: Vec<&'static Field> = Vec::new();
    let mut here = message;
    while let Some(name) = names.next() {
        let field = here.field(name).ok_or_else(|| unknown(here, &inside, name, key))?;
        if names.peek().is_none() {
            return Ok(FieldPath::new(inside, field));
        }
        let message = field.message().filter(|_| !field.is_many() && !field.kind.takes_text());
        here = message.ok_or_else(|| format!("{name:?} has no fields that a query could set"))?;
        inside.push(field);
        if inside.len() >= DEPTH_LIMIT {
            return Err(format!("leads through more than {DEPTH_LIMIT} messages"));
        }
    }
    Err("has no name".to_owned())
}

fn unknown(here: MessageType, inside: &[&Field], name: &str, key: &str) -> String {
    // In the spelling that the request uses.
    let spelled = |field: &'static Field| if key.contains('_') { field.name } else { field.json_name };
    let near = nearest(name, here.fields().iter().map(spelled));
    let hint = near.map(|near| {
        let before: String = inside.iter().flat_map(|field| [field.json_name, "."]).collect();
        format!("; did you mean {:?}?", format!("{before}{near}"))
    });
    format!("is no field of {}{}", here.full_name(), hint.unwrap_or_default())
}

/// Whether a field may be set by a query at all.
fn allowed(route: &Route, path: &FieldPath) -> Result<(), String> {
    let first = path.inside().first().unwrap_or(&path.leaf()).number;
    if matches!(route.body, Body::Field(body) if body.number == first) {
        return Err("is in the body of this method".to_owned());
    }
    if route.variables().any(|variable| variable.numbers().eq(path.numbers())) {
        return Err("is in the path already".to_owned());
    }
    Ok(())
}

/// What the query has had so far.
#[derive(Default)]
struct Seen {
    values: BTreeSet<Vec<u32>>,
    entries: BTreeSet<(Vec<u32>, String)>,
    oneofs: BTreeMap<(Vec<u32>, usize), u32>,
}

impl Seen {
    fn value(&mut self, path: &FieldPath) -> Result<(), String> {
        let leaf = path.leaf();
        if let Some(oneof) = leaf.oneof {
            let inside = path.inside().iter().map(|field| field.number).collect();
            if *self.oneofs.entry((inside, oneof.index)).or_insert(leaf.number) != leaf.number {
                return Err(format!("is a second member of {}, of which one can be set", oneof.name));
            }
        }
        let new = leaf.repeated || self.values.insert(path.numbers().collect());
        if new { Ok(()) } else { Err("is given twice".to_owned()) }
    }

    fn entry(&mut self, path: &FieldPath, entry: &str) -> Result<(), String> {
        let new = self.entries.insert((path.numbers().collect(), entry.to_owned()));
        if new { Ok(()) } else { Err("is given twice".to_owned()) }
    }
}
