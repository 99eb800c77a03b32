//! Path templates as OpenAPI has them, which know single segments only.

use campus_schema::{Field, Kind, MessageType, Schema};

use crate::{
    bind::FieldPath,
    route::{Edge, Route, Segment},
};

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
    pub(super) fn of(route: &Route, schema: Schema) -> Self {
        let (mut text, mut shape, mut parameters) = (String::new(), String::new(), Vec::<Parameter>::new());
        let count = route.pattern.segments.len();
        for (at, segment) in route.pattern.segments.iter().enumerate() {
            text.push('/');
            shape.push('/');
            if let Segment::Literal(literal) = segment {
                text.push_str(literal);
                shape.push_str(literal);
                continue;
            }
            let inside = route.variables.iter().find_map(|(variable, field)| {
                let (from, to) = (place(variable.from, count), place(variable.to, count));
                (from..to).contains(&at).then_some((field, from, to))
            });
            let mut parameter = match inside {
                Some((field, from, to)) => parameter(route, schema, field, (at, from, to)),
                None => Parameter {
                    name: "segment".to_owned(),
                    field: None,
                    parent: None,
                    whole: false,
                    many: false,
                    example: "1".to_owned(),
                },
            };
            parameter.many = *segment == Segment::Many;
            if parameters.iter().any(|known| known.name == parameter.name) {
                parameter.name = format!("{}_{}", parameter.name, parameters.len() + 1);
            }
            text.push_str(&format!("{{{}}}", parameter.name));
            shape.push_str("{}");
            parameters.push(parameter);
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

    /// A path that a client could ask for.
    pub(super) fn example(&self) -> String {
        self.parameters.iter().fold(self.text.clone(), |text, parameter| {
            text.replace(&format!("{{{}}}", parameter.name), &parameter.example)
        })
    }
}

fn place(edge: Edge, count: usize) -> usize {
    match edge {
        Edge::Front(at) => at,
        Edge::Back(at) => count.saturating_sub(at),
    }
}

/// The segment at one place of a field that stands from one place to another.
fn parameter(route: &Route, schema: Schema, path: &FieldPath, (at, from, to): (usize, usize, usize)) -> Parameter {
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
        (Some(_), _) => "10001",
        (None, Kind::String) => "example",
        _ => "7",
    };
    let name = named.unwrap_or(field.name).to_owned();
    Parameter { name, field: Some(field), parent, whole: to - from == 1, many: false, example: example.to_owned() }
}

/// The pattern of the resource that a field names.
pub(super) fn pattern(field: &Field, parent: Option<MessageType>, schema: Schema) -> Option<&'static str> {
    let own = parent.and_then(MessageType::resource).filter(|_| field.name == "name");
    let of = |name: &str| schema.messages().filter_map(MessageType::resource).find(|it| it.type_name == name);
    let resource = own.or_else(|| field.reference.and_then(of))?;
    Some(resource.pattern).filter(|pattern| !pattern.is_empty())
}
