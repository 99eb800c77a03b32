//! Contracts of others: whatever their rules say, the gateway starts.

use campus_gateway::{Backend, Gateway, RestConfig};
use campus_schema::Schema;
use serde_json::Value;

use crate::{
    contract::Contract,
    support::{Rest, echo},
};

async fn served(contract: &str) -> Rest {
    let backend = Backend::new(&echo().await.to_string()).unwrap();
    Rest::of(Gateway::new(Contract::new(contract).schema, &[backend], &RestConfig::default()).unwrap())
}

async fn document(rest: &Rest) -> Value {
    rest.client().await.get("/openapi.json").await.value()
}

/// What may take an example, of each operation: path and method, and the examples of its path.
fn operations(document: &Value) -> Vec<(String, Vec<Value>)> {
    let paths = document["paths"].as_object().unwrap();
    let each = paths.iter().flat_map(|(path, item)| item.as_object().unwrap().iter().map(move |it| (path, it)));
    let examples = |operation: &Value| {
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        let of_path = parameters.into_iter().filter(|parameter| parameter["in"] == "path");
        of_path.map(|parameter| parameter["example"].clone()).collect()
    };
    each.map(|(path, (method, operation))| (format!("{method} {path}"), examples(operation))).collect()
}

#[tokio::test]
async fn every_kind_of_rule_body_and_path_variable_is_described_with_examples_that_are_taken() {
    let rest = served(include_str!("foreign.proto")).await;
    let document = document(&rest).await;
    let operations = operations(&document);
    for (operation, examples) in &operations {
        assert!(!examples.contains(&Value::Null), "the examples of {operation} were left out");
    }
    let names: Vec<&str> = operations.iter().map(|(name, _)| name.as_str()).collect();
    for name in [
        "get /",
        "get /middle/a/{name}/b/{name_2}/end",
        "patch /shape/{number}",
        "get /shape/{number}",
        "get /custom/{name}",
        "post /custom/{name}",
        "post /foreign.v1.Paths/Report",
        "post /foreign.v1.Plain/EachKnown",
        "get /json/{struct}/{value}/{list}",
    ] {
        assert!(names.contains(&name), "{name} is not in {names:#?}");
    }
    let whole = &document["paths"]["/whole/{name}/{name_2}/deep/{name_3}"]["post"]["requestBody"];
    let example = &whole["content"]["application/json"]["example"];
    assert_eq!((&example["name"], &example["inner"]["name"]), (&Value::Null, &Value::Null), "{example}");
    assert!(example["inner"]["things"].is_array(), "{example}");
}

#[tokio::test]
async fn what_such_a_contract_says_is_transcoded_both_ways() {
    let rest = served(include_str!("foreign.proto")).await;
    let mut client = rest.client().await;
    for (line, body, expected) in [
        ("GET /last/2026-01-15T09:30:00Z", "", r#"{"timestamp":"2026-01-15T09:30:00Z"}"#),
        ("GET /last/2026-01-15T09:30:00Z:verb", "", r#"{"timestamp":"2026-01-15T09:30:00Z"}"#),
        ("PUT /known/2026-01-15T09:30:00Z/3.5s", r#"{"bool":true}"#, ""),
        ("GET /", "", "{}"),
        ("POST /any", r#"{"@type":"type.googleapis.com/foreign.v1.Number","number":7}"#, ""),
        ("POST /struct", r#"{"a":[true,null]}"#, r#"{"a":[true,null]}"#),
        ("PATCH /field/x", r#"{"text":"y"}"#, r#"{"name":"x","text":"y"}"#),
        ("PUT /text", r#""a""#, r#""a""#),
        ("PUT /map", r#"{"a":{}}"#, r#"{"a":{}}"#),
        ("POST /foreign.v1.Plain/Empty", "{}", "{}"),
    ] {
        let answer = client.json(line, body).await;
        assert_eq!(answer.code, 200, "{line}: {answer:?}");
        assert!(
            expected.is_empty() || answer.value() == serde_json::from_str::<Value>(expected).unwrap(),
            "{answer:?}"
        );
    }
    let raw = client.send("POST /raw/x", &[("content-type", "text/plain")], "bytes").await;
    assert_eq!((raw.header("content-type"), raw.text()), ("text/plain", "bytes"));
}

#[tokio::test]
async fn an_example_that_the_gateway_would_refuse_is_left_out_and_stops_nothing() {
    let rest = served(
        r#"
        syntax = "proto3";
        package made.up;
        import "google/api/annotations.proto";
        import "google/protobuf/timestamp.proto";
        service Clock {
          rpc Ring(Alarm) returns (Alarm) { option (google.api.http) = {get: "/v1/{place}/alarm"}; }
          rpc Stop(Alarm) returns (Alarm) { option (google.api.http) = {post: "/v1/{place}/alarm:stop" body: "*"}; }
        }
        message Alarm {
          // When to ring, for example `tomorrow`.
          google.protobuf.Timestamp time = 1;
          string place = 2;
        }
        "#,
    )
    .await;
    let document = document(&rest).await;
    let path = &document["paths"]["/v1/{place}/alarm"]["get"];
    assert!(path.to_string().contains("When to ring") && !path.to_string().contains("\"example\""), "{path}");
    let other = &document["paths"]["/v1/{place}/alarm:stop"]["post"];
    assert_eq!(other["parameters"][0]["example"], "example");
}

#[test]
fn fields_of_proto2_are_served_and_groups_refused_by_name() {
    let contract = |field: &str| {
        let text = format!(
            r#"
            syntax = "proto2";
            package old.v1;
            import "google/api/annotations.proto";
            message Old {{
              required string name = 1;
              optional int32 number = 2 [default = 7];
              extensions 100 to 199;
              {field}
            }}
            extend Old {{ optional string more = 100; }}
            service Olds {{ rpc Get(Old) returns (Old) {{ option (google.api.http) = {{get: "/v1/{{name}}/{{number}}"}}; }} }}
            "#
        );
        Schema::from_descriptors(&Contract::compiled(&text))
    };
    let backend = Backend::new("127.0.0.1:1").unwrap();
    assert!(Gateway::new(contract("").unwrap(), &[backend], &RestConfig::default()).is_ok());
    let refused = contract("repeated group Part = 3 { optional string text = 4; }").unwrap_err();
    assert!(refused.to_string().starts_with("field old.v1.Old.part is a group"), "{refused}");
}
