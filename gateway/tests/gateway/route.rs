//! Which method a request is for.

use std::sync::LazyLock;

use campus_gateway::route::{Fault, Found, Routes};
use proptest::prelude::*;

use crate::contract::Contract;

pub(crate) static KITCHEN: LazyLock<Contract> = LazyLock::new(|| Contract::new(include_str!("kitchen.proto")));
pub(crate) static ROUTES: LazyLock<Routes> = LazyLock::new(|| KITCHEN.routes().unwrap());

/// The template that a request leads to, `405 METHODS`, or `404`.
fn found(routes: &Routes, method: &str, path: &str) -> String {
    match routes.find(&method.parse().unwrap(), path) {
        Found::Route(route, _) => route.to_string(),
        Found::OtherMethods(methods) => {
            format!("405 {}", methods.iter().map(ToString::to_string).collect::<Vec<_>>().join(","))
        }
        Found::Nothing => "404".to_owned(),
    }
}

/// A service whose methods have these rules.
fn service(rules: &[&str]) -> Contract {
    let methods = rules
        .iter()
        .enumerate()
        .map(|(at, rule)| format!("rpc M{at}(In) returns (In) {{ option (google.api.http) = {{ {rule} }}; }}\n"));
    Contract::new(&format!(
        r#"syntax = "proto3"; package p; import "google/api/annotations.proto";
        service S {{ {} }}
        message In {{ string a = 1; string b = 2; In in = 3; repeated string many = 4; map<string, string> map = 5; }}"#,
        methods.collect::<String>()
    ))
}

fn faults(rules: &[&str]) -> Vec<String> {
    service(rules).routes().unwrap_err().0.iter().map(ToString::to_string).collect()
}

#[test]
fn a_literal_goes_before_one_segment_and_that_before_many() {
    let contract = service(&[
        r#"get: "/v1/a/b""#,
        r#"get: "/v1/a/*""#,
        r#"get: "/v1/*/b""#,
        r#"get: "/v1/**""#,
        r#"get: "/v1/**/end""#,
        r#"get: "/v1/a/*:verb""#,
        r#"post: "/v1/a/b/c""#,
        r#"get: "/v1/x/**/m/*/n""#,
    ]);
    let routes = contract.routes().unwrap();
    for (path, expected) in [
        ("/v1/a/b", "GET /v1/a/b"),
        ("/v1/a/c", "GET /v1/a/*"),
        ("/v1/c/b", "GET /v1/*/b"),
        ("/v1/c/c", "GET /v1/**"),
        ("/v1", "GET /v1/**"),
        ("/v1/", "GET /v1/**"),
        ("/v1/a/b/c/d", "GET /v1/**"),
        // What is for another method only is gone back on.
        ("/v1/a/b/c", "GET /v1/**"),
        ("/v1/end", "GET /v1/**/end"),
        ("/v1/a/b/end", "GET /v1/**/end"),
        ("/v1/a/x:verb", "GET /v1/a/*:verb"),
        ("/v1/a/x:other", "GET /v1/a/*"),
        ("/v1/x/m/1/n", "GET /v1/x/**/m/*/n"),
        ("/v1/x/1/2/m/3/n", "GET /v1/x/**/m/*/n"),
        ("/v1/x/1/2/m//n", "GET /v1/**"),
        ("/v2", "404"),
        ("v1/a/b", "404"),
        ("", "404"),
        ("/", "404"),
    ] {
        assert_eq!(found(&routes, "GET", path), expected, "{path}");
    }
    assert_eq!(found(&routes, "POST", "/v1/a/b"), "405 GET");
    assert_eq!(found(&routes, "DELETE", "/v1/a/b/c"), "405 GET,POST");
}

#[test]
fn an_empty_segment_is_no_value_and_a_slash_at_the_end_is_another_path() {
    for path in ["/v1/dishes/", "/v1/dishes//", "/v1//dishes/1", "/v1/dishes/1/", "//v1/dishes/1", "/v1/everything/"] {
        assert_eq!(found(&ROUTES, "GET", path), "404", "{path}");
    }
}

#[test]
fn a_verb_is_one_only_where_a_rule_has_it() {
    assert_eq!(found(&ROUTES, "POST", "/v1/dishes/1:taste"), "POST /v1/{dish.name=dishes/*}:taste");
    // Here it belongs to the name.
    assert_eq!(found(&ROUTES, "GET", "/v1/dishes/1:taste"), "GET /v1/{name=dishes/*}");
    assert_eq!(found(&ROUTES, "GET", "/v1/dishes/1:other"), "GET /v1/{name=dishes/*}");
    assert_eq!(found(&ROUTES, "POST", "/v1/dishes/1%3Ataste"), "405 GET,PATCH,PUT");
    assert_eq!(found(&ROUTES, "POST", "/v1/dishes/1:other"), "405 GET,PATCH,PUT");
    assert_eq!(found(&ROUTES, "GET", "/v1/everything:other"), "404");
}

#[test]
fn a_rule_for_any_method_gives_way_to_one_for_this_method() {
    assert_eq!(found(&ROUTES, "PURGE", "/v1/dishes/1:smell"), "PURGE /v1/{dish.name=dishes/*}:smell");
    assert_eq!(found(&ROUTES, "GET", "/v1/dishes/1:smell"), "* /v1/{dish.name=dishes/*}:smell");
    assert_eq!(found(&ROUTES, "OPTIONS", "/v1/dishes/1:smell"), "* /v1/{dish.name=dishes/*}:smell");
}

