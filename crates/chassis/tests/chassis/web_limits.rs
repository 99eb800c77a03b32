//! What a client of a web address may not have too much of, and when it has to go.

use crate::support::{Server, eventually, get, metric, server_config, web::Web, within};
use campus_chassis::{ServerConfig, config::ByteSize, config::HumanDuration};
use http::{Request, StatusCode};
use std::sync::atomic::Ordering::SeqCst;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

async fn closed(server: &Server, reason: &str) -> f64 {
    let name = format!("http_server_connections_closed_total{{reason=\"{reason}\"}}");
    metric(server, &name).await
}

/// All that comes until the server closes.
async fn rest(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    // A reset is an end as well.
    drop(within(stream.read_to_end(&mut text)).await);
    String::from_utf8_lossy(&text).into_owned()
}

#[tokio::test]
async fn a_head_that_does_not_come_to_its_end_closes_the_connection_and_a_pause_between_requests_does_not() {
    let config = ServerConfig { handshake_limit: HumanDuration::millis(150), ..server_config() };
    let web = Web::start(config);
    let mut slow = TcpStream::connect(web.addr).await.unwrap();
    slow.write_all(b"GET /echo HTTP/1.1\r\nhost: a-name-long-enough-to-be-no-greeting\r\n").await.unwrap();
    let mut patient = TcpStream::connect(web.addr).await.unwrap();
    patient.write_all(b"GET /echo HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert_eq!(rest(&mut slow).await, "");
    eventually(async || closed(&web.server, "handshake").await == 1.0).await;
    // A second request that does not come to its end is found out as well.
    let mut slow = TcpStream::connect(web.addr).await.unwrap();
    slow.write_all(b"GET /echo HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    within(slow.read_exact(&mut [0; 12])).await.unwrap();
    slow.write_all(b"GET ").await.unwrap();
    assert!(rest(&mut slow).await.ends_with("GET /echo HTTP/1.1 "));
    eventually(async || closed(&web.server, "handshake").await == 2.0).await;
    // The limit has passed twice since the patient one's first request. Its second comes in two halves.
    patient.write_all(b"GET /echo HTTP/1.1\r\nhost: x\r\n").await.unwrap();
    patient.write_all(b"connection: close\r\n\r\n").await.unwrap();
    assert_eq!(rest(&mut patient).await.matches("HTTP/1.1 200 OK").count(), 2);
    web.server.stop().await;
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_closed_at_the_handshake_limit() {
    let web = Web::start(ServerConfig { handshake_limit: HumanDuration::millis(50), ..server_config() });
    for begun in ["", "PRI * HT", "GET"] {
        let mut stream = TcpStream::connect(web.addr).await.unwrap();
        stream.write_all(begun.as_bytes()).await.unwrap();
        assert_eq!(rest(&mut stream).await, "", "{begun:?}");
    }
    eventually(async || closed(&web.server, "handshake").await == 3.0).await;
    web.server.stop().await;
}

#[tokio::test]
async fn a_head_over_the_limit_is_431_in_both_versions() {
    let web = Web::start(ServerConfig { max_header_list: ByteSize::kib(4), ..server_config() });
    let mut stream = TcpStream::connect(web.addr).await.unwrap();
    let head = format!("GET /echo HTTP/1.1\r\nhost: x\r\nx-long: {}\r\n\r\n", "y".repeat(5000));
    stream.write_all(head.as_bytes()).await.unwrap();
    assert!(rest(&mut stream).await.starts_with("HTTP/1.1 431 "));
    let page = web.h2().await.page(Request::get("http://x/echo").header("x-long", "y".repeat(5000)), "").await;
    assert_eq!(page.code, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    web.server.stop().await;
}

#[tokio::test]
async fn a_body_is_read_up_to_its_limit() {
    let web = Web::start(server_config());
    let mut connection = web.h2().await;
    for (size, code) in [(1024, StatusCode::OK), (1025, StatusCode::PAYLOAD_TOO_LARGE)] {
        let page = connection.page(Request::post("http://x/read/1024"), &"x".repeat(size)).await;
        assert_eq!(page.code, code, "{size}");
    }
    // One that is announced is not even waited for.
    let mut stream = TcpStream::connect(web.addr).await.unwrap();
    stream.write_all(b"POST /read/1024 HTTP/1.1\r\nhost: x\r\ncontent-length: 1025\r\n\r\n").await.unwrap();
    let mut head = [0; 12];
    within(stream.read_exact(&mut head)).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 413");
    web.server.stop().await;
}

#[tokio::test]
async fn requests_that_are_too_many_are_refused_and_the_next_is_not() {
    let web = Web::start(ServerConfig { max_web_requests: 1, ..server_config() });
    let mut connection = web.h2().await;
    let waits = connection.send(Request::get("http://x/wait"), "").await;
    eventually(async || web.page.working.load(SeqCst) == 1).await;
    let page = connection.page(Request::get("http://x/echo"), "").await;
    assert_eq!((page.code, page.body.as_str()), (StatusCode::INTERNAL_SERVER_ERROR, "ResourceExhausted"));
    assert_eq!(metric(&web.server, "http_server_requests_refused_total").await, 1.0);
    drop(waits);
    eventually(async || connection.page(Request::get("http://x/echo"), "").await.code == StatusCode::OK).await;
    web.server.stop().await;
}

#[tokio::test]
async fn a_connection_too_many_is_told_so() {
    let web = Web::start(ServerConfig { max_connections: 1, ..server_config() });
    let first = web.h2().await;
    let mut second = TcpStream::connect(web.addr).await.unwrap();
    assert!(rest(&mut second).await.starts_with("HTTP/1.1 503 Service Unavailable\r\n"));
    drop(first);
    web.server.stop().await;
}

#[tokio::test]
async fn who_may_not_call_is_refused_here_too() {
    let web = Web::start(ServerConfig { allow: "address:192.0.2.0/24".parse().unwrap(), ..server_config() });
    let page = get(web.addr, "/echo").await;
    assert_eq!((page.code, page.body.as_str()), (500, "PermissionDenied"));
    web.server.stop().await;
}

#[tokio::test]
async fn an_old_connection_of_http_1_is_closed_after_a_reply_and_an_idle_one_at_once() {
    let old = ServerConfig { max_connection_age: HumanDuration::millis(100), ..server_config() };
    let idle = ServerConfig { max_connection_idle: HumanDuration::millis(100), ..server_config() };
    for (config, reason) in [(old, "age"), (idle, "idle")] {
        let web = Web::start(config);
        let mut stream = TcpStream::connect(web.addr).await.unwrap();
        stream.write_all(b"GET /echo HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        assert!(rest(&mut stream).await.starts_with("HTTP/1.1 200 OK"));
        eventually(async || closed(&web.server, reason).await == 1.0).await;
        web.server.stop().await;
    }
}

#[tokio::test]
async fn at_the_stop_a_running_request_is_finished_and_its_connection_closed() {
    let web = Web::start(server_config());
    let mut stream = TcpStream::connect(web.addr).await.unwrap();
    stream.write_all(b"GET /wait HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut idle = TcpStream::connect(web.addr).await.unwrap();
    idle.write_all(b"GET /echo HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut connection = web.h2().await;
    let waits = connection.send(Request::get("http://x/wait"), "").await;
    eventually(async || web.page.working.load(SeqCst) == 2).await;
    web.server.handle.shutdown();
    assert!(rest(&mut idle).await.starts_with("HTTP/1.1 200 OK"));
    web.page.go.notify_waiters();
    let reply = rest(&mut stream).await;
    assert!(reply.starts_with("HTTP/1.1 200 OK") && reply.contains("\r\nconnection: close\r\n"), "{reply}");
    assert!(reply.ends_with("done"), "{reply}");
    assert_eq!(within(waits).await.unwrap().status(), StatusCode::OK);
    within(web.server.ended).await.unwrap().unwrap();
}

#[tokio::test]
async fn from_the_signal_on_the_first_answer_of_each_connection_is_its_last() {
    let delay = ServerConfig { drain_delay: HumanDuration::secs(60), ..server_config() };
    let web = Web::start(delay);
    let mut before = TcpStream::connect(web.addr).await.unwrap();
    before.write_all(b"GET /echo HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    before.readable().await.unwrap();
    web.server.handle.shutdown();
    eventually(async || get(web.server.admin, "/readyz").await.code == 503).await;
    before.write_all(b"GET /echo HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert_eq!(rest(&mut before).await.matches("connection: close").count(), 1);
    for _ in 0..5 {
        let mut stream = TcpStream::connect(web.addr).await.unwrap();
        stream.write_all(b"GET /echo HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        assert!(rest(&mut stream).await.contains("\r\nconnection: close\r\n"));
    }
    web.server.stop().await;
}

#[tokio::test]
async fn what_still_runs_at_the_end_of_the_stop_is_told_so_or_cut_off() {
    let web = Web::start(ServerConfig { drain_limit: HumanDuration::millis(100), ..server_config() });
    let mut waits = TcpStream::connect(web.addr).await.unwrap();
    waits.write_all(b"GET /wait HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut streams = TcpStream::connect(web.addr).await.unwrap();
    streams.write_all(b"GET /drops HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    eventually(async || web.page.working.load(SeqCst) == 2).await;
    web.server.handle.shutdown();
    let reply = rest(&mut waits).await;
    assert!(reply.starts_with("HTTP/1.1 500") && reply.ends_with("Unavailable"), "{reply}");
    let reply = rest(&mut streams).await;
    assert!(reply.starts_with("HTTP/1.1 200 OK") && !reply.ends_with("0\r\n\r\n"), "{reply}");
    within(web.server.ended).await.unwrap().unwrap();
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_client_that_reads_nothing_while_there_is_something_to_read_is_given_up() {
    let web = Web::start(ServerConfig { keepalive_timeout: HumanDuration::millis(500), ..server_config() });
    let mut stalled = TcpStream::connect(web.addr).await.unwrap();
    stalled.write_all(b"GET /endless HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    // One that has nothing to read may wait.
    let mut waits = TcpStream::connect(web.addr).await.unwrap();
    waits.write_all(b"GET /wait HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    eventually(async || closed(&web.server, "keepalive").await == 1.0).await;
    assert_eq!(web.page.working.load(SeqCst), 1);
    web.server.stop().await;
}
