//! The request message out of path, query and body, and the body of the answer out of the reply message.
//!
//! A request is put together as bytes: the body as JSON says it, then what the path and the query say. Encoded messages
//! that are written one behind the other are one message, so nothing has to be taken apart for it.

mod body;
mod field;
mod query;
mod system;
mod violation;

use campus_schema::{JsonError, JsonOptions, Malformed, MessageType, Value, wire};

use self::system::System;
pub use self::{
    body::{Raw, RawBody},
    field::FieldPath,
    violation::{Place, Violation, Violations},
};
use crate::route::{Body, Captured, Route, decode};

/// What some programs begin a text with (RFC 8259, 8.1: it may be passed over).
const BOM: char = '\u{feff}';

/// What path and query say, ready to be joined with a body: once for a call, however many messages it sends.
#[derive(Clone, Debug, Default)]
pub struct Bound {
    wire: Vec<u8>,
    /// How many fields inside of other messages are set.
    nested: usize,
    /// Whether the query says what the update mask is.
    masked: bool,
    /// What a header says: its name, and the field.
    said: Vec<(&'static str, FieldPath)>,
    system: System,
}

impl Bound {
    /// How the caller wants the answer to be written, where it says so.
    pub fn json_options(&self, default: JsonOptions) -> JsonOptions {
        self.system.json_options(default)
    }
}

impl Bound {
    /// What a header says of a field; it has the last word.
    pub(crate) fn put(&mut self, field: &FieldPath, text: &str) -> Result<(), String> {
        field.put(text, self)
    }

    /// What a header says of a text field of the request; neither query nor body may say otherwise.
    pub(crate) fn say(
        &mut self,
        (header, request): (&'static str, MessageType),
        field: &FieldPath,
        text: &str,
    ) -> Result<(), String> {
        if let Some(Value::Str(before)) = field.get(request, &self.wire)
            && before != text
        {
            return Err(format!("says {text:?}, and {field} in the query {before:?}; send one of them"));
        }
        self.said.push((header, field.clone()));
        field.put(text, self)
    }

    /// Whether a field of the request is set and not at its default.
    pub(crate) fn has(&self, request: MessageType, field: &FieldPath) -> bool {
        field.get(request, &self.wire).is_some()
    }
}

impl Route {
    /// Reads path and query.
    ///
    /// # Errors
    /// With every key and variable that is no field of the request, or no value of its field.
    pub fn bind(&self, path: Captured<'_>, query: &str) -> Result<Bound, Violations> {
        let mut bound = Bound::default();
        let mut faults = Violations::default();
        if !query.is_empty() {
            query::bind(self, query, &mut bound, &mut faults);
        }
        // Behind the query, so that the path has the last word in any case.
        for (variable, field) in &self.variables {
            let raw = path.raw(variable);
            let put = decode(raw, variable.single).map_err(str::to_owned).and_then(|text| field.put(&text, &mut bound));
            if let Err(problem) = put {
                faults.add(Place::Path, variable.field.clone(), problem);
            }
        }
        faults.or(bound)
    }

    /// Appends the request message.
    ///
    /// A body that is empty sets no field. What is appended may have messages in several pieces only where `bound` has
    /// none of them.
    ///
    /// # Errors
    /// When the body is not the JSON of the message or field that it is to be, or says otherwise than the path. Nothing
    /// is appended then.
    pub fn request(&self, bound: &Bound, body: &[u8], out: &mut Vec<u8>) -> Result<(), Violations> {
        let start = out.len();
        self.append(bound, body, out).inspect_err(|_| out.truncate(start))
    }

    fn append(&self, bound: &Bound, body: &[u8], out: &mut Vec<u8>) -> Result<(), Violations> {
        let start = out.len();
        let text = str::from_utf8(body).map_err(|_| Violations::one(Place::Body, "", "is not valid UTF-8"))?;
        let text = text.strip_prefix(BOM).unwrap_or(text);
        let empty = text.trim_ascii().is_empty();
        match self.body {
            _ if empty => {}
            Body::None => return Err(Violations::one(Place::Body, "", "is not expected: this method takes none")),
            Body::All => {
                let input = self.method.input;
                input.read_json(text, out).map_err(|fault| of_whole(input, text, fault))?;
            }
            Body::Field(field) => field.read_json(text, out).map_err(|fault| of_json(Some(field.json_name), fault))?,
        }
        if !empty {
            self.contradictions(bound, out.get(start..).unwrap_or_default())?;
            self.fill_mask(bound, text, out);
        }
        out.extend_from_slice(&bound.wire);
        if bound.nested > 0 {
            let whole = out.get(start..).unwrap_or_default();
            let whole = self.method.input.canonical(whole).map_err(|fault| of_wire(&fault))?;
            out.truncate(start);
            out.extend_from_slice(&whole);
        }
        Ok(())
    }

