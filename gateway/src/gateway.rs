//! The service at a web address: what a request is for, and who answers it.

use std::sync::Arc;

use campus_chassis::{Routed, WebBody, WebRoute, WebService};
use campus_client::{Channel, Metrics};
use campus_schema::{Schema, SchemaError};
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, header, request};
use tonic::{Code, Status, body::Body};

use crate::{
    Backend, RestConfig,
    backend::{BackendError, assign},
    bind::{Bound, FieldPath, Raw},
    fault::Fault,
    openapi::Document,
    page::Pages,
    route::{BadRoutes, Found, Route, Routes},
    stream, trouble, unary,
    web::{cors, cors::Cors},
};

/// REST before some backends, for one event loop.
pub struct Gateway {
    pub(crate) table: Arc<Table>,
    /// As the backends of the table.
    pub(crate) channels: Vec<Channel>,
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateway").field("backends", &self.table.backends).finish_non_exhaustive()
    }
}

/// What all event loops share.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) config: RestConfig,
    pub(crate) routes: Routes,
    /// As the routes.
    pub(crate) plans: Vec<Plan>,
    /// Where types are looked up: those that are served, then those that are built in.
    pub(crate) schemas: Vec<Schema>,
    pages: Pages,
    cors: Option<Cors>,
    /// Each with its service config.
    backends: Vec<(Backend, String)>,
    metrics: Metrics,
}

/// What is known of a route before any request.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Place of its backend.
    pub(crate) backend: usize,
    /// Of the method, for gRPC.
    pub(crate) uri: Uri,
    pub(crate) raw: Raw,
    /// The field of the request that holds an etag to compare (AIP-154).
    pub(crate) etag_of_request: Option<FieldPath>,
    /// The number of the field of the reply that holds its etag.
    pub(crate) etag_of_reply: Option<u32>,
    /// The field of the request that makes a record that is not there no error (AIP-134, AIP-135).
    pub(crate) allow_missing: Option<FieldPath>,
    /// The field of the request that tells a repetition from a second request (AIP-155).
    pub(crate) request_id: Option<FieldPath>,
    /// Where a stream says how far it has come.
    pub(crate) resume: Option<stream::Resume>,
}

