//! From the rules of the descriptors to routes; every contradiction is found here, at the start.

use std::fmt;

use campus_schema::{Field, HttpRule, Kind, MessageType, Method, Service, nearest};

use super::{Body, Node, Route, Routes, template::Template};
use crate::bind::FieldPath;

/// Rules that cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct BadRoutes(pub Vec<Fault>);

/// One rule that cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Two rules are for the same requests: each as method and rule.
    Conflict([String; 2]),
    /// A rule is wrong in itself.
    Rule {
        /// The method and the rule.
        rule: String,
        /// What is wrong, and what would be right.
        reason: String,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflict([one, other]) => write!(f, "{one} and {other} are for the same requests"),
            Self::Rule { rule, reason } => write!(f, "{rule}: {reason}"),
        }
    }
}

pub(super) fn build(services: impl IntoIterator<Item = &'static Service>) -> Result<Routes, BadRoutes> {
    let mut routes = Routes { root: Node::default(), routes: Vec::new() };
    let mut faults = Vec::new();
    for service in services {
        for method in &service.methods {
            for (rule, plain) in rules(method) {
                if let Err(fault) = add(&mut routes, service, method, &rule, plain) {
                    faults.push(fault);
                }
            }
        }
    }
    if faults.is_empty() { Ok(routes) } else { Err(BadRoutes(faults)) }
}

/// The rules of a method; true for the one that needs no annotation.
fn rules(method: &Method) -> impl Iterator<Item = (HttpRule, bool)> {
    let plain = HttpRule { verb: "POST", path: method.path, body: "*", response_body: "", additional: Vec::new() };
    let stated = method.http.iter().flat_map(|rule| [rule].into_iter().chain(&rule.additional));
    // A method may state just the rule that it would have anyway.
    let restated = stated.clone().any(|rule| rule.verb == plain.verb && rule.path == plain.path);
    stated.cloned().map(|rule| (rule, false)).chain((!restated).then_some((plain, true)))
}

fn add(
    routes: &mut Routes,
    service: &'static Service,
    method: &'static Method,
    rule: &HttpRule,
    plain: bool,
) -> Result<(), Fault> {
    let fault = |reason| Fault::Rule { rule: described(method, rule.verb, rule.path), reason };
    let template = Template::parse(rule.path).map_err(|reason| fault(format!("the path {reason}")))?;
    let index = routes.routes.len();
    let route = route(index, service, method, rule, plain, template).map_err(fault)?;
    if let Some(other) = routes.root.insert(&route.pattern, route.verb.as_ref(), index) {
        let other = routes.routes.get(other).map(|other| described(other.method, rule.verb, other.template));
        return Err(Fault::Conflict([other.unwrap_or_default(), described(method, rule.verb, rule.path)]));
    }
    routes.routes.push(route);
    Ok(())
}

fn described(method: &Method, verb: &str, path: &str) -> String {
    format!("{} ({verb} {path})", method.path.trim_start_matches('/').replace('/', "."))
}

fn route(
    index: usize,
    service: &'static Service,
    method: &'static Method,
    rule: &HttpRule,
    plain: bool,
    pattern: Template,
) -> Result<Route, String> {
    let verb = Some(rule.verb).filter(|verb| *verb != "*");
    let verb = verb.map(|verb| verb.parse::<http::Method>().map_err(|_| format!("{verb:?} is no HTTP method")));
    let mut variables = Vec::with_capacity(pattern.variables.len());
    for variable in &pattern.variables {
        let field = FieldPath::of_template(method.input, &variable.field)?;
        variables.push((variable.clone(), field));
    }
    let body = match rule.body {
        "" => Body::None,
        "*" => Body::All,
        name => Body::Field(top_level(method.input, "body", name)?),
    };
    let response_body = Some(rule.response_body).filter(|name| !name.is_empty());
    let verb = verb.transpose()?;
    Ok(Route {
        index,
        service,
        method,
        template: rule.path,
        plain,
        mask: update_mask(verb.as_ref(), method, body),
        body,
        response_body: response_body.map(|name| top_level(method.output, "response_body", name)).transpose()?,
        variables,
        pattern,
        verb,
    })
}

/// The field that a rule names as body, which has to be one of the message itself.
fn top_level(message: MessageType, what: &str, name: &str) -> Result<&'static Field, String> {
    message.field(name).filter(|field| field.name == name).ok_or_else(|| {
        let nearest = nearest(name, message.fields().iter().map(|field| field.name));
        let nearest = nearest.map_or_else(String::new, |nearest| format!("; did you mean {nearest:?}?"));
        format!("{what} {name:?} is no field of {}{nearest}", message.full_name())
    })
}

/// The field that is filled with what a `PATCH` brings: the only mask of the request.
fn update_mask(verb: Option<&http::Method>, method: &Method, body: Body) -> Option<&'static Field> {
    let Body::Field(of) = body else { return None };
    let Some(Kind::Message(_)) = (verb == Some(&http::Method::PATCH) && !of.repeated).then_some(of.kind) else {
        return None;
    };
    let is_mask = |field: &&Field| {
        matches!(field.kind, Kind::Message(it) if it.full_name() == "google.protobuf.FieldMask") && !field.repeated
    };
    let mut masks = method.input.fields().iter().filter(is_mask);
    masks.next().filter(|_| masks.next().is_none())
}
