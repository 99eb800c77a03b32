//! Which path templates are templates.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{contract::Contract, run};

#[test]
fn templates_are_told_from_what_is_none() {
    run(include_str!("templates.json"), check);
    run(include_str!("showcase_templates.json"), check);
}

fn check(case: &Value) -> Result<(), String> {
    let template = case["template"].as_str().unwrap();
    let read = contract(&[format!("GET {template}")]).routes();
    match (read, case["valid"].as_bool().unwrap()) {
        (Ok(_), true) | (Err(_), false) => Ok(()),
        (Ok(_), false) => Err("is taken".to_owned()),
        (Err(faults), true) => Err(faults.to_string()),
    }
}

/// A service with one method for each rule (`GET /path`, with `#a,b` behind it for fields that are not in the path).
/// Each takes the fields of its template, as strings, in messages where the template has points.
pub(crate) fn contract(rules: &[String]) -> Contract {
    let mut methods = String::new();
    let mut messages = String::new();
    for (at, rule) in rules.iter().enumerate() {
        let (rule, more) = rule.split_once('#').unwrap_or((rule, ""));
        let (verb, path) = rule.split_once(' ').unwrap();
        let verb = verb.to_lowercase();
        let path = serde_json::to_string(path).unwrap();
        methods.push_str(&format!(
            "rpc M{at}(In{at}) returns (In{at}) {{ option (google.api.http) = {{ {verb}: {path} }}; }}\n"
        ));
        let mut fields = Fields::default();
        for variable in rule.split('{').skip(1).chain(more.split(',')) {
            fields.add(variable.split(['}', '=']).next().unwrap());
        }
        messages.push_str(&fields.message(&format!("In{at}")));
    }
    Contract::new(&format!(
        "syntax = \"proto3\"; package p; import \"google/api/annotations.proto\"; service S {{ {methods} }} {messages}"
    ))
}

/// Fields by name, with those inside of them.
#[derive(Default)]
struct Fields(BTreeMap<String, Fields>);

impl Fields {
    fn add(&mut self, path: &str) {
        let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
        if first.starts_with(|letter: char| letter.is_ascii_alphabetic()) {
            let field = self.0.entry(first.to_owned()).or_default();
            if let Some(rest) = rest {
                field.add(rest);
            }
        }
    }

    fn message(&self, name: &str) -> String {
        let mut inside = String::new();
        for (number, (field, fields)) in (1..).zip(&self.0) {
            if fields.0.is_empty() {
                inside.push_str(&format!("string {field} = {number};\n"));
            } else {
                inside.push_str(&fields.message(&format!("{name}_{field}")));
                inside.push_str(&format!("{name}_{field} {field} = {number};\n"));
            }
        }
        format!("message {name} {{ {inside} }}\n")
    }
}
