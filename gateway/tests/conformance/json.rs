//! ProtoJSON both ways.

use std::sync::LazyLock;

use campus_schema::{JsonOptions, MessageType};
use serde_json::Value;

use crate::{contract::Contract, run, same};

static JSON: LazyLock<Contract> = LazyLock::new(|| Contract::new(include_str!("json.proto")));

#[test]
fn json_is_read_and_written_as_it_is_published() {
    run(include_str!("json.json"), check);
}

fn check(case: &Value) -> Result<(), String> {
    let all = JSON.schema.message("conformance.All").unwrap();
    let bytes = match (case["input"].as_str(), case["wire"].as_str()) {
        (Some(text), _) => all.from_json(text).map_err(|error| error.to_string()),
        (_, wire) => Ok(bytes(wire.unwrap())),
    };
    if let Some(expected) = case.get("message") {
        return match (bytes, expected) {
            (Err(_), Value::Null) => Ok(()),
            (Err(problem), _) => Err(problem),
            (Ok(bytes), expected) => {
                same(&JSON.json("conformance.All", &bytes), expected)?;
                // What is read can be written, and read again.
                let again = all.from_json(&written(all, &bytes)?).map_err(|error| error.to_string())?;
                if again == bytes { Ok(()) } else { Err("is not the same when it is written and read".to_owned()) }
            }
        };
    }
    match (written(all, &bytes?), &case["output"]) {
        (Err(_), Value::Null) => Ok(()),
        (Err(problem), _) => Err(problem),
        (Ok(text), expected) => same(&serde_json::from_str(&text).unwrap(), expected),
    }
}

fn written(all: MessageType, bytes: &[u8]) -> Result<String, String> {
    let mut out = String::new();
    all.to_json(bytes, &JsonOptions::default(), &mut out).map_err(|fault| fault.to_string())?;
    Ok(out)
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}
