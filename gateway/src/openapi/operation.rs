//! One way to reach a method, as OpenAPI describes it.

use campus_schema::{Field, Kind, MessageType, Schema};
use http::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use super::{
    example::{self, Of},
    path::OpenPath,
    reference,
    schema::Schemas,
};
use crate::{
    bind::FieldPath,
    gateway::Plan,
    route::{Body, Route},
};

/// Fields inside of so many messages are no parameters of a query here.
const DEPTH: usize = 3;

/// A route, and what is known of it.
pub(super) struct Operation<'a> {
    pub(super) route: &'a Route,
    pub(super) plan: &'a Plan,
    pub(super) path: &'a OpenPath,
    /// One that leads to the route.
    pub(super) verb: Method,
}

/// A parameter of the query.
pub(super) struct Parameter {
    name: String,
    field: &'static Field,
    parent: MessageType,
    example: Option<String>,
}

impl Parameter {
    /// As a query has it, if there is an example.
    pub(super) fn pair(&self) -> Option<String> {
        Some(format!("{}={}", self.name, utf8_percent_encode(self.example.as_deref()?, NON_ALPHANUMERIC)))
    }

    fn describe(&self, schemas: &mut Schemas) -> Value {
        let comment = schemas.schema.comment(&format!("{}.{}", self.parent.full_name(), self.field.name));
        let mut described = json!({
            "name": self.name,
            "in": "query",
            "schema": schemas.parameter(self.field),
            "description": comment.unwrap_or_default(),
        });
        if let Some(object) = described.as_object_mut() {
            object.extend(self.field.required.then(|| ("required".to_owned(), true.into())));
            object.extend(self.example.clone().map(|example| {
                let example = example::described(self.field.kind, &example);
                let example = if self.field.repeated { json!([example]) } else { example };
                ("example".to_owned(), example)
            }));
            object.extend(matches!(self.field.kind, Kind::Map(_)).then(|| ("style".to_owned(), "deepObject".into())));
        }
        described
    }
}

