//! Requests as generated REST clients send them.

use std::{fmt::Write, sync::LazyLock};

use campus_gateway::route::Routes;
use serde_json::{Map, Value};

use crate::{contract::Contract, run, same};

static SHOWCASE: LazyLock<(Contract, Routes)> = LazyLock::new(|| {
    let contract = Contract::new(include_str!("showcase.proto"));
    let routes = contract.routes().unwrap();
    (contract, routes)
});

fn request(method: &str, uri: &str, body: &str) -> Result<Value, String> {
    let (contract, routes) = &*SHOWCASE;
    contract.request(routes, method, uri, body).map_err(|faults| faults.to_string())
}

#[test]
fn requests_arrive_as_they_were_meant_whatever_way_they_take() {
    run(include_str!("showcase.json"), |case| {
        let meant = &case["request"];
        for rpc in case["rpcs"].as_array().unwrap() {
            let (method, uri, body) = sent(rpc.as_str().unwrap(), meant);
            let found = request(method, &uri, &body).map_err(|problem| format!("{uri}: {problem}"))?;
            same(&found, meant).map_err(|problem| format!("{uri}: {problem}"))?;
        }
        Ok(())
    });
}

#[test]
fn keys_of_a_query_lead_to_their_fields() {
    run(include_str!("showcase_query.json"), |case| {
        let pairs = case["query"].as_array().unwrap().iter();
        let pairs = pairs.map(|pair| (pair[0].as_str().unwrap().to_owned(), pair[1].clone()));
        match (request("GET", &format!("/v1/data?{}", query(pairs)), ""), &case["request"]) {
            (Err(_), Value::Null) => Ok(()),
            (Err(problem), _) => Err(problem),
            (Ok(found), expected) => same(&found, expected),
        }
    });
}

/// What a client sends: HTTP method, path with query, body.
fn sent(rpc: &str, meant: &Value) -> (&'static str, String, String) {
    let mut rest = flat(meant);
    let mut path = String::from("/v1beta1/repeat");
    let mut variables = |rest: &mut Vec<(String, Value)>, pattern: &[&str]| {
        for part in pattern {
            let at = rest.iter().position(|(key, _)| key == part);
            let value = match (at.map(|at| rest.remove(at).1), *part) {
                (Some(value), _) => value,
                (None, "info.fBool") => Value::from(false),
                (None, "info.fKingdom") => Value::from("LIFE_KINGDOM_UNSPECIFIED"),
                (None, "info.fInt32" | "info.fDouble") => Value::from(0),
                (None, literal) => Value::from(literal),
            };
            // Of several segments only what is inside of each is encoded.
            let segments: Vec<String> = text(&value).split('/').map(encoded).collect();
            write!(path, "/{}", segments.join(if pattern.len() == 5 { "%2F" } else { "/" })).unwrap();
        }
    };
    match rpc {
        "body" => ("POST", "/v1beta1/repeat:body".to_owned(), camel(meant).to_string()),
        "bodyput" => ("PUT", "/v1beta1/repeat:bodyput".to_owned(), camel(meant).to_string()),
        "bodypatch" => ("PATCH", "/v1beta1/repeat:bodypatch".to_owned(), camel(meant).to_string()),
        "query" => ("GET", format!("/v1beta1/repeat:query?{}", query(rest)), String::new()),
        "bodyinfo" => {
            rest.retain(|(key, _)| !key.starts_with("info."));
            ("POST", format!("/v1beta1/repeat:bodyinfo?{}", query(rest)), camel(&meant["info"]).to_string())
        }
        "simplepath" => {
            let pattern = ["info.fString", "info.fInt32", "info.fDouble", "info.fBool", "info.fKingdom"];
            variables(&mut rest, &pattern);
            ("GET", format!("{path}:simplepath?{}", query(rest)), String::new())
        }
        "pathresource" => {
            variables(&mut rest, &["info.fString", "info.fChild.fString", "bool", "info.fBool"]);
            ("GET", format!("{path}:pathresource?{}", query(rest)), String::new())
        }
        _ => {
            variables(&mut rest, &["info.fChild.fString", "info.fString", "bool", "info.fBool"]);
            ("GET", format!("{path}:childfirstpathresource?{}", query(rest)), String::new())
        }
    }
}

/// The keys and values of a query for a message.
fn flat(message: &Value) -> Vec<(String, Value)> {
    let mut out = Vec::new();
    for (name, value) in message.as_object().unwrap() {
        let name = camel_name(name);
        if value.is_object() {
            out.extend(flat(value).into_iter().map(|(key, value)| (format!("{name}.{key}"), value)));
        } else {
            out.push((name, value.clone()));
        }
    }
    out
}

fn camel(value: &Value) -> Value {
    let Some(members) = value.as_object() else { return value.clone() };
    Value::Object(members.iter().map(|(name, value)| (camel_name(name), camel(value))).collect::<Map<_, _>>())
}

fn camel_name(name: &str) -> String {
    let mut parts = name.split('_');
    let mut out = parts.next().unwrap().to_owned();
    for part in parts {
        out.push_str(&part[..1].to_uppercase());
        out.push_str(&part[1..]);
    }
    out
}

fn query(pairs: impl IntoIterator<Item = (String, Value)>) -> String {
    let pairs: Vec<String> =
        pairs.into_iter().map(|(key, value)| format!("{}={}", encoded(&key), encoded(&text(&value)))).collect();
    pairs.join("&")
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'-' | b'_' | b'.' | b'~' => out.push(byte.into()),
            byte => write!(out, "%{byte:02X}").unwrap(),
        }
    }
    out
}
