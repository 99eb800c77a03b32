//! Path templates of `google.api.http`, read once at the start.
//!
//! ```text
//! Template = "/" Segments [ ":" LITERAL ]
//! Segments = Segment { "/" Segment }
//! Segment  = "*" | "**" | LITERAL | "{" FieldPath [ "=" Segments ] "}"
//! ```
//!
//! Source: the comments of `google.api.HttpRule`. `**` may stand anywhere, once.

use std::borrow::Cow;

use super::path;

/// A template in parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template {
    pub(crate) segments: Vec<Segment>,
    /// What stands behind the colon at the end.
    pub(crate) verb: Option<String>,
    pub(crate) variables: Vec<Variable>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Segment {
    /// This text.
    Literal(String),
    /// `*`: any one segment that is not empty.
    One,
    /// `**`: any number of segments, none included.
    Many,
}

/// A part of the path that is the value of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Variable {
    /// As the template has it, for example `employee.name`.
    pub(crate) field: String,
    pub(crate) from: Edge,
    pub(crate) to: Edge,
    /// Whether it is exactly one segment, which is what decides how it is decoded.
    pub(crate) single: bool,
}

/// A place between segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Edge {
    /// So many segments from the front.
    Front(usize),
    /// So many segments from the back: what stands behind a `**`.
    Back(usize),
}

impl Template {
    /// # Errors
    /// When the text is no template; says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut parser = Parser { rest: text, segments: Vec::new(), variables: Vec::new() };
        parser.take('/')?;
        if !parser.rest.is_empty() {
            parser.segments(true)?;
        }
        let verb = match parser.rest.strip_prefix(':') {
            Some(verb) => Some(literal(verb)?),
            None if parser.rest.is_empty() => None,
            None => return Err(format!("{:?} is not expected there", parser.rest)),
        };
        let Parser { segments, variables, .. } = parser;
        if segments.iter().filter(|segment| **segment == Segment::Many).count() > 1 {
            return Err("has \"**\" twice, and nobody could tell which of them a segment belongs to".to_owned());
        }
        let mut template = Self { segments, verb, variables };
        template.count_from_the_back();
        Ok(template)
    }

    /// What stands behind a `**` is found from the end of the path.
    fn count_from_the_back(&mut self) {
        let Some(many) = self.segments.iter().position(|segment| *segment == Segment::Many) else { return };
        let len = self.segments.len();
        for edge in self.variables.iter_mut().flat_map(|variable| [&mut variable.from, &mut variable.to]) {
            if let Edge::Front(at) = *edge
                && at > many
            {
                *edge = Edge::Back(len - at);
            }
        }
    }
}

struct Parser<'t> {
    rest: &'t str,
    segments: Vec<Segment>,
    variables: Vec<Variable>,
}

impl<'t> Parser<'t> {
    fn segments(&mut self, outside: bool) -> Result<(), String> {
        loop {
            self.segment(outside)?;
            match self.rest.strip_prefix('/') {
                Some(rest) => self.rest = rest,
                None => return Ok(()),
            }
        }
    }

    fn segment(&mut self, outside: bool) -> Result<(), String> {
        if self.rest.starts_with('{') {
            return if outside { self.variable() } else { Err("has a variable inside of a variable".to_owned()) };
        }
        // A colon begins the verb only behind the last segment.
        let end = self.rest.find(['/', '{', '}']).unwrap_or(self.rest.len());
        let (mut text, _) = self.rest.split_at_checked(end).unwrap_or_default();
        if outside && end == self.rest.len() {
            text = text.rsplit_once(':').map_or(text, |(before, _)| before);
        }
        self.rest = self.rest.get(text.len()..).unwrap_or_default();
        self.segments.push(match text {
            "*" => Segment::One,
            "**" => Segment::Many,
            text => Segment::Literal(literal(text)?),
        });
        Ok(())
    }

    fn variable(&mut self) -> Result<(), String> {
        self.take('{')?;
        let end = self.rest.find(['=', '}']).ok_or("has a \"{\" without its \"}\"")?;
        let (field, rest) = self.rest.split_at_checked(end).unwrap_or_default();
        self.rest = rest;
        if !field.split('.').all(is_name) {
            return Err(format!("{field:?} is no field path"));
        }
        if self.variables.iter().any(|variable| variable.field == field) {
            return Err(format!("has {field:?} twice"));
        }
        let from = self.segments.len();
        match self.rest.strip_prefix('=') {
            Some(rest) => {
                self.rest = rest;
                self.segments(false)?;
            }
            None => self.segments.push(Segment::One),
        }
        self.take('}')?;
        let to = self.segments.len();
        let single = to == from + 1 && self.segments.last() != Some(&Segment::Many);
        let (from, to) = (Edge::Front(from), Edge::Front(to));
        self.variables.push(Variable { field: field.to_owned(), from, to, single });
        Ok(())
    }

    fn take(&mut self, letter: char) -> Result<(), String> {
        let expected = || format!("expected {letter:?} before {:?}", self.rest);
        self.rest = self.rest.strip_prefix(letter).ok_or_else(expected)?;
        Ok(())
    }
}

fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

/// Text as it is compared: without percent-encoding.
fn literal(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("has an empty segment or verb".to_owned());
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()+,;=@%".contains(&byte);
    if !text.bytes().all(allowed) {
        return Err(format!("{text:?} has a character that a path cannot have; percent-encode it"));
    }
    path::decode(text, true).map(Cow::into_owned).map_err(|reason| format!("{text:?} {reason}"))
}
