//! Requests that are no gRPC: what is spoken, and what happens to them.

use crate::support::{
    Frame, GOAWAY, PATIENCE, Raw, eventually, get, h2, metric, server_config,
    web::{Page, Web, web},
    within,
};
use campus_chassis::{AdminConfig, App, Listen, ServerConfig, config::HumanDuration};
use http::{Request, StatusCode};
use std::sync::atomic::Ordering::SeqCst;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

#[tokio::test]
async fn one_port_speaks_http_1_and_http_2_beside_the_port_of_grpc() {
    let web = Web::start(server_config());
    let page = get(web.addr, "/echo").await;
    assert_eq!((page.code, page.body.as_str()), (200, "GET /echo HTTP/1.1 "));
    assert!(page.head.contains("x-request-id: ") && page.head.to_lowercase().contains("date: "), "{}", page.head);
    let mut connection = web.h2().await;
    let page = connection.page(Request::post("http://x/echo").header("x-request-id", "r-7"), "hello").await;
    assert_eq!((page.code, page.body.as_str()), (StatusCode::OK, "POST /echo HTTP/2.0 hello"));
    assert_eq!(page.headers["x-request-id"], "r-7");
    assert!(web.server.client().await.unary("Echo", crate::support::note("grpc")).await.is_ok());
    web.server.stop().await;
}

