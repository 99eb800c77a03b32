//! What headers ask beside the request: conditions, the key of a repetition, where to go on.

use serde_json::Value;

use crate::{
    contract::Contract,
    support::{ADA, Answer, Client, Rest, echo},
};

use campus_gateway::{Backend, Gateway, RestConfig};

const PATCH: &str = "PATCH /v1/employees/ada";
const DELETE: &str = "DELETE /v1/employees/ada";

async fn under(client: &mut Client, line: &str, (name, value): (&str, &str), body: &str) -> Answer {
    client.send(line, &[("content-type", "application/json"), (name, value)], body.to_owned()).await
}

async fn created(rest: &Rest) -> (Client, Value) {
    let mut client = rest.client().await;
    let ada = client.json("POST /v1/employees?employee_id=ada", ADA).await.value();
    (client, ada)
}

#[tokio::test]
async fn if_match_asks_for_a_record_that_is_there_even_where_the_request_does_not() {
    let rest = Rest::start();
    let mut client = rest.client().await;
    let plain = "POST /campus.employee.v1.EmployeeService/DeleteEmployee";
    for tag in ["*", "\"0123456789abcdef\""] {
        for (line, body) in [
            (&*format!("{PATCH}?allow_missing=true"), ADA),
            (&*format!("{DELETE}?allow_missing=true"), ""),
            (plain, r#"{"name": "employees/ada", "allowMissing": true}"#),
        ] {
            let answer = under(&mut client, line, ("if-match", tag), body).await;
            assert_eq!(answer.fault().0, 412, "{line} {tag}: {answer:?}");
        }
        // Without it, what is not there is just that.
        assert_eq!(under(&mut client, PATCH, ("if-match", tag), ADA).await.fault().0, 404);
    }
    assert_eq!(client.get("/v1/employees/ada").await.code, 404);
    client.json(&format!("{PATCH}?allow_missing=true"), ADA).await;
    let answer = under(&mut client, &format!("{PATCH}?allow_missing=true"), ("if-match", "*"), ADA).await;
    assert_eq!(answer.code, 200);
}

#[tokio::test]
async fn if_none_match_is_refused_where_something_would_be_changed() {
    let rest = Rest::start();
    let mut client = rest.client().await;
    for line in [&*format!("{PATCH}?allow_missing=true"), DELETE, "POST /v1/employees", "POST /v1/employees:import"] {
        for tag in ["*", "\"x\""] {
            let answer = under(&mut client, line, ("if-none-match", tag), ADA).await;
            assert_eq!(answer.fault(), (400, "INVALID_ARGUMENT".to_owned(), "INVALID_HEADER".to_owned()), "{line}");
            assert!(answer.message().contains("create with POST"), "{}", answer.message());
        }
    }
    let answer = under(&mut client, "POST /v1/employees:import", ("if-match", "\"x\""), "").await;
    assert!(answer.message().contains("compares no etag"), "{answer:?}");
}

#[tokio::test]
async fn an_etag_that_is_not_that_of_if_match_is_refused_and_both_are_named() {
    let rest = Rest::start();
    let (mut client, ada) = created(&rest).await;
    let etag = ada["etag"].as_str().unwrap();
    let other = "0123456789abcdef";
    let tag = format!("\"{other}\"");
    let body = format!(r#"{{"givenName": "Augusta", "etag": "{etag}"}}"#);
    for (line, body) in [(PATCH, &*body), (&*format!("{DELETE}?etag={etag}"), "")] {
        let answer = under(&mut client, line, ("if-match", &tag), body).await;
        assert_eq!(answer.fault().0, 400, "{answer:?}");
        let message = answer.message();
        for part in [etag, other, "If-Match", "etag"] {
            assert!(message.contains(part), "{part} is not in {message}");
        }
    }
    // A whole record that is sent back says the same as path and header.
    let tag = format!("\"{etag}\"");
    let mut back = ada.clone();
    back["givenName"] = "Augusta".into();
    let answer = under(&mut client, PATCH, ("if-match", &tag), &back.to_string()).await;
    assert_eq!((answer.code.as_u16(), answer.value()["givenName"].as_str()), (200, Some("Augusta")), "{answer:?}");
    let etag = answer.value()["etag"].as_str().unwrap().to_owned();
    let answer = under(&mut client, &format!("{DELETE}?etag={etag}"), ("if-match", &format!("\"{etag}\"")), "").await;
    assert_eq!(answer.code, 200, "{answer:?}");
}

#[tokio::test]
async fn a_key_that_is_not_the_request_id_is_refused_and_so_is_an_empty_one() {
    let rest = Rest::start();
    let mut client = rest.client().await;
    let key = "5ff8c2b4-6d2a-4e52-9a3f-0a1b2c3d4e5f";
    let line = |id: &str| format!("POST /v1/employees?request_id={id}");
    let other = "00000000-6d2a-4e52-9a3f-0a1b2c3d4e5f";
    let answer = under(&mut client, &line(other), ("idempotency-key", key), ADA).await;
    assert_eq!(answer.fault().2, "INVALID_HEADER");
    assert!(answer.message().contains(key) && answer.message().contains(other), "{}", answer.message());
    assert_eq!(under(&mut client, &line(key), ("idempotency-key", "\"\""), ADA).await.code, 400);
    for _ in 0..2 {
        assert_eq!(under(&mut client, &line(key), ("idempotency-key", key), ADA).await.code, 200);
    }
    assert_eq!(client.get("/v1/employees").await.value()["employees"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_stream_without_ids_is_not_begun_anew_for_one_that_wants_to_go_on() {
    let contract = Contract::new(
        r#"
        syntax = "proto3";
        package ticks;
        message Tick { string text = 1; }
        service Ticks { rpc Watch(Tick) returns (stream Tick); }
        "#,
    );
    let backend = Backend::new(&echo().await.to_string()).unwrap();
    let rest = Rest::of(Gateway::new(contract.schema, &[backend], &RestConfig::default()).unwrap());
    let mut client = rest.client().await;
    let answer = under(&mut client, "POST /ticks.Ticks/Watch", ("last-event-id", "7"), "{}").await;
    assert_eq!(answer.fault().2, "INVALID_HEADER");
    assert!(answer.message().contains("cannot go on"), "{}", answer.message());
    assert_eq!(client.json("POST /ticks.Ticks/Watch", "{}").await.code, 200);
}
