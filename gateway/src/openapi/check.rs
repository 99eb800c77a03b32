//! Transcodes the examples of the document to protobuf and back.

use campus_schema::{JsonOptions, MessageType, Schema};
use serde_json::Value;

use super::{example, operation::Operation};
use crate::route::{Found, Routes};

/// An example of the OpenAPI document that the gateway itself would not take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the OpenAPI example of {route} is wrong: {reason}")]
pub struct BadExample {
    /// The method and the path.
    pub route: String,
    /// What is wrong.
    pub reason: String,
}

/// Sends the examples of an operation through its route, as a client would.
pub(super) fn operation(routes: &Routes, operation: &Operation<'_>, schema: Schema) -> Result<(), BadExample> {
    let route = operation.route;
    let bad = |reason: String| BadExample { route: route.to_string(), reason };
    let path = operation.path.example();
    let verb = route.verb.clone().unwrap_or(http::Method::POST);
    let Found::Route(found, captured) = routes.find(&verb, &path) else {
        return Err(bad(format!("nothing is found at {path}")));
    };
    if found.index != route.index {
        return Err(bad(format!("{path} leads to {found}")));
    }
    let query = operation.query(schema);
    let query: Vec<String> = query.iter().filter_map(|parameter| parameter.pair()).collect();
    let bound = route.bind(captured, &query.join("&")).map_err(|faults| bad(faults.to_string()))?;
    let body = operation.body_example(schema).map(|body| body.to_string()).unwrap_or_default();
    let mut message = Vec::new();
    if !route.raw().request {
        route.request(&bound, body.as_bytes(), &mut message).map_err(|faults| bad(faults.to_string()))?;
        let mut text = String::new();
        let written = route.method.input.to_json(&message, &JsonOptions::default(), &mut text);
        written.map_err(|fault| bad(format!("the request: {fault}")))?;
    }
    match route.reply_type() {
        Some(reply) if !route.raw().reply => {
            there_and_back(reply, &example::message(reply, example::Of::Reply, schema)).map_err(bad)
        }
        _ => Ok(()),
    }
}

fn there_and_back(message: MessageType, example: &Value) -> Result<(), String> {
    let bytes = message.from_json(&example.to_string()).map_err(|error| format!("the reply: {error}"))?;
    let mut text = String::new();
    message.to_json(&bytes, &JsonOptions::default(), &mut text).map_err(|fault| format!("the reply: {fault}"))?;
    let back: Value = serde_json::from_str(&text).map_err(|error| format!("the reply: {error}"))?;
    if back == *example { Ok(()) } else { Err(format!("the reply {example} comes back as {back}")) }
}