#[tokio::test]
async fn a_connection_of_http_1_carries_one_request_after_another() {
    let web = Web::start(server_config());
    let mut stream = TcpStream::connect(web.addr).await.unwrap();
    for _ in 0..3 {
        stream.write_all(b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nhi").await.unwrap();
        let text = until(&mut stream, "POST /echo HTTP/1.1 hi").await;
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
    }
    assert_eq!(metric(&web.server, "http_server_connections_accepted_total").await, 1.0);
    web.server.stop().await;
}

#[tokio::test]
async fn a_client_is_told_that_the_connection_ends_where_its_body_is_not_read() {
    let web = Web::start(server_config());
    let sizes =
        [("/echo", 100, false), ("/nothing", 100, true), ("/read/1024", 1024, false), ("/read/1024", 1025, true)];
    for (path, size, closes) in sizes {
        let mut stream = TcpStream::connect(web.addr).await.unwrap();
        let head = format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {size}\r\n\r\n{}", "x".repeat(size));
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut begun = vec![0; 4096];
        let read = within(stream.read(&mut begun)).await.unwrap();
        let text = String::from_utf8_lossy(&begun[..read]).into_owned();
        assert_eq!(text.contains("connection: close"), closes, "{path} {size}: {text}");
    }
    web.server.stop().await;
}

#[tokio::test]
async fn a_preface_that_comes_in_pieces_is_one_and_what_only_begins_like_one_is_a_request() {
    let web = Web::start(server_config());
    let mut stream = TcpStream::connect(web.addr).await.unwrap();
    stream.set_nodelay(true).unwrap();
    for byte in b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0" {
        stream.write_all(&[*byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    let mut settings = [0; 9];
    within(stream.read_exact(&mut settings)).await.unwrap();
    assert_eq!(settings[3], 4);
    assert_eq!(crate::support::request(web.addr, "PRIX", "/echo").await.body, "PRIX /echo HTTP/1.1 ");
    web.server.stop().await;
}

#[tokio::test]
async fn a_server_may_have_web_addresses_alone_but_not_no_address() {
    let config = ServerConfig { listen: Listen::default(), ..server_config() };
    let admin = AdminConfig { listen: "127.0.0.1:0".parse().unwrap(), ..AdminConfig::default() };
    let app = App::builder(&config, &admin).web("127.0.0.1:0".parse().unwrap(), Page::default()).build().unwrap();
    let addr = web(app.web_addresses());
    let handle = app.handle();
    let ended = tokio::spawn(app.run_until(std::future::pending::<()>()));
    assert_eq!(get(addr, "/echo").await.code, 200);
    handle.skip_drain();
    within(ended).await.unwrap().unwrap();
    let error = App::builder(&config, &admin).build().unwrap_err();
    assert!(error.to_string().contains("at least one address is needed"), "{error}");
}

#[tokio::test]
async fn a_web_address_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap();
    let admin = AdminConfig { listen: "127.0.0.1:0".parse().unwrap(), ..AdminConfig::default() };
    let error = App::builder(&server_config(), &admin).web(addr.into(), Page::default()).build().unwrap_err();
    assert!(error.to_string().starts_with(&format!("setting rest.listen: cannot listen on {addr}: ")), "{error}");
}

#[tokio::test]
async fn a_panic_is_its_own_requests_end_alone() {
    let web = Web::start(server_config());
    let mut connection = web.h2().await;
    for path in ["/panic", "/panic/later"] {
        let page = connection.page(Request::get(format!("http://x{path}")), "").await;
        assert_eq!((page.code, page.body.as_str()), (StatusCode::INTERNAL_SERVER_ERROR, "Internal"), "{path}");
        assert_eq!(get(web.addr, path).await.code, 500);
    }
    assert_eq!(connection.page(Request::get("http://x/echo"), "").await.code, StatusCode::OK);
    assert_eq!(metric(&web.server, "http_server_panics_total").await, 4.0);
    web.server.stop().await;
}

#[tokio::test]
async fn a_client_that_leaves_ends_its_request() {
    let web = Web::start(server_config());
    let working = || web.page.working.load(SeqCst);
    let mut stream = TcpStream::connect(web.addr).await.unwrap();
    stream.write_all(b"GET /wait HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    eventually(async || working() == 1).await;
    drop(stream);
    eventually(async || working() == 0).await;
    let mut connection = web.h2().await;
    let reply = connection.send(Request::get("http://x/wait"), "").await;
    eventually(async || working() == 1).await;
    drop(reply);
    eventually(async || working() == 0).await;
    let left =
        r#"http_server_requests_total{http_request_method="GET",http_route="/wait",http_response_status_code="499"}"#;
    eventually(async || get(web.server.admin, "/metrics").await.body.contains(&format!("{left} 2"))).await;
    web.server.stop().await;
}

#[tokio::test]
async fn a_reply_is_made_only_as_fast_as_it_is_read() {
    let web = Web::start(server_config());
    let mut stream = TcpStream::connect(web.addr).await.unwrap();
    stream.write_all(b"GET /endless HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    // Nothing is read: what is made stands still at what sockets and buffers take.
    let mut before = 0;
    eventually(async || {
        let now = web.page.made.load(SeqCst);
        let stands = now > 0 && now == before;
        before = now;
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        stands
    })
    .await;
    assert!(before < 64 << 20, "{before} bytes");
    drop(stream);
    web.server.stop().await;
}

#[tokio::test]
async fn pings_of_http_2_are_counted_here_too_and_bytes_of_http_1_are_no_frames() {
    let config = ServerConfig { min_ping_interval: HumanDuration::secs(60), ..server_config() };
    let web = Web::start(config);
    let mut raw = Raw::connect(web.addr).await;
    for _ in 0..4 {
        raw.send(&Frame::ping()).await;
    }
    assert_eq!(raw.next_of(GOAWAY).await.goaway().2, "too_many_pings");
    // A body of PING frames.
    let body = [0, 0, 8, 6, 0, 0, 0, 0, 0, 7, 7, 7, 7, 7, 7, 7, 7].repeat(10);
    let mut stream = TcpStream::connect(web.addr).await.unwrap();
    let head = format!("POST /echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(&[head.as_bytes(), &body].concat()).await.unwrap();
    let mut answer = Vec::new();
    within(stream.read_to_end(&mut answer)).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200") && answer.ends_with(&body));
    web.server.stop().await;
}

#[tokio::test]
async fn requests_are_counted_by_route_and_code() {
    let web = Web::start(server_config());
    for path in ["/echo", "/echo", "/nothing"] {
        get(web.addr, path).await;
    }
    let text = get(web.server.admin, "/metrics").await.body;
    let count = |method: &str, route: &str, code: u16, n: u64| {
        let labels =
            format!(r#"http_request_method="{method}",http_route="{route}",http_response_status_code="{code}""#);
        assert!(text.contains(&format!("http_server_requests_total{{{labels}}} {n}")), "{text}");
    };
    count("GET", "/echo", 200, 2);
    count("_OTHER", "", 404, 1);
    let duration = r#"http_server_request_duration_seconds_count{http_request_method="GET",http_route="/echo"} 2"#;
    assert!(text.contains(duration), "{text}");
    assert_eq!(metric(&web.server, "http_server_active_requests").await, 0.0);
    web.server.stop().await;
}

/// Reads until `end` is seen.
async fn until(stream: &mut TcpStream, end: &str) -> String {
    let mut text = Vec::new();
    let read = async {
        while !text.ends_with(end.as_bytes()) {
            assert_ne!(stream.read_buf(&mut text).await.unwrap(), 0, "{}", String::from_utf8_lossy(&text));
        }
    };
    tokio::time::timeout(PATIENCE, read).await.unwrap();
    String::from_utf8(text).unwrap()
}

#[tokio::test]
async fn http_2_without_grpc_is_refused_at_the_port_of_grpc_as_before() {
    let web = Web::start(server_config());
    let mut connection = h2(web.server.grpc).await;
    let request = Request::get("http://x/echo").body(()).unwrap();
    let (reply, _) = connection.send_request(request, true).unwrap();
    assert_eq!(within(reply).await.unwrap().status(), StatusCode::METHOD_NOT_ALLOWED);
    web.server.stop().await;
}
