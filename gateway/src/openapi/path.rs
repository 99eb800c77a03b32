//! Path templates as OpenAPI has them, which know single segments only.

use campus_schema::{Field, Kind, MessageType, Schema};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::example;
use crate::route::{Edge, Route, Segment};

/// A path with its parameters.
#[derive(Clone, Debug)]
pub(super) struct OpenPath {
    /// For example `/v1/employees/{employee}`.
    pub(super) text: String,
    pub(super) parameters: Vec<Parameter>,
    shape: String,
}

/// A part of a path that a client fills in.
#[derive(Clone, Debug)]
pub(super) struct Parameter {
    pub(super) name: String,
    /// Of the field that it is part of.
    pub(super) field: Option<&'static Field>,
    /// The message that has the field.
    pub(super) parent: Option<MessageType>,
    /// Whether it is all of the field.
    pub(super) whole: bool,
    /// Whether there may be slashes in it.
    pub(super) many: bool,
    pub(super) example: String,
}

impl OpenPath {
    /// `word` stands for any text in the examples.
    pub(super) fn of(route: &Route, word: &str, schema: Schema) -> Self {
        let (mut text, mut shape, mut parameters) = (String::new(), String::new(), Vec::<Parameter>::new());
        for (at, segment) in route.pattern.segments.iter().enumerate() {
            text.push('/');
            shape.push('/');
            if let Segment::Literal(literal) = segment {
                text.push_str(literal);
                shape.push_str(literal);
                continue;
            }
            let mut parameter = parameter(route, at, word, schema);
            parameter.many = *segment == Segment::Many;
            if parameters.iter().any(|known| known.name == parameter.name) {
                parameter.name = format!("{}_{}", parameter.name, parameters.len() + 1);
            }
            text.push_str(&format!("{{{}}}", parameter.name));
            shape.push_str("{}");
            parameters.push(parameter);
        }
        if text.is_empty() {
            text.push('/');
            shape.push('/');
        }
        if let Some(verb) = &route.pattern.verb {
            text.push_str(&format!(":{verb}"));
            shape.push_str(&format!(":{verb}"));
        }
        Self { text, parameters, shape }
    }

    /// The path without the names of its parameters.
    pub(super) fn shape(&self) -> String {
        self.shape.clone()
    }

    /// With the names that another path of the same shape has.
    pub(super) fn named_as(mut self, other: &Self) -> Self {
        self.text.clone_from(&other.text);
        for (parameter, other) in self.parameters.iter_mut().zip(&other.parameters) {
            parameter.name.clone_from(&other.name);
        }
        self
    }

    /// A path that a client could ask for.
    pub(super) fn example(&self) -> String {
        self.parameters.iter().fold(self.text.clone(), |text, parameter| {
            let encoded = utf8_percent_encode(&parameter.example, NON_ALPHANUMERIC).to_string();
            // Of many segments there are two here, so that it is none of a rule for one.
            let encoded = if parameter.many { format!("{encoded}/{encoded}") } else { encoded };
            text.replace(&format!("{{{}}}", parameter.name), &encoded)
        })
    }
}

fn place(edge: Edge, count: usize) -> usize {
    match edge {
        Edge::Front(at) => at,
        Edge::Back(at) => count.saturating_sub(at),
    }
}

/// The segment at one place.
fn parameter(route: &Route, at: usize, word: &str, schema: Schema) -> Parameter {
    let count = route.pattern.segments.len();
    let inside = route.variables.iter().find_map(|(variable, path)| {
        let (from, to) = (place(variable.from, count), place(variable.to, count));
        (from..to).contains(&at).then_some((path, from, to))
    });
    let Some((path, from, to)) = inside else {
        let (name, example) = ("segment".to_owned(), word.to_owned());
        return Parameter { name, field: None, parent: None, whole: false, many: false, example };
    };
    let field = path.leaf();
    let parent = path.inside().last().map_or(Some(route.method.input), |inside| inside.message());
    // The pattern of the resource has names for the parts of a name.
    let pattern = pattern(field, parent, schema);
    let named = pattern.and_then(|pattern| {
        let parts: Vec<&str> = pattern.split('/').collect();
        let part = parts.get(at - from).filter(|_| parts.len() == to - from)?;
        part.strip_prefix('{')?.strip_suffix('}')
    });
    let example = match (named, field.kind) {
        (Some(_), Kind::String) => Some("10001".to_owned()),
        (_, Kind::String) => None,
        _ => example::plain(field, parent, schema),
    };
    let (name, example) = (named.unwrap_or(field.name).to_owned(), example.unwrap_or_else(|| word.to_owned()));
    Parameter { name, field: Some(field), parent, whole: to - from == 1, many: false, example }
}

/// The pattern of the resource that a field names.
pub(super) fn pattern(field: &Field, parent: Option<MessageType>, schema: Schema) -> Option<&'static str> {
    let own = parent.and_then(MessageType::resource).filter(|_| field.name == "name");
    let of = |name: &str| schema.messages().filter_map(MessageType::resource).find(|it| it.type_name == name);
    let resource = own.or_else(|| field.reference.and_then(of))?;
    Some(resource.pattern).filter(|pattern| !pattern.is_empty())
}
