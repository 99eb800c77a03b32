//! Streams of raw bytes (`google.api.HttpBody`), and of a server that breaks off.

use bytes::Bytes;
use campus_gateway::{Backend, Gateway, RestConfig};
use serde_json::{Value, json};

use crate::{
    contract::Contract,
    support::{Open, Rest, echo},
};

const FILES: &str = r#"
syntax = "proto3";
package files;
import "google/api/annotations.proto";
import "google/api/httpbody.proto";
service Files {
  rpc Copy(stream google.api.HttpBody) returns (stream google.api.HttpBody) {
    option (google.api.http) = {post: "/v1/files:copy" body: "*"};
  }
  rpc Lines(stream Line) returns (stream Line) {
    option (google.api.http) = {post: "/v1/lines:copy" body: "*"};
  }
  rpc Join(stream Line) returns (Line) {
    option (google.api.http) = {post: "/v1/lines:join" body: "*"};
  }
  rpc One(Line) returns (Line);
  rpc Each(stream Line) returns (stream Line) {
    option (google.api.http) = {post: "/v1/{text=books/*}:copy" body: "line"};
  }
}
message Line {
  string text = 1;
  Line line = 2;
}
"#;

async fn files() -> Rest {
    let backend = Backend::new(&echo().await.to_string()).unwrap();
    Rest::of(Gateway::new(Contract::new(FILES).schema, &[backend], &RestConfig::default()).unwrap())
}

#[tokio::test]
async fn raw_bytes_go_through_both_ways_with_their_type_as_they_come() {
    let rest = files().await;
    let (pieces, mut answer) =
        Open::started(rest.addr, "/v1/files:copy", &[("content-type", "text/plain")], "one ").await;
    assert_eq!((answer.code.as_u16(), answer.header("content-type")), (200, "text/plain"));
    assert_eq!(answer.until("one ").await.unwrap(), "one ");
    pieces.send(Bytes::from_static(b"two ")).await.unwrap();
    assert_eq!(answer.until("two ").await.unwrap(), "two ");
    drop(pieces);
    assert_eq!(answer.rest().await.0, "");
    let mut client = rest.client().await;
    let large = "0123456789".repeat(100_000);
    let copied = client.send("POST /v1/files:copy", &[("content-type", "image/png")], large.clone()).await;
    assert_eq!((copied.header("content-type"), copied.text() == large), ("image/png", true));
}

#[tokio::test]
async fn raw_bytes_that_end_in_an_error_are_cut_off() {
    let rest = files().await;
    for end in ["14", "cut"] {
        let headers = [("grpc-metadata-end", end)];
        let (pieces, mut answer) = Open::started(rest.addr, "/v1/files:copy", &headers, "one ").await;
        answer.until("one ").await.unwrap();
        drop(pieces);
        assert!(answer.breaks_off().await, "{end}");
    }
}

#[tokio::test]
async fn a_stream_without_its_status_ends_with_unavailable_and_is_not_taken_for_whole() {
    let rest = files().await;
    let mut client = rest.client().await;
    for (end, status) in [("cut", "UNAVAILABLE"), ("8", "RESOURCE_EXHAUSTED")] {
        let headers = [("accept", "application/x-ndjson"), ("grpc-metadata-end", end)];
        let answer = client.send("POST /v1/lines:copy", &headers, "{\"text\": \"a\"}\n{}\n").await;
        let lines: Vec<Value> = answer.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((answer.code.as_u16(), &lines[..2]), (200, &[json!({"text": "a"}), json!({})][..]));
        assert_eq!((lines.len(), &lines[2]["error"]["status"]), (3, &json!(status)), "{answer:?}");
    }
}

#[tokio::test]
async fn an_answer_whose_head_is_its_end_is_a_stream_of_nothing_and_no_single_message() {
    let rest = files().await;
    let mut client = rest.client().await;
    for (accept, code, body) in
        [("application/json", 200, "[]"), ("application/x-ndjson", 200, ""), ("text/event-stream", 204, "")]
    {
        let headers = [("accept", accept), ("grpc-metadata-end", "head")];
        let answer = client.send("POST /v1/lines:copy", &headers, "").await;
        assert_eq!((answer.code.as_u16(), answer.text().replace('\n', "")), (code, body.to_owned()), "{answer:?}");
    }
    for line in ["POST /v1/lines:join", "POST /files.Files/One"] {
        let answer = client.send(line, &[("grpc-metadata-end", "head")], "").await;
        assert_eq!((answer.fault().1, answer.message()), ("INTERNAL".into(), "the service sent no message".into()));
    }
}

#[tokio::test]
async fn what_the_path_says_is_in_each_message_of_a_stream() {
    let rest = files().await;
    let mut client = rest.client().await;
    let body = r#"[{"text": "a"}, {"text": "b"}]"#;
    let answer = client.json("POST /v1/books/7:copy", body).await;
    let line = |text: &str| json!({"text": "books/7", "line": {"text": text}});
    assert_eq!(answer.value(), json!([line("a"), line("b")]));
}
