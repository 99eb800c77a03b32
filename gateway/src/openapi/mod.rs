//! The OpenAPI document of what is served, made out of the routes.
//!
//! Source: OpenAPI Specification 3.1.1.

mod check;
mod error;
mod example;
mod operation;
mod path;
mod schema;
mod yaml;

use std::collections::BTreeMap;

use campus_schema::{Schema, Service};
use http::Method;
use serde_json::{Map, Value, json};

use self::{check::BadExample, operation::Operation, path::OpenPath, schema::Schemas};
use crate::{
    gateway::Plan,
    route::{Found, Route, Routes, Segment},
};

/// The document, in both forms.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) json: String,
    pub(crate) yaml: String,
}

impl Document {
    /// Describes routes, with every example of it transcoded to protobuf and back. An operation with one that the gateway
    /// would not take has none, and the log says so.
    pub(crate) fn new(routes: &Routes, plans: &[Plan], schema: Schema) -> Self {
        let (document, bad) = document(routes, plans, schema);
        bad.iter().for_each(|bad| tracing::warn!("{bad}"));
        Self { yaml: yaml::text(&document), json: format!("{document:#}\n") }
    }
}

/// The methods that OpenAPI has a place for. The first one that leads to a rule for any of them stands for it.
const VERBS: [Method; 7] =
    [Method::POST, Method::GET, Method::PUT, Method::PATCH, Method::DELETE, Method::HEAD, Method::OPTIONS];

/// What has a rule of its own is described by that, and what has none by its path of gRPC.
fn is_described(route: &Route) -> bool {
    let known = |verb: &str| verb == "*" || VERBS.iter().any(|known| known == verb);
    let mut rules = route.method.http.iter().flat_map(|rule| [rule].into_iter().chain(&rule.additional));
    match &route.verb {
        Some(_) if route.plain => !rules.any(|rule| known(rule.verb)),
        Some(verb) => known(verb.as_str()),
        None => true,
    }
}

/// The document, and what it lacks.
fn document(routes: &Routes, plans: &[Plan], schema: Schema) -> (Value, Vec<BadExample>) {
    let mut schemas = Schemas::new(schema);
    let mut paths: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    let mut shapes: BTreeMap<String, OpenPath> = BTreeMap::new();
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    let mut services: Vec<&Service> = Vec::new();
    let mut bad = Vec::new();
    let word = word(routes);
    for (route, plan) in routes.all().iter().zip(plans).filter(|(route, _)| is_described(route)) {
        // Of two paths that differ in the names of their parameters alone only one may be in a document.
        let path = OpenPath::of(route, word, schema);
        let path = path.clone().named_as(shapes.entry(path.shape()).or_insert(path));
        let verb = verb(routes, route, &path);
        let operation = Operation { route, plan, path: &path, verb };
        let service = route.service.full_name.rsplit('.').next().unwrap_or_default();
        let mut id = format!("{service}_{}", route.method.name);
        let count = names.entry(id.clone()).or_default();
        *count += 1;
        if *count > 1 {
            id = format!("{id}_{count}");
        }
        let mut described = operation.describe(&mut schemas, &id, service);
        let checked = check::operation(routes, &operation, schema);
        leave_out_examples(&mut described, checked.is_err());
        bad.extend(checked.err());
        let verb = operation.verb.as_str().to_lowercase();
        paths.entry(path.text.clone()).or_default().entry(verb).or_insert(described);
        if services.iter().all(|known| known.full_name != route.service.full_name) {
            services.push(route.service);
        }
    }
    let tags: Vec<Value> = services.iter().map(|service| tag(service, schema)).collect();
    let mut components = schemas.finish();
    components.insert("Error".to_owned(), error::schema());
    let document = json!({
        "openapi": "3.1.1",
        "info": {
            "title": title(&services),
            "version": env!("CARGO_PKG_VERSION"),
            "description": "gRPC services over HTTP and JSON. Every method is also `POST /package.Service/Method` with its \
                            request as body.",
        },
        "servers": [{ "url": "/" }],
        "tags": tags,
        "paths": paths,
        "components": { "schemas": components, "responses": { "Error": error::response() } },
    });
    (document, bad)
}

/// What stands for any text: no literal of a path, so that no example leads to another rule.
fn word(routes: &Routes) -> &'static str {
    let literal = |word: &&&str| {
        let word = Segment::Literal((**word).to_owned());
        routes.all().iter().all(|route| !route.pattern.segments.contains(&word))
    };
    ["example", "sample", "specimen", "instance"].iter().find(literal).copied().unwrap_or("example")
}

fn verb(routes: &Routes, route: &Route, path: &OpenPath) -> Method {
    let example = path.example();
    let leads = |verb: &&Method| matches!(routes.find(verb, &example), Found::Route(it, _) if it.index == route.index);
    let any = || VERBS.iter().find(leads).cloned().unwrap_or(Method::POST);
    route.verb.clone().unwrap_or_else(any)
}

/// Takes the examples of an operation that are none, or all of them, out of it.
fn leave_out_examples(value: &mut Value, all: bool) {
    match value {
        Value::Object(object) => {
            if object.get("example").is_some_and(|example| all || example.is_null()) {
                object.remove("example");
            }
            object.values_mut().for_each(|value| leave_out_examples(value, all));
        }
        Value::Array(array) => array.iter_mut().for_each(|value| leave_out_examples(value, all)),
        _ => {}
    }
}

fn title(services: &[&Service]) -> String {
    let names: Vec<&str> = services.iter().filter_map(|service| service.full_name.rsplit('.').next()).collect();
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        Some((only, _)) => (*only).to_owned(),
        None => "No services".to_owned(),
    }
}

fn tag(service: &Service, schema: Schema) -> Value {
    let name = service.full_name.rsplit('.').next();
    json!({ "name": name, "description": schema.comment(service.full_name).unwrap_or_default() })
}

/// A reference to a schema of the document.
fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Backend, Gateway, RestConfig};

    #[test]
    fn the_contract_that_is_built_in_has_examples_of_everything() {
        let schema = Schema::from_descriptors(campus_proto::DESCRIPTORS).unwrap();
        let backend = Backend::new("in-process:nobody").unwrap();
        let gateway = Gateway::new(schema, &[backend], &RestConfig::default()).unwrap();
        let (_, bad) = document(&gateway.table.routes, &gateway.table.plans, schema);
        assert_eq!(bad, []);
    }
}
