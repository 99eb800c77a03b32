//! Requests that are refused at the door, and bodies that are late.

use std::net::SocketAddr;

use campus_chassis::config::HumanDuration;
use campus_testkit::within;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::Rest;

/// Head and error of the answer to these bytes, upon which the server closes.
async fn refused(addr: SocketAddr, bytes: &str) -> (String, Value) {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    let mut text = String::new();
    within("the end", stream.read_to_string(&mut text)).await.unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let body: Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {text}"));
    (head.to_lowercase(), body["error"].clone())
}

fn is_whole((head, error): &(String, Value), code: u16, status: &str, reason: &str) {
    assert!(head.starts_with(&format!("http/1.1 {code} ")), "{head}");
    for field in ["x-request-id: ", "connection: close", "content-type: application/json", "date: "] {
        assert!(head.contains(field), "{head}");
    }
    assert_eq!((&error["code"], &error["status"]), (&code.into(), &status.into()), "{error}");
    assert!(error["details"].to_string().contains(&format!("\"reason\":\"{reason}\"")), "{error}");
}

#[tokio::test]
async fn what_is_no_request_is_refused_with_the_same_errors_as_any_other() {
    let rest = Rest::start();
    let host = "host: x\r\nconnection: close\r\n";
    let long = format!("x-long: {}\r\n", "y".repeat(17 << 10));
    for (bytes, code, status, reason) in [
        (format!("GET /v1/employees?filter=\"x\" HTTP/1.1\r\n{host}\r\n"), 400, "INVALID_ARGUMENT", "MALFORMED_HEAD"),
        (format!("GET / HTTP/1.1\r\n{host}{long}\r\n"), 431, "RESOURCE_EXHAUSTED", "HEAD_TOO_LARGE"),
        ("GET / HTTP/1.1\r\nconnection: close\r\n\r\n".to_owned(), 400, "INVALID_ARGUMENT", "MALFORMED_HEAD"),
        (
            format!("POST /v1/employees HTTP/1.1\r\n{host}transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
            501,
            "UNIMPLEMENTED",
            "UNKNOWN_TRANSFER_CODING",
        ),
    ] {
        is_whole(&refused(rest.addr, &bytes).await, code, status, reason);
    }
}

#[tokio::test]
async fn what_cannot_be_read_at_all_is_told_each_cause_there_is() {
    let rest = Rest::start();
    let post = "POST /v1/employees HTTP/1.1\r\nhost: x\r\n";
    for bytes in [
        format!("{post}transfer-encoding: identity\r\n\r\n"),
        format!("{post}transfer-encoding: xchunked\r\n\r\n"),
        format!("{post}content-length: 1\r\ncontent-length: 2\r\n\r\n"),
        "GET / HTTP/3.0\r\nhost: x\r\n\r\n".to_owned(),
        "\x16\x03\x01\x02\0\x01\0\x01\u{1}".to_owned(),
    ] {
        let refused = refused(rest.addr, &bytes).await;
        is_whole(&refused, 400, "INVALID_ARGUMENT", "MALFORMED_HEAD");
        let message = refused.1["message"].as_str().unwrap();
        for cause in ["version", "stray characters", "the length of the body", "TLS", "ends in chunked"] {
            assert!(message.contains(cause), "{message}");
        }
    }
}

#[tokio::test]
async fn a_body_that_stands_still_is_408_and_the_connection_ends() {
    let rest = Rest::with_server(|settings| settings.server.max_body_pause = HumanDuration::millis(100));
    for target in ["/v1/employees", "/v1/employees:import"] {
        let bytes = format!("POST {target} HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{{");
        is_whole(&refused(rest.addr, &bytes).await, 408, "DEADLINE_EXCEEDED", "BODY_LATE");
    }
}
