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
use serde_json::{Map, Value, json};

pub use self::check::BadExample;
use self::{operation::Operation, path::OpenPath, schema::Schemas};
use crate::{
    gateway::Plan,
    route::{Route, Routes},
};

/// The document, in both forms.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) json: String,
    pub(crate) yaml: String,
}

impl Document {
    /// Describes routes, with every example of it transcoded to protobuf and back.
    ///
    /// # Errors
    /// When an example is none.
    pub(crate) fn new(routes: &Routes, plans: &[Plan], schema: Schema) -> Result<Self, BadExample> {
        let document = document(routes, plans, schema)?;
        Ok(Self { yaml: yaml::text(&document), json: format!("{document:#}\n") })
    }
}

/// What has a rule of its own is described by that, and what has none by its path of gRPC.
fn is_described(route: &Route) -> bool {
    !route.plain || route.method.http.is_none()
}

fn document(routes: &Routes, plans: &[Plan], schema: Schema) -> Result<Value, BadExample> {
    let mut schemas = Schemas::new(schema);
    let mut paths: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    let mut shapes: BTreeMap<String, OpenPath> = BTreeMap::new();
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    let mut services: Vec<&Service> = Vec::new();
    for (route, plan) in routes.all().iter().zip(plans).filter(|(route, _)| is_described(route)) {
        let path = OpenPath::of(route, schema);
        // Of two paths that differ in the names of their parameters alone only one may be in a document.
        let path = shapes.entry(path.shape()).or_insert(path).clone();
        let operation = Operation { route, plan, path: &path };
        check::operation(routes, &operation, schema)?;
        let service = route.service.full_name.rsplit('.').next().unwrap_or_default();
        let mut id = format!("{service}_{}", route.method.name);
        let count = names.entry(id.clone()).or_default();
        *count += 1;
        if *count > 1 {
            id = format!("{id}_{count}");
        }
        let verb = route.verb.as_ref().map_or("post", http::Method::as_str).to_lowercase();
        let described = operation.describe(&mut schemas, &id, service);
        paths.entry(path.text.clone()).or_default().insert(verb, described);
        if services.iter().all(|known| known.full_name != route.service.full_name) {
            services.push(route.service);
        }
    }
    let tags: Vec<Value> = services.iter().map(|service| tag(service, schema)).collect();
    let mut components = schemas.finish();
    components.insert("Error".to_owned(), error::schema());
    Ok(json!({
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
    }))
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
