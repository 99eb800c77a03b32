//! Heads of requests of HTTP/1.1 that are against its rules, or do not come to their end.

use crate::support::{eventually, get, metric, server_config, web::Web, within};
use campus_chassis::{ServerConfig, config::HumanDuration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// What a server says to these bytes until it closes the connection.
async fn said(web: &Web, bytes: &str) -> String {
    let mut stream = TcpStream::connect(web.addr).await.unwrap();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    rest(&mut stream).await
}

async fn rest(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    within(stream.read_to_end(&mut text)).await.unwrap();
    String::from_utf8(text).unwrap()
}

const GOOD: &str = "GET /echo HTTP/1.1\r\nhost: x\r\n\r\n";

#[tokio::test]
async fn a_head_that_cannot_be_read_is_answered_in_the_words_of_the_service_with_a_request_id() {
    let web = Web::start(server_config());
    let fields: String = (0..101).map(|at| format!("x-{at}: y\r\n")).collect();
    let (fields, long) = (format!("GET / HTTP/1.1\r\n{fields}\r\n"), format!("x-long: {}\r\n", "y".repeat(17 << 10)));
    for (head, code, body) in [
        ("GET /a?b=\"c\" HTTP/1.1\r\nhost: x\r\n\r\n", "400", "InvalidArgument"),
        ("GET /echo HTTP/1.1\r\nho st: x\r\n\r\n", "400", "InvalidArgument"),
        ("GET /echo HTTP/9.9\r\nhost: x\r\n\r\n", "400", "InvalidArgument"),
        (&fields, "431", "ResourceExhausted"),
        (&format!("GET / HTTP/1.1\r\n{long}\r\n"), "431", "ResourceExhausted"),
        (&format!("GET /{} HTTP/1.1\r\n", "x".repeat(66_000)), "431", "ResourceExhausted"),
    ] {
        for before in ["", GOOD] {
            let mut stream = TcpStream::connect(web.addr).await.unwrap();
            stream.write_all(before.as_bytes()).await.unwrap();
            if !before.is_empty() {
                within(stream.read_exact(&mut [0; 12])).await.unwrap();
            }
            stream.write_all(head.as_bytes()).await.unwrap();
            let text = rest(&mut stream).await;
            let answer = &text[text.rfind("HTTP/1.1 ").unwrap_or_else(|| panic!("{head:.20}: {text}"))..];
            assert!(answer.starts_with(&format!("HTTP/1.1 {code} ")) && answer.ends_with(body), "{head:.20}: {text}");
            for field in ["x-request-id: ", "date: ", "connection: close", &format!("content-length: {}", body.len())] {
                assert_eq!(answer.matches(field).count(), 1, "{field} {answer}");
            }
        }
    }
    let text = get(web.server.admin, "/metrics").await.body;
    let lost = r#"{http_request_method="_OTHER",http_route="",http_response_status_code="400"} 6"#;
    assert!(text.contains(&format!("http_server_requests_total{lost}")), "{text}");
    web.server.stop().await;
}

#[tokio::test]
async fn a_head_against_the_rules_of_http_1_is_refused_and_one_that_is_just_unusual_is_not() {
    let web = Web::start(server_config());
    let close = "connection: close\r\n";
    for (head, code) in [
        ("GET /echo HTTP/1.1\r\n", "400"),
        ("GET /echo HTTP/1.1\r\nhost: x\r\nhost: x\r\n", "400"),
        ("GET /echo HTTP/1.1\r\nhost: x/y\r\n", "400"),
        ("GET /echo HTTP/1.1\r\nhost: user@x\r\n", "400"),
        ("GET ftp://x/echo HTTP/1.1\r\nhost: x\r\n", "400"),
        ("GET /echo#there HTTP/1.1\r\nhost: x\r\n", "400"),
        ("POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: gzip, chunked\r\n", "501"),
        ("POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: gzip\r\ntransfer-encoding: chunked\r\n", "501"),
        ("POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n", "400"),
        ("POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\ncontent-length: 3\r\n", "400"),
        ("GET /echo HTTP/1.0\r\n", "200"),
        ("GET http://x/echo HTTP/1.1\r\nhost: [::1]:80\r\n", "200"),
        ("GET /echo HTTP/1.1\r\nhost:\r\n", "200"),
    ] {
        let text = said(&web, &format!("{head}{close}\r\n")).await;
        assert!(text.starts_with(&format!("HTTP/1.1 {code} ")) || text.starts_with("HTTP/1.0 200"), "{head}: {text}");
        assert!(text.contains("x-request-id: "), "{head}: {text}");
    }
    // Where it is not clear what is body and what is not, nothing more is taken for a request.
    let two = "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    let text = said(&web, &format!("{two}{GOOD}")).await;
    assert_eq!((text.matches("HTTP/1.1 400 ").count(), text.matches("HTTP/1.1 200 ").count()), (1, 0), "{text}");
    web.server.stop().await;
}

#[tokio::test]
async fn half_a_head_behind_a_whole_request_is_not_waited_for_longer_than_any_other() {
    let web = Web::start(ServerConfig { handshake_limit: HumanDuration::millis(150), ..server_config() });
    let body = "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nhi";
    for begun in [format!("{GOOD}GET /e"), format!("{body}GET /e"), format!("{GOOD}{GOOD}{body}G")] {
        let text = said(&web, &begun).await;
        assert_eq!(text.matches("HTTP/1.1 200 OK").count(), begun.matches("host: x").count(), "{text}");
    }
    let closed = "http_server_connections_closed_total{reason=\"handshake\"}";
    eventually(async || metric(&web.server, closed).await == 3.0).await;
    // One that waits for its answer is none that is late.
    let mut stream = TcpStream::connect(web.addr).await.unwrap();
    stream.write_all(format!("GET /wait HTTP/1.1\r\nhost: x\r\n\r\n{body}{}", &GOOD[..9]).as_bytes()).await.unwrap();
    eventually(async || web.page.working.load(std::sync::atomic::Ordering::SeqCst) == 1).await;
    tokio::time::sleep(std::time::Duration::from_millis(400)).await;
    web.page.go.notify_waiters();
    assert_eq!(rest(&mut stream).await.matches("HTTP/1.1 200 OK").count(), 2);
    web.server.stop().await;
}

#[tokio::test]
async fn a_body_that_stands_still_is_given_up_and_one_that_is_only_slow_is_not() {
    let web = Web::start(ServerConfig { max_body_pause: HumanDuration::millis(200), ..server_config() });
    let head = "POST /read/1024 HTTP/1.1\r\nhost: x\r\ncontent-length: 6\r\n\r\n";
    let text = said(&web, &format!("{head}abc")).await;
    assert!(text.starts_with("HTTP/1.1 400 ") && text.contains("Broken(Late(200ms))"), "{text}");
    assert!(text.contains("connection: close"), "{text}");
    let mut slow = TcpStream::connect(web.addr).await.unwrap();
    slow.write_all(head.as_bytes()).await.unwrap();
    for byte in b"abcdef" {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        slow.write_all(&[*byte]).await.unwrap();
    }
    let mut begun = [0; 12];
    within(slow.read_exact(&mut begun)).await.unwrap();
    assert_eq!(&begun, b"HTTP/1.1 200");
    web.server.stop().await;
}