    /// What the body says may repeat the path, as it does when a record is sent back, but not contradict it; nor what a
    /// header says.
    fn contradictions(&self, bound: &Bound, body: &[u8]) -> Result<(), Violations> {
        let input = self.method.input;
        // What is in one message may have been bound in several pieces.
        let pieces = bound.nested > 1;
        let whole = if pieces { input.canonical(&bound.wire).map_err(|fault| of_wire(&fault))? } else { Vec::new() };
        let known = if pieces { &whole } else { &bound.wire };
        let mut faults = Violations::default();
        for (_, field) in &self.variables {
            let said = field.get(input, body);
            if said.is_some_and(|said| field.get(input, known) != Some(said)) {
                faults.add(Place::Body, field.to_string(), "is another one than in the path; leave it out".to_owned());
            }
        }
        for (header, field) in &bound.said {
            if let (Some(Value::Str(here)), Some(Value::Str(there))) = (field.get(input, body), field.get(input, known))
                && here != there
            {
                let problem = format!("is {here:?}, and {header} says {there:?}; send one of them");
                faults.add(Place::Body, field.to_string(), problem);
            }
        }
        faults.or(())
    }

    /// AIP-134: a `PATCH` that has no mask changes what it brings.
    fn fill_mask(&self, bound: &Bound, text: &str, out: &mut Vec<u8>) {
        let (Some(mask), Body::Field(field)) = (self.mask.filter(|_| !bound.masked), self.body) else { return };
        let Some(message) = field.message() else { return };
        let paths = message.json_paths(text);
        let in_path = |path: &str| {
            self.variables.iter().any(|(_, variable)| {
                variable.to_string().strip_prefix(field.name).is_some_and(|rest| rest.strip_prefix('.') == Some(path))
            })
        };
        let mut value = Vec::new();
        for path in paths.iter().filter(|path| !in_path(path)) {
            wire::put_len(&mut value, 1, path.as_bytes());
        }
        if !value.is_empty() {
            wire::put_len(out, mask.number, &value);
        }
    }

    /// Appends the body of the answer to a reply message.
    ///
    /// # Errors
    /// When the bytes are no reply of this method, or hold what JSON cannot. Nothing is appended then.
    pub fn reply(&self, message: &[u8], options: &JsonOptions, out: &mut String) -> Result<(), Malformed> {
        match self.response_body {
            None => self.method.output.to_json(message, options, out),
            Some(field) => self.method.output.field_to_json(field, message, options, out),
        }
    }
}

fn of_json(inside: Option<&str>, fault: JsonError) -> Violations {
    let JsonError { path, line, column, message } = fault;
    let path = match inside {
        Some(field) if path.is_empty() => field.to_owned(),
        Some(field) => format!("{field}.{path}"),
        None => path,
    };
    let at = Some((line, column)).filter(|_| line > 0);
    Violations::one(Place::Body, &path, &message).map(|violation| Violation { at, ..violation })
}

/// The same of a body that is the whole request. Who sends a record as it is stored has left out what is around it.
fn of_whole(request: MessageType, text: &str, fault: JsonError) -> Violations {
    let mut messages = request.fields().iter().filter(|field| field.message().is_some() && !field.repeated);
    let only = messages.next().filter(|_| messages.next().is_none());
    let Some((field, inner)) = only.and_then(|field| Some((field, field.message()?))) else {
        return of_json(None, fault);
    };
    let sent: serde_json::Map<String, serde_json::Value> = serde_json::from_str(text).unwrap_or_default();
    let is_inner = sent.keys().all(|key| inner.field(key).is_some());
    if sent.is_empty() || !is_inner || sent.keys().all(|key| request.field(key).is_some()) {
        return of_json(None, fault);
    }
    let message = format!(
        "is a field of {}, which is the field {} of this body; did you mean {{\"{}\": {{…}}}}?",
        inner.full_name(),
        field.json_name,
        field.json_name
    );
    of_json(None, JsonError { message, ..fault })
}

fn of_wire(fault: &Malformed) -> Violations {
    Violations::one(Place::Body, fault.path(), fault.reason())
}