impl Operation<'_> {
    /// Its full name.
    pub(super) fn method(&self) -> String {
        format!("{}.{}", self.route.service.full_name, self.route.method.name)
    }

    /// The fields of the request that are neither in the path nor in the body.
    pub(super) fn query(&self, schema: Schema) -> Vec<Parameter> {
        let mut parameters = Vec::new();
        if !matches!(self.route.body, Body::All) {
            self.below(self.route.method.input, "", 0, schema, &mut parameters);
        }
        parameters
    }

    fn below(&self, message: MessageType, before: &str, depth: usize, schema: Schema, out: &mut Vec<Parameter>) {
        for field in message.fields() {
            let in_path = self.route.variables().any(|path| path.to_string() == format!("{before}{}", field.name));
            let in_body = depth == 0 && matches!(self.route.body, Body::Field(body) if body.number == field.number);
            if in_path || in_body || field.output_only {
                continue;
            }
            let name = format!("{before}{}", field.name);
            let takes_text = match field.kind {
                Kind::Map(map) => map.value().takes_text(),
                kind => kind.takes_text(),
            };
            match field.message() {
                _ if takes_text => {
                    let known = example::of_comment(field, Some(message), schema);
                    let required = || field.required.then(|| example::plain(field, Some(message), schema)).flatten();
                    let example = known.map(str::to_owned).or_else(required);
                    out.push(Parameter { name, field, parent: message, example });
                }
                Some(inner) if !field.repeated && depth < DEPTH => {
                    self.below(inner, &format!("{name}."), depth + 1, schema, out);
                }
                _ => {}
            }
        }
    }

    /// A body that a client could send: one message of it where it is a stream.
    pub(super) fn body_example(&self, schema: Schema) -> Option<Value> {
        let message = self.route.body_type().filter(|_| !self.route.raw().request)?;
        let of = if matches!(self.route.body, Body::Field(_)) { Of::Nameless } else { Of::Request };
        let mut one = example::message(message, of, schema)?;
        for path in self.route.variables() {
            leave_out(&mut one, path, self.route.body);
        }
        let many = matches!(self.route.body, Body::Field(field) if field.repeated);
        Some(if many { json!([one]) } else { one })
    }

    pub(super) fn describe(&self, schemas: &mut Schemas, id: &str, tag: &str) -> Value {
        let method = self.route.method;
        let comment = schemas.schema.comment(&self.method()).unwrap_or_default();
        let summary = comment.split_once(". ").map_or(comment, |(first, _)| first);
        let summary = summary.split("\n\n").next().unwrap_or_default().replace('\n', " ");
        let mut described = json!({
            "operationId": id,
            "tags": [tag],
            "summary": summary.trim_end_matches('.'),
            "description": comment,
            "x-grpc-method": method.path.trim_start_matches('/'),
            "responses": self.responses(schemas),
        });
        if let Some(object) = described.as_object_mut() {
            let parameters = self.parameters(schemas);
            object.extend((!parameters.is_empty()).then(|| ("parameters".to_owned(), parameters.into())));
            object.extend(self.request_body(schemas).map(|body| ("requestBody".to_owned(), body)));
        }
        described
    }

    fn parameters(&self, schemas: &mut Schemas) -> Vec<Value> {
        let mut parameters = Vec::new();
        for parameter in &self.path.parameters {
            let mut described = json!({
                "name": parameter.name,
                "in": "path",
                "required": true,
                "schema": { "type": "string", "minLength": 1 },
                "example": parameter.example,
            });
            let comment = parameter
                .field
                .zip(parameter.parent)
                .and_then(|(field, parent)| schemas.schema.comment(&format!("{}.{}", parent.full_name(), field.name)));
            let mut text = comment.unwrap_or_default().to_owned();
            if parameter.many {
                text.push_str("\nIt may be several segments, with slashes between.");
            }
            if let Some(object) = described.as_object_mut() {
                object.insert("description".to_owned(), text.trim().into());
                if let Some(field) = parameter.field.filter(|field| parameter.whole && field.kind != Kind::String) {
                    object.insert("schema".to_owned(), schemas.parameter(field));
                    object.insert("example".to_owned(), example::described(field.kind, &parameter.example));
                }
            }
            parameters.push(described);
        }
        parameters.extend(self.query(schemas.schema).iter().map(|parameter| parameter.describe(schemas)));
        parameters.extend(self.headers());
        parameters
    }

    fn headers(&self) -> Vec<Value> {
        let mut headers = Vec::new();
        let mut header = |name: &str, text: &str| {
            headers.push(json!({
                "name": name, "in": "header", "schema": { "type": "string" }, "description": text,
            }));
        };
        let is_get = self.verb == Method::GET;
        if is_get && self.plan.etag_of_reply.is_some() && !self.route.method.server_streaming {
            header("If-None-Match", "An etag: answers 304 without a body if it is still the record's.");
        } else if !is_get && self.plan.etag_of_request.is_some() {
            header("If-Match", "An etag: answers 412 and changes nothing if it is no longer the record's.");
        }
        if self.plan.request_id.is_some() {
            header("Idempotency-Key", "A UUID: a request that is sent again with it has its effect once.");
        }
        if self.plan.resume.is_some() {
            header("Last-Event-ID", "The `id` of the last event that was taken in: the stream goes on behind it.");
        }
        headers
    }

    fn request_body(&self, schemas: &mut Schemas) -> Option<Value> {
        if self.route.raw().request {
            return Some(json!({ "content": { "*/*": { "schema": {} } } }));
        }
        let example = self.body_example(schemas.schema);
        let schema = match self.route.body {
            Body::None => return None,
            Body::All => schemas.message(self.route.method.input),
            Body::Field(field) => schemas.field(field),
        };
        if self.route.method.client_streaming {
            let line = example.as_ref().map(|example| format!("{example}\n"));
            return Some(json!({ "required": true, "content": {
                "application/x-ndjson": { "schema": lines(&schema, "A JSON value on each line"), "example": line },
                "application/json": { "schema": { "type": "array", "items": schema }, "example": example.as_ref().map(|example| [example]) },
            }}));
        }
        let is_partial = self.verb == Method::PATCH;
        let required: Vec<&str> = self.route.body_type().map_or_else(Vec::new, |message| {
            message.fields().iter().filter(|field| field.required).map(|field| field.json_name).collect()
        });
        let schema = if is_partial || required.is_empty() {
            schema
        } else {
            json!({ "allOf": [schema, { "required": required }] })
        };
        Some(json!({
            "required": !is_partial && !required.is_empty(),
            "content": { "application/json": { "schema": schema, "example": example } },
        }))
    }

    fn responses(&self, schemas: &mut Schemas) -> Value {
        let mut responses = Map::new();
        responses.insert("200".to_owned(), self.answer(schemas));
        if self.plan.resume.is_some() {
            let text = "There is nothing more behind `Last-Event-ID`; for `text/event-stream` only.";
            responses.insert("204".to_owned(), json!({ "description": text }));
        }
        let safe = self.verb == Method::GET;
        if safe && self.plan.etag_of_reply.is_some() && !self.route.method.server_streaming {
            let text = "The record still has the etag of `If-None-Match`.";
            responses.insert("304".to_owned(), json!({ "description": text }));
        }
        responses.insert("default".to_owned(), json!({ "$ref": "#/components/responses/Error" }));
        responses.into()
    }

    fn answer(&self, schemas: &mut Schemas) -> Value {
        let method = self.route.method;
        if self.route.raw().reply {
            return json!({ "description": "Bytes.", "content": { "*/*": { "schema": {} } } });
        }
        let schema = match self.route.response_body {
            None => schemas.message(method.output),
            Some(field) => schemas.field(field),
        };
        let example = self
            .route
            .reply_type()
            .and_then(|reply| example::message(reply, Of::Reply, schemas.schema))
            .filter(|_| !self.route.response_body.is_some_and(|field| field.repeated));
        if !method.server_streaming {
            let mut answer = json!({
                "description": "The answer.",
                "content": { "application/json": { "schema": schema, "example": example } },
            });
            if let (Some(_), Some(object)) = (self.plan.etag_of_reply, answer.as_object_mut()) {
                let header = json!({ "schema": { "type": "string" }, "description": "The etag of the record." });
                object.insert("headers".to_owned(), json!({ "ETag": header }));
            }
            return answer;
        }
        let one = json!({ "anyOf": [schema, reference("Error")] });
        let text = |before: &str, behind: &str| example.as_ref().map(|example| format!("{before}{example}{behind}"));
        json!({
            "description": "A stream. An error that comes after its beginning is its last element, with the one member \
                            `error`.",
            "content": {
                "application/json": {
                    "schema": { "type": "array", "items": one },
                    "example": example.as_ref().map(|example| [example]),
                },
                "application/x-ndjson": {
                    "schema": lines(&one, "A JSON value on each line"),
                    "example": text("", "\n"),
                },
                "text/event-stream": {
                    "schema": lines(&one, "Events whose `data` is a JSON value and whose `id` is what `Last-Event-ID` \
                                           takes; `event: error` or `event: end` is the last one"),
                    "example": text("data: ", "\n\n"),
                },
            },
        })
    }
}

/// A text that consists of JSON values.
fn lines(one: &Value, text: &str) -> Value {
    json!({ "type": "string", "description": text, "contentMediaType": "application/json", "contentSchema": one })
}

/// Takes out of an example of the body what the path says.
fn leave_out(body: &mut Value, path: &FieldPath, of: Body) {
    let mut fields = path.inside().iter().copied().chain([path.leaf()]);
    if let Body::Field(body) = of
        && fields.next().is_none_or(|first| first.number != body.number)
    {
        return;
    }
    let mut fields = fields.peekable();
    let mut here = body.as_object_mut();
    while let (Some(field), Some(object)) = (fields.next(), here) {
        if fields.peek().is_none() {
            object.remove(field.json_name);
        }
        here = object.get_mut(field.json_name).and_then(Value::as_object_mut);
    }
}
