//! What the tests of others expect, as facts: paths, values and texts. `make conformance` prints the figures.
//!
//! A case that is not met says why in its `known`, and has to stay unmet: one that is met after all fails as well, so
//! that the list is never longer than it has to be.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test ends by panicking; the helpers are outside of test functions; the figures are what it is for"
)]

#[path = "../contract/mod.rs"]
mod contract;
mod json;
mod paths;
mod showcase;
mod templates;

use serde_json::Value;

/// Runs each case of a file and prints how many are met; `check` says what is not as it should be.
fn run(file: &str, check: impl Fn(&Value) -> Result<(), String>) {
    let suite: Value = serde_json::from_str(file).unwrap();
    let cases = suite["cases"].as_array().unwrap();
    let (mut passed, mut known, mut failed) = (0, Vec::new(), Vec::new());
    for case in cases {
        match (check(case), case["known"].as_str()) {
            (Ok(()), None) => passed += 1,
            (Ok(()), Some(reason)) => failed.push(format!("is met, although it is listed ({reason}): {case}")),
            (Err(_), Some(reason)) => known.push(reason),
            (Err(problem), None) => failed.push(format!("{problem}: {case}")),
        }
    }
    let (name, source) = (suite["suite"].as_str().unwrap(), suite["source"].as_str().unwrap());
    println!("{name}: {passed} passed, {} failed, {} known to differ ({source})", failed.len(), known.len());
    known.sort_unstable();
    for same in known.chunk_by(|one, other| one == other) {
        println!("  {} differ: {}", same.len(), same[0]);
    }
    assert!(failed.is_empty(), "{name}:\n{}", failed.join("\n"));
}

/// What is expected, beside what there is.
fn same(found: &Value, expected: &Value) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("found {found}")) }
}
