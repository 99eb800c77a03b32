//! Transcodes the examples of the document to protobuf and back.

use campus_schema::{JsonOptions, MessageType, Schema};
use serde_json::Value;

use super::{
    example,
    operation::{Operation, Parameter},
};
use crate::route::{Found, Routes};

/// An example that the gateway itself would not take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the OpenAPI document has no examples of {method} ({route}): {reason}")]
pub(super) struct BadExample {
    method: String,
    route: String,
    reason: String,
}

/// Sends the examples of an operation through its route, as a client would.
pub(super) fn operation(routes: &Routes, operation: &Operation<'_>, schema: Schema) -> Result<(), BadExample> {
    transcode(routes, operation, schema).map_err(|reason| BadExample {
        method: operation.method(),
        route: operation.route.to_string(),
        reason,
    })
}

fn transcode(routes: &Routes, operation: &Operation<'_>, schema: Schema) -> Result<(), String> {
    let route = operation.route;
    let path = operation.path.example();
    let Found::Route(found, captured) = routes.find(&operation.verb, &path) else {
        return Err(format!("nothing is found at {path}"));
    };
    if found.index != route.index {
        return Err(format!("{path} leads to {found}"));
    }
    let query = operation.query(schema);
    let query: Vec<String> = query.iter().filter_map(Parameter::pair).collect();
    let bound = route.bind(captured, &query.join("&")).map_err(|faults| faults.to_string())?;
    let body = operation.body_example(schema).map(|body| body.to_string()).unwrap_or_default();
    let mut message = Vec::new();
    if !route.raw().request {
        route.request(&bound, body.as_bytes(), &mut message).map_err(|faults| faults.to_string())?;
        let mut text = String::new();
        let written = route.method.input.to_json(&message, &JsonOptions::default(), &mut text);
        written.map_err(|fault| format!("the request: {fault}"))?;
    }
    let reply = route.reply_type().filter(|_| !route.raw().reply);
    let example = reply.and_then(|reply| Some((reply, example::message(reply, example::Of::Reply, schema)?)));
    example.map_or(Ok(()), |(reply, example)| there_and_back(reply, &example))
}

fn there_and_back(message: MessageType, example: &Value) -> Result<(), String> {
    let bytes = message.from_json(&example.to_string()).map_err(|error| format!("the reply: {error}"))?;
    let mut text = String::new();
    message.to_json(&bytes, &JsonOptions::default(), &mut text).map_err(|fault| format!("the reply: {fault}"))?;
    let back: Value = serde_json::from_str(&text).map_err(|error| format!("the reply: {error}"))?;
    if back == *example { Ok(()) } else { Err(format!("the reply {example} comes back as {back}")) }
}