/// The gateway cannot be put together.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Of the backends.
    #[error(transparent)]
    Backends(#[from] BackendError),
    /// Of the rules in the descriptors.
    #[error(transparent)]
    Routes(#[from] BadRoutes),
    /// Of the descriptors that are built in.
    #[error(transparent)]
    Schema(#[from] SchemaError),
}

impl Gateway {
    /// REST for the services of `schema` that `backends` have.
    ///
    /// # Errors
    /// [`BuildError`], for backends that do not fit the descriptors, and rules that contradict each other.
    pub fn new(schema: Schema, backends: &[Backend], config: &RestConfig) -> Result<Self, BuildError> {
        let assigned = assign(backends, schema)?;
        let routes = Routes::build(assigned.iter().map(|(service, _)| *service))?;
        let backend = |route: &Route| assigned.iter().find(|(s, _)| s.full_name == route.service.full_name);
        let plan = |route: &Route| Plan::new(route, backend(route).map_or(0, |(_, place)| *place));
        let plans: Vec<Plan> = routes.all().iter().map(plan).collect();
        let configured = |(place, backend): (usize, &Backend)| {
            let services: Vec<_> =
                assigned.iter().filter(|(_, of)| *of == place).map(|(service, _)| *service).collect();
            (backend.clone(), backend.config_for(&services))
        };
        let table = Table {
            pages: Pages::new(Document::new(&routes, &plans, schema)),
            cors: Cors::new(&config.cors),
            config: config.clone(),
            schemas: vec![schema, Schema::from_descriptors(campus_proto::DESCRIPTORS)?],
            backends: backends.iter().enumerate().map(configured).collect(),
            metrics: Metrics::default(),
            routes,
            plans,
        };
        let channels = table.channels()?;
        Ok(Self { table: Arc::new(table), channels })
    }

    /// Figures of the channels to the backends.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        self.table.metrics.clone()
    }

    /// The backends with a channel each, which carries no calls of clients.
    ///
    /// # Errors
    /// If a backend names no target.
    pub(crate) fn watched(&self) -> Result<Vec<(String, Channel)>, BackendError> {
        let targets = self.table.backends.iter().map(|(backend, _)| backend.target().to_owned());
        Ok(targets.zip(self.table.channels()?).collect())
    }
}

impl Table {
    fn channels(&self) -> Result<Vec<Channel>, BackendError> {
        self.backends.iter().map(|(backend, config)| backend.channel(config, &self.metrics)).collect()
    }
}

impl Plan {
    fn new(route: &Route, backend: usize) -> Self {
        let input = route.method.input;
        let text = |path: &str| FieldPath::of_template(input, path).ok();
        // The etag of a record that is to be made means nothing.
        let changes = matches!(route.verb, Some(Method::PATCH | Method::PUT));
        let of_body = match route.body {
            crate::route::Body::Field(field) if changes => text(&format!("{}.etag", field.name)),
            _ => None,
        };
        let of_reply =
            route.reply_type().filter(|_| route.response_body.is_none()).and_then(|reply| reply.field("etag"));
        Self {
            backend,
            uri: Uri::from_static(route.method.path),
            raw: route.raw(),
            etag_of_request: of_body.or_else(|| text("etag")),
            etag_of_reply: of_reply.map(|field| field.number),
            allow_missing: text("allow_missing"),
            request_id: text("request_id"),
            resume: stream::Resume::of(route.method),
        }
    }
}

/// What a request is for.
pub(crate) enum Purpose {
    /// A method, by its route.
    Call(usize, Bound),
    /// To know what there is (`OPTIONS`).
    Options(String),
    /// A page that asks whether it may.
    Preflight(String),
    /// A page of the gateway itself.
    Page(usize),
    /// Nothing there is.
    Lost(Fault),
}

impl Table {
    fn purpose(&self, head: &request::Parts) -> (Option<usize>, Purpose) {
        match self.find(head) {
            Ok(Purpose::Call(route, bound)) => (Some(route), Purpose::Call(route, bound)),
            // They stand behind the methods, see `WebService::routes`.
            Ok(Purpose::Page(page)) => (Some(self.routes.all().len() + page), Purpose::Page(page)),
            Ok(other) => (None, other),
            Err((route, fault)) => (route, Purpose::Lost(fault)),
        }
    }

    fn find(&self, head: &request::Parts) -> Result<Purpose, (Option<usize>, Fault)> {
        let (path, query) = (head.uri.path(), head.uri.query().unwrap_or_default());
        let limit = self.config.max_uri.0;
        if (path.len() + query.len()) as u64 > limit {
            let message = format!("the path with its query is longer than {limit} bytes; send less in one request");
            return Err((None, Fault::new(StatusCode::URI_TOO_LONG, Code::InvalidArgument, "URI_TOO_LONG", message)));
        }
        if head.method == Method::OPTIONS {
            return self.options(head, path).map_err(|fault| (None, fault));
        }
        let method = if head.method == Method::HEAD { &Method::GET } else { &head.method };
        match self.routes.find(method, path) {
            Found::Route(route, captured) => match route.bind(captured, query) {
                Ok(bound) => Ok(Purpose::Call(route.index, bound)),
                Err(violations) => Err((Some(route.index), violations.into())),
            },
            Found::OtherMethods(methods) => Err((None, not_allowed(&head.method, &methods))),
            Found::Nothing => match self.pages.find(path) {
                Some(page) if *method == Method::GET => Ok(Purpose::Page(page)),
                Some(_) => Err((None, not_allowed(&head.method, &[&Method::GET]))),
                None => Err((None, self.nothing(path))),
            },
        }
    }

    fn is_stream(&self, route: usize) -> bool {
        let route = self.routes.all().get(route);
        route.is_some_and(|route| route.method.client_streaming || route.method.server_streaming)
    }

    fn options(&self, head: &request::Parts, path: &str) -> Result<Purpose, Fault> {
        let mut methods = self.routes.methods(path);
        if methods.is_empty() {
            methods.extend(self.pages.find(path).map(|_| &Method::GET));
        }
        if methods.is_empty() && path != "*" {
            return Err(self.nothing(path));
        }
        let methods = allow(&methods);
        let preflight = self.cors.is_some() && cors::is_preflight(&head.method, &head.headers);
        Ok(if preflight { Purpose::Preflight(methods) } else { Purpose::Options(methods) })
    }

    fn nothing(&self, path: &str) -> Fault {
        let hint = self.routes.nearest(path).map(|nearest| format!("; did you mean {nearest}?"));
        let message = format!("there is nothing at this path{}", hint.as_deref().unwrap_or(""));
        Fault::new(StatusCode::NOT_FOUND, Code::NotFound, "UNKNOWN_PATH", message)
    }
}

/// For `Allow`: the methods there are, and those that come with them.
fn allow(methods: &[&Method]) -> String {
    let mut names: Vec<&str> = methods.iter().map(|method| method.as_str()).collect();
    if names.contains(&"GET") {
        names.push("HEAD");
    }
    names.push("OPTIONS");
    names.join(", ")
}

fn not_allowed(method: &Method, methods: &[&Method]) -> Fault {
    let allowed = allow(methods);
    let message = format!("{method} is not possible at this path; {allowed} are");
    let fault = Fault::new(StatusCode::METHOD_NOT_ALLOWED, Code::Unimplemented, "METHOD_NOT_ALLOWED", message);
    match HeaderValue::try_from(allowed) {
        Ok(allowed) => fault.with(header::ALLOW, allowed),
        Err(_) => fault,
    }
}

/// What is left of a request once it is known what it is for.
pub(crate) struct Exchange {
    pub(crate) gateway: Arc<Gateway>,
    /// Place of the route.
    pub(crate) route: usize,
    pub(crate) bound: Bound,
    pub(crate) head: request::Parts,
    pub(crate) body: WebBody,
}

impl Gateway {
    /// A route, what is known of it, and where its calls go.
    pub(crate) fn way(&self, route: usize) -> Result<(&Route, &Plan, &Channel), Fault> {
        let table = &self.table;
        let known = table.routes.all().get(route).zip(table.plans.get(route));
        let way = known.and_then(|(route, plan)| Some((route, plan, self.channels.get(plan.backend)?)));
        way.ok_or_else(|| trouble::bad_reply("a route without a plan or a backend").into())
    }

    async fn answer(self: Arc<Self>, purpose: Purpose, head: request::Parts, body: WebBody) -> Response<Body> {
        let is_head = head.method == Method::HEAD;
        let origin = self.table.cors.as_ref().and_then(|_| head.headers.get(header::ORIGIN).cloned());
        let outcome = match purpose {
            Purpose::Call(route, bound) => {
                let exchange = Exchange { gateway: Arc::clone(&self), route, bound, head, body };
                if self.table.is_stream(route) { stream::answer(exchange).await } else { unary::answer(exchange).await }
            }
            Purpose::Options(methods) => Ok(options(&methods)),
            Purpose::Preflight(methods) => match &self.table.cors {
                Some(cors) => return cors.preflight(&head.headers, &methods),
                None => Ok(options(&methods)),
            },
            Purpose::Page(place) => Ok(self.table.pages.answer(place, &head.headers)),
            Purpose::Lost(fault) => Err(fault),
        };
        let mut response = outcome.unwrap_or_else(|fault| fault.response(&self.table.schemas));
        if let Some(cors) = &self.table.cors {
            cors.decorate(origin.as_ref(), response.headers_mut());
        }
        if is_head { without_body(response) } else { response }
    }
}

fn options(methods: &str) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    if let Ok(methods) = methods.parse() {
        response.headers_mut().insert(header::ALLOW, methods);
    }
    response
}

