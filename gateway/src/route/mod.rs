//! Which method a request is for, by the rules of `google.api.http`.

mod build;
mod near;
mod path;
mod template;
mod trie;

use std::fmt;

use campus_schema::{Field, MessageType, Method, Service};

use self::trie::Node;
pub use self::{
    build::{BadRoutes, Fault},
    path::Captured,
};
pub(crate) use self::{
    path::decode,
    template::{Edge, Segment, Template, Variable},
};
use crate::bind::FieldPath;

/// Every way to reach a method.
#[derive(Debug)]
pub struct Routes {
    root: Node,
    routes: Vec<Route>,
}

/// One way to reach a method.
#[derive(Debug)]
pub struct Route {
    /// Its place in [`Routes::all`].
    pub index: usize,
    /// The service of the method.
    pub service: &'static Service,
    /// The method.
    pub method: &'static Method,
    /// The HTTP method; `None` is any.
    pub verb: Option<http::Method>,
    /// The path template, for example `/v1/{name=employees/*}`.
    pub template: &'static str,
    /// Whether it is the one that every method has, `POST /package.Service/Method`.
    pub plain: bool,
    /// What the body of a request is.
    pub body: Body,
    /// The field of the reply that the body of the answer is; `None` is the whole reply.
    pub response_body: Option<&'static Field>,
    pub(crate) pattern: Template,
    pub(crate) variables: Vec<(Variable, FieldPath)>,
    pub(crate) mask: Option<&'static Field>,
}

/// What the body of a request is.
#[derive(Clone, Copy, Debug)]
pub enum Body {
    /// There is none: all that is not in the path is in the query.
    None,
    /// The whole request without what is in the path.
    All,
    /// This field of the request; the other fields are in the path and the query.
    Field(&'static Field),
}

/// What there is for a request.
#[derive(Debug)]
pub enum Found<'r, 'p> {
    /// A method, and the parts of the path that are fields of its request.
    Route(&'r Route, Captured<'p>),
    /// There is something at this path, but for these HTTP methods only (405, `Allow`).
    OtherMethods(Vec<&'r http::Method>),
    /// There is nothing at this path (404).
    Nothing,
}

impl Routes {
    /// The routes of some services: the rules of their methods, and `POST /package.Service/Method` for each method.
    ///
    /// # Errors
    /// When rules contradict each other or the messages; names all of them.
    pub fn build(services: impl IntoIterator<Item = &'static Service>) -> Result<Self, BadRoutes> {
        build::build(services)
    }

    /// Every route, in the order of the descriptors.
    pub fn all(&self) -> &[Route] {
        &self.routes
    }

    /// What there is at a path as it came, which is without query and not decoded.
    ///
    /// `HEAD` is not taken for `GET` here.
    pub fn find<'p>(&self, method: &http::Method, path: &'p str) -> Found<'_, 'p> {
        for Attempt { path, verb } in attempts(path) {
            let mut found = None;
            self.root.walk(rest(path), &mut |node| {
                found = node.end(verb, method);
                found.is_some()
            });
            if let Some(route) = found.and_then(|at| self.routes.get(at)) {
                return Found::Route(route, Captured::new(path));
            }
        }
        match self.methods(path) {
            methods if methods.is_empty() => Found::Nothing,
            methods => Found::OtherMethods(methods),
        }
    }

    /// The HTTP methods that there are routes for at a path, by name.
    pub fn methods(&self, path: &str) -> Vec<&http::Method> {
        let mut methods = Vec::new();
        for Attempt { path, verb } in attempts(path) {
            self.root.walk(rest(path), &mut |node| {
                methods.extend(node.methods(verb).flatten());
                false
            });
        }
        methods.sort_unstable_by_key(|method| method.as_str());
        methods.dedup();
        methods
    }
}

/// A path without its first slash, and the verb behind it.
struct Attempt<'p> {
    path: &'p str,
    verb: Option<&'p str>,
}

/// What stands behind the last colon of the last segment is a verb where there is such a route, and part of the segment
/// where there is none.
fn attempts(path: &str) -> impl Iterator<Item = Attempt<'_>> {
    let path = path.strip_prefix('/');
    let split = path.and_then(|path| path.rsplit_once(':')).filter(|(_, verb)| !verb.contains('/'));
    let with_verb = split.map(|(path, verb)| Attempt { path, verb: Some(verb) });
    with_verb.into_iter().chain(path.map(|path| Attempt { path, verb: None }))
}

fn rest(path: &str) -> Option<&str> {
    Some(path).filter(|path| !path.is_empty())
}

impl Route {
    /// The message that the body of a request is; `None` when there is no body or when it is no message.
    pub fn body_type(&self) -> Option<MessageType> {
        match self.body {
            Body::None => None,
            Body::All => Some(self.method.input),
            Body::Field(field) => field.message(),
        }
    }

    /// The message that the body of an answer is; `None` when it is no message.
    pub fn reply_type(&self) -> Option<MessageType> {
        self.response_body.map_or(Some(self.method.output), Field::message)
    }

    /// The parts of the path that are fields of the request, as paths of proto names.
    pub fn variables(&self) -> impl Iterator<Item = &FieldPath> {
        self.variables.iter().map(|(_, field)| field)
    }
}

/// For example `GET /v1/{name=employees/*}`.
impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb.as_ref().map_or("*", http::Method::as_str), self.template)
    }
}