#[test]
fn literals_are_compared_as_they_are_meant_however_they_are_encoded() {
    assert_eq!(found(&ROUTES, "GET", "/v1/%65verything"), "GET /v1/everything");
    assert_eq!(found(&ROUTES, "GET", "/v1/everything%2F"), "404");
    assert_eq!(found(&ROUTES, "GET", "/v1/%6"), "404");
}

#[test]
fn every_method_is_reachable_by_its_grpc_path() {
    assert_eq!(found(&ROUTES, "POST", "/kitchen.v1.Kitchen/Plain"), "POST /kitchen.v1.Kitchen/Plain");
    assert_eq!(found(&ROUTES, "POST", "/kitchen.v1.Kitchen/Get"), "POST /kitchen.v1.Kitchen/Get");
    assert_eq!(found(&ROUTES, "GET", "/kitchen.v1.Kitchen/Get"), "405 POST");
    let plain = ROUTES.all().iter().filter(|route| route.plain).count();
    assert_eq!(plain, KITCHEN.schema.services()[0].methods.len());
}

#[test]
fn an_unknown_path_finds_the_one_that_was_meant() {
    for (path, expected) in [
        ("/v1/dish/1", Some("/v1/dishes/1")),
        ("/v1/dishs/1:taste", Some("/v1/dishes/1:taste")),
        ("/v1/dishes/1:tast", Some("/v1/dishes/1:taste")),
        ("/v1/everthing", Some("/v1/everything")),
        ("/v2/everything", Some("/v1/everything")),
        ("/w2/everything", None),
        ("/v1/menu/2/dishes/3", Some("/v1/menus/2/dishes/3")),
        ("/kitchen.v1.Kitchen/Gett", Some("/kitchen.v1.Kitchen/Get")),
        ("/v2/everythin", None),
        ("/nothing/like/it", None),
        ("", None),
        ("/", None),
    ] {
        assert_eq!(ROUTES.nearest(path).as_deref(), expected, "{path}");
    }
}

#[test]
fn rules_for_the_same_requests_are_refused_and_both_are_named() {
    let found = faults(&[
        r#"get: "/v1/{a=things/*}""#,
        r#"get: "/v1/things/{b}""#,
        r#"get: "/v1/things/*" additional_bindings { post: "/v1/things/*" }"#,
        r#"post: "/p.S/M0""#,
    ]);
    let expected = [
        "p.S.M0 (GET /v1/{a=things/*}) and p.S.M1 (GET /v1/things/{b}) are for the same requests",
        "p.S.M0 (GET /v1/{a=things/*}) and p.S.M2 (GET /v1/things/*) are for the same requests",
        "p.S.M0 (POST /p.S/M0) and p.S.M3 (POST /p.S/M0) are for the same requests",
    ];
    assert_eq!(found, expected);
    let conflict = service(&[r#"get: "/a""#, r#"get: "/a""#]).routes().unwrap_err();
    assert!(matches!(&conflict.0[..], [Fault::Conflict([one, other])] if one.contains("M0") && other.contains("M1")));
}

#[test]
fn rules_that_cannot_be_followed_are_refused_with_what_would_be_right() {
    for (rule, expected) in [
        (r#"get: "v1""#, "the path expected '/' before \"v1\""),
        (r#"get: "/v1/{a""#, "the path has a \"{\" without its \"}\""),
        (
            r#"get: "/v1/{a=**}/**""#,
            "the path has \"**\" twice, and nobody could tell which of them a segment belongs to",
        ),
        (r#"get: "/v1//x""#, "the path has an empty segment or verb"),
        (r#"get: "/v1/{a}/{a}""#, "the path has \"a\" twice"),
        (r#"get: "/v1/{a={b}}""#, "the path has a variable inside of a variable"),
        (r#"get: "/v1/a b""#, "the path \"a b\" has a character that a path cannot have; percent-encode it"),
        (r#"get: "/v1/{in.manny}""#, "\"in.manny\" is no field of p.In; did you mean \"many\"?"),
        (r#"get: "/v1/{in}""#, "\"in\" is a message"),
        (r#"get: "/v1/{a.b}""#, "\"a.b\" leads into a field that is no message"),
        (r#"get: "/v1/{many}""#, "\"many\" has many values, for which a path has no form"),
        (r#"get: "/v1/{map}""#, "\"map\" has many values, for which a path has no form"),
        (r#"post: "/v1" body: "mani""#, "body \"mani\" is no field of p.In; did you mean \"many\"?"),
        (r#"get: "/v1" response_body: "in.a""#, "response_body \"in.a\" is no field of p.In"),
        (r#"custom: {kind: "GET IT" path: "/v1"}"#, "\"GET IT\" is no HTTP method"),
        (r#"get: "/v1/a:b:c""#, "the path \"a:b\" has a character that a path cannot have; percent-encode it"),
    ] {
        let found = faults(&[rule]);
        assert_eq!(found.len(), 1, "{rule}: {found:?}");
        assert!(
            found[0].starts_with("p.S.M0 (") && found[0].ends_with(&format!("): {expected}")),
            "{rule}: {}",
            found[0]
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_path_breaks_the_search(path in "(/|[a-z]|:|%|[0-9A-F]{2}|v1|dishes|\\PC){0,20}", query in "([a-z._]|[&=+%\\[\\]]|\\PC){0,20}") {
        if let Found::Route(route, captured) = ROUTES.find(&http::Method::GET, &path) {
            let _ = route.bind(captured, &query);
        }
    }
}
