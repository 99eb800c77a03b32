//! Which rule a path is for, and what its variables are.

use std::{cell::RefCell, collections::HashMap};

use campus_gateway::route::{Found, Routes};
use serde_json::Value;

use crate::{contract::Contract, run, same, templates::contract};

#[test]
fn paths_lead_to_their_rules_and_fill_their_variables() {
    let contracts = RefCell::new(HashMap::new());
    run(include_str!("paths.json"), |case| {
        let rules: Vec<String> =
            case["rules"].as_array().unwrap().iter().map(|rule| rule.as_str().unwrap().to_owned()).collect();
        let mut contracts = contracts.borrow_mut();
        let (contract, routes) = contracts.entry(rules).or_insert_with_key(|rules| {
            let contract = contract(rules);
            let routes = contract.routes().unwrap();
            (contract, routes)
        });
        check(contract, routes, case)
    });
}

fn check(contract: &Contract, routes: &Routes, case: &Value) -> Result<(), String> {
    let (method, uri) = case["request"].as_str().unwrap().split_once(' ').unwrap();
    let (path, _) = uri.split_once('?').unwrap_or((uri, ""));
    let found = match routes.find(&method.parse().unwrap(), path) {
        Found::Route(route, _) => Some(route.to_string()),
        _ => None,
    };
    let expected = case["found"].as_str().map(|rule| rule.split('#').next().unwrap());
    if found.as_deref() != expected {
        return Err(format!("found {found:?}"));
    }
    if found.is_none() {
        return Ok(());
    }
    let values = contract.request(routes, method, uri, "").map_err(|faults| faults.to_string())?;
    same(&values, &case["values"])
}