/// The answer to `HEAD`: it tells how long a body would be.
fn without_body(mut response: Response<Body>) -> Response<Body> {
    if let Some(size) = http_body::Body::size_hint(response.body()).exact() {
        response.headers_mut().entry(header::CONTENT_LENGTH).or_insert(size.into());
    }
    response.map(|_| Body::empty())
}

impl WebService for Gateway {
    fn for_event_loop(&self) -> Self {
        // The targets were read before.
        let channels = self.table.channels().unwrap_or_default();
        Self { table: Arc::clone(&self.table), channels }
    }

    fn routes(&self) -> Vec<WebRoute> {
        let named = |route: &Route| WebRoute {
            method: route.verb.as_ref().map_or("_OTHER", Method::as_str).to_owned(),
            path: route.template.to_owned(),
        };
        let page = |path: &str| WebRoute { method: Method::GET.to_string(), path: path.to_owned() };
        self.table.routes.all().iter().map(named).chain(self.table.pages.paths().map(page)).collect()
    }

    fn call(
        self: &Arc<Self>,
        request: Request<WebBody>,
    ) -> Routed<impl Future<Output = Response<Body>> + Send + 'static> {
        let (head, body) = request.into_parts();
        let (route, purpose) = self.table.purpose(&head);
        Routed { route, reply: Arc::clone(self).answer(purpose, head, body) }
    }

    fn refuse(&self, status: &Status, code: Option<StatusCode>) -> Response<Body> {
        Fault::refused(status.clone(), code).response(&self.table.schemas)
    }
}
