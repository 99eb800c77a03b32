//! A `PATCH` changes what it brings: the update mask is filled with the fields of its body.

use serde_json::{Value, json};

use crate::{
    contract::Contract,
    route::{KITCHEN, ROUTES},
};

/// The mask of a `PATCH` with this body; null when there is none.
fn mask(body: &str) -> Value {
    patch("/v1/dishes/1", body)["update_mask"].clone()
}

fn patch(uri: &str, body: &str) -> Value {
    KITCHEN.request(&ROUTES, "PATCH", uri, body).unwrap()
}

#[test]
fn the_mask_has_the_innermost_fields_that_the_body_speaks_of() {
    for (body, expected) in [
        (r#"{"title":"Soup"}"#, "title"),
        (r#"{"title":""}"#, "title"),
        (r#"{"title":"Soup","recipe":{"minutes":5,"oven":{"heat":200}}}"#, "title,recipe.minutes,recipe.oven.heat"),
        // What is null is cleared.
        (r#"{"recipe":null,"title":null,"variants":null,"labels":null}"#, "recipe,title,variants,labels"),
        (r#"{"recipe":{"oven":null}}"#, "recipe.oven"),
        // An empty message is set, empty.
        (r#"{"recipe":{}}"#, "recipe"),
        (r#"{"recipe":{"oven":{}}}"#, "recipe.oven"),
        (r#"{"nothing":{}}"#, "nothing"),
        // Lists and maps are replaced whole, whatever is in them.
        (r#"{"variants":[]}"#, "variants"),
        (r#"{"variants":[{"minutes":1},{"oven":{"heat":1}}]}"#, "variants"),
        (r#"{"labels":{}}"#, "labels"),
        (r#"{"labels":{"a":"b"}}"#, "labels"),
        // What has a JSON form of its own has no fields that a mask could name.
        (r#"{"extra":{"@type":"x/kitchen.v1.Oven","heat":1}}"#, "extra"),
        (
            r#"{"extras":[{"@type":"x/kitchen.v1.Oven","heat":1},{"@type":"x/kitchen.v1.Recipe","oven":{"fan":true}}]}"#,
            "extras",
        ),
        (r#"{"eatenAt":"2026-01-31T12:00:00Z","notes":{"a":{"b":1}},"alias":"x"}"#, "eatenAt,notes,alias"),
        (r#"{"eaten_at":"2026-01-31T12:00:00Z"}"#, "eatenAt"),
        // The name is where the record is, not what is changed.
        (r#"{"name":"dishes/1","title":"Soup"}"#, "title"),
    ] {
        assert_eq!(mask(body), json!(expected), "{body}");
    }
}

#[test]
fn a_body_that_changes_nothing_leaves_the_mask_alone() {
    for body in ["", "{}", "null", r#"{"name":"dishes/1"}"#] {
        assert_eq!(mask(body), Value::Null, "{body}");
    }
}

#[test]
fn a_mask_of_the_query_stands() {
    let given = patch("/v1/dishes/1?update_mask=title,recipe.oven", r#"{"recipe":{"minutes":5}}"#);
    assert_eq!(given["update_mask"], "title,recipe.oven");
    let given = patch("/v1/dishes/1?updateMask=*", r#"{"title":"x"}"#);
    assert_eq!(given["update_mask"], "*");
}

#[test]
fn only_a_patch_of_one_field_with_one_mask_is_filled() {
    let put = KITCHEN.request(&ROUTES, "PUT", "/v1/dishes/1", r#"{"dish":{"title":"x"}}"#).unwrap();
    assert_eq!(put["update_mask"], Value::Null);
    let contract = Contract::new(
        r#"syntax = "proto3"; package p;
        import "google/api/annotations.proto"; import "google/protobuf/field_mask.proto";
        service S {
          rpc All(One) returns (One) { option (google.api.http) = { patch: "/all" body: "*" }; }
          rpc Two(Two) returns (Two) { option (google.api.http) = { patch: "/two" body: "one" }; }
          rpc List(Many) returns (Many) { option (google.api.http) = { patch: "/list" body: "ones" }; }
        }
        message One { string a = 1; google.protobuf.FieldMask mask = 2; }
        message Two { One one = 1; google.protobuf.FieldMask mask = 2; google.protobuf.FieldMask other = 3; }
        message Many { repeated One ones = 1; google.protobuf.FieldMask mask = 2; }"#,
    );
    let routes = contract.routes().unwrap();
    for (path, body) in [("/all", r#"{"a":"x"}"#), ("/two", r#"{"a":"x"}"#), ("/list", r#"[{"a":"x"}]"#)] {
        let json = contract.request(&routes, "PATCH", path, body).unwrap();
        assert_eq!(json.get("mask"), None, "{path}");
    }
}
