//! What a vector is made of, as `testdata/vectors/README.md` describes it. A key that is not there is an error.

use std::{collections::BTreeMap, fs, path::Path};

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vector {
    #[serde(rename = "about", default)]
    _about: String,
    steps: Vec<Value>,
}

/// One step, its values filled in.
pub(crate) enum Step {
    /// Of gRPC.
    Call(Call),
    /// Of REST.
    Request(Request),
}

/// A call of gRPC.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Call {
    pub(crate) method: String,
    #[serde(default)]
    pub(crate) requests: Vec<Value>,
    #[serde(default)]
    pub(crate) metadata: BTreeMap<String, OneOrMany>,
    #[serde(default = "half_a_minute")]
    pub(crate) timeout: String,
    #[serde(default)]
    pub(crate) compression: Option<Compression>,
    #[serde(default)]
    pub(crate) hold: bool,
    #[serde(default)]
    pub(crate) cancel: Option<Cancel>,
    #[serde(default)]
    pub(crate) expect: Outcome,
}

/// What a call of gRPC must come to.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(crate) struct Outcome {
    #[serde(default)]
    pub(crate) code: Option<String>,
    #[serde(default)]
    pub(crate) message: Option<String>,
    #[serde(default)]
    pub(crate) details: Option<Value>,
    #[serde(default)]
    pub(crate) responses: Option<Value>,
    #[serde(default)]
    pub(crate) includes: Option<Vec<Value>>,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, Value>,
    #[serde(default)]
    pub(crate) trailers: BTreeMap<String, Value>,
    #[serde(default)]
    pub(crate) encoding: Option<String>,
}

/// A value of metadata, or several of one key.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

/// How requests are compressed.
#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Compression {
    Gzip,
}

/// When the client cancels.
#[derive(Deserialize, Clone, Copy, PartialEq)]
pub(crate) enum Cancel {
    #[serde(rename = "after-requests")]
    Requests,
    #[serde(rename = "after-headers")]
    Headers,
    #[serde(rename = "after-responses")]
    Responses(usize),
}

/// A request of REST.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    pub(crate) http: String,
    pub(crate) path: String,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) body: Option<Value>,
    #[serde(default)]
    pub(crate) lines: Option<Vec<Value>>,
    #[serde(default)]
    pub(crate) text: Option<String>,
    #[serde(default)]
    pub(crate) take: Option<usize>,
    pub(crate) expect: Answer,
}

/// What a request of REST must come to.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, Value>,
    #[serde(default)]
    pub(crate) body: Option<Value>,
    #[serde(default)]
    pub(crate) lines: Option<Value>,
    #[serde(default)]
    pub(crate) events: Option<Value>,
    #[serde(default)]
    pub(crate) text: Option<Value>,
}

fn half_a_minute() -> String {
    "30s".to_owned()
}

/// The steps of a file, whose values are still to be filled in.
///
/// # Errors
/// If it cannot be read or is no vector.
pub(crate) fn read(file: &Path) -> Result<Vec<Value>, String> {
    let place = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
    let text = fs::read_to_string(file).map_err(|error| place(&error))?;
    let vector: Vector = serde_json::from_str(&text).map_err(|error| place(&error))?;
    if vector.steps.is_empty() {
        return Err(place(&"has no step"));
    }
    for (at, raw) in vector.steps.iter().enumerate() {
        step(raw.clone()).map_err(|error| place(&format!("step {}: {error}", at + 1)))?;
    }
    Ok(vector.steps)
}

/// What a step says.
///
/// # Errors
/// If it says something that is not described.
pub(crate) fn step(raw: Value) -> Result<Step, String> {
    if raw.get("http").is_some() {
        let request: Request = typed(raw)?;
        let bodies = [request.body.is_some(), request.lines.is_some(), request.text.is_some()];
        let answers = &request.expect;
        let answers =
            [answers.body.is_some(), answers.lines.is_some(), answers.events.is_some(), answers.text.is_some()];
        let several = |given: &[bool]| given.iter().filter(|given| **given).count() > 1;
        if several(&bodies) || several(&answers) {
            return Err("there is one form of body, and one of what is expected".to_owned());
        }
        return Ok(Step::Request(request));
    }
    typed(raw).map(Step::Call)
}

fn typed<T: DeserializeOwned>(raw: Value) -> Result<T, String> {
    serde_json::from_value(raw).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_key_that_is_not_described_is_an_error() {
        assert!(step(json!({"method": "a/B", "requests": [{}], "expect": {"code": "OK"}})).is_ok());
        assert!(step(json!({"http": "GET", "path": "/", "expect": {"status": 200, "lines": []}})).is_ok());
        for wrong in [
            json!({"method": "a/B", "request": {}}),
            json!({"method": "a/B", "expect": {"status": 200}}),
            json!({"method": "a/B", "cancel": {"after-bytes": 1}}),
            json!({"method": "a/B", "compression": "zstd"}),
            json!({"http": "GET", "path": "/", "expect": {"code": "OK"}}),
            json!({"http": "GET", "path": "/", "expect": {}}),
            json!({"http": "GET", "path": "/", "expect": {"status": 200, "lines": [], "body": {}}}),
        ] {
            assert!(step(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_vector_of_the_project_is_one() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/vectors");
        for name in crate::found(&folder).unwrap() {
            read(&folder.join(format!("{name}.json"))).unwrap();
        }
    }
}
