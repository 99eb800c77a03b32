//! What a client may not have too much of.

use crate::support::{
    Client, Note, Server, eventually, get, h2, head, note, number, path, reason, server_config, within,
};
use bytes::Bytes;
use campus_chassis::{ServerConfig, config::ByteSize, config::HumanDuration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tonic::Code;

#[tokio::test]
async fn a_request_over_the_limit_is_resource_exhausted_and_one_at_it_passes() {
    let config = ServerConfig { max_message_in: ByteSize::kib(1), ..server_config() };
    let server = Server::with(config).await;
    let client = server.client().await;
    // Three bytes of tag and length beside the text.
    assert!(client.unary("Echo", note(&"x".repeat(1024 - 3))).await.is_ok());
    let status = client.unary("Echo", note(&"x".repeat(1024 - 2))).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::ResourceExhausted, "REQUEST_TOO_LARGE"));
    assert!(status.message().contains("1025 bytes") && status.message().contains("1024"), "{}", status.message());
    server.stop().await;
}

#[tokio::test]
async fn a_message_over_the_limit_in_the_middle_of_a_client_stream_ends_the_call() {
    let config = ServerConfig { max_message_in: ByteSize::kib(1), ..server_config() };
    let server = Server::with(config).await;
    let small = Note { text: "x".repeat(1000), number: 0 };
    let large = Note { text: "x".repeat(2000), number: 0 };
    let notes = vec![small.clone(), small.clone(), large, small];
    let status = server.client().await.collect(notes).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::ResourceExhausted, "REQUEST_TOO_LARGE"));
    server.stop().await;
}

#[tokio::test]
async fn four_mib_pass_by_default_and_more_does_not() {
    let server = Server::start().await;
    let client = server.client().await;
    assert!(client.unary("Echo", note(&"x".repeat((4 << 20) - 5))).await.is_ok());
    let status = client.unary("Echo", note(&"x".repeat(4 << 20))).await.unwrap_err();
    assert_eq!(reason(&status), "REQUEST_TOO_LARGE");
    server.stop().await;
}

#[tokio::test]
async fn a_reply_over_the_limit_is_resource_exhausted() {
    let config = ServerConfig { max_message_out: Some(ByteSize::kib(1)), ..server_config() };
    let server = Server::with(config).await;
    let client = server.client().await;
    assert!(client.unary("Big", number(1000)).await.is_ok());
    let status = client.unary("Big", number(2000)).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::ResourceExhausted, "REPLY_TOO_LARGE"));
    server.stop().await;
}

#[tokio::test]
async fn headers_over_the_limit_end_their_call_only() {
    let server = Server::start().await;
    let mut client = h2(server.grpc).await;
    let large = |kib: usize| head(path("Echo").as_str()).header("x-large", "x".repeat(kib << 10)).body(()).unwrap();
    for kib in [17, 63] {
        let (response, _) = client.send_request(large(kib), true).unwrap();
        assert_eq!(within(response).await.unwrap().status(), 431, "{kib} KiB");
    }
    let (response, mut body) = client.send_request(head(path("Echo").as_str()).body(()).unwrap(), false).unwrap();
    body.send_data(Bytes::from_static(&[0; 5]), true).unwrap();
    assert_eq!(within(response).await.unwrap().status(), 200);
    // What h2 takes for an attack, at four times the limit.
    let (response, _) = client.send_request(large(65), true).unwrap();
    assert!(within(response).await.unwrap_err().is_go_away());
    server.stop().await;
}

#[tokio::test]
async fn calls_over_the_limit_of_a_connection_wait_in_the_client() {
    let config = ServerConfig { max_streams: 2, ..server_config() };
    let server = Server::with(config).await;
    let client = server.client().await;
    // From here on the client knows the server's settings.
    client.unary("Echo", note("")).await.unwrap();
    let calls: Vec<_> = (0..3)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.unary("Wait", number(200)).await })
        })
        .collect();
    eventually(async || server.probe.working() == 2).await;
    for call in calls {
        assert!(server.probe.working() <= 2);
        call.await.unwrap().unwrap();
    }
    server.stop().await;
}

#[tokio::test]
async fn streams_that_a_client_opens_beyond_the_limit_are_refused() {
    let config = ServerConfig { max_streams: 1, ..server_config() };
    let server = Server::with(config).await;
    let mut stream = TcpStream::connect(server.grpc).await.unwrap();
    // Before it has seen the server's settings, a client may open what it likes: two bare HEADERS frames of GET.
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
    for id in [1, 3] {
        // POST, http, "/" from the static table; left open.
        bytes.extend_from_slice(&[0, 0, 3, 1, 4, 0, 0, 0, id, 0x83, 0x86, 0x84]);
    }
    stream.write_all(&bytes).await.unwrap();
    let refused = within(async {
        let mut seen = Vec::new();
        loop {
            let mut chunk = [0; 1024];
            let n = stream.read(&mut chunk).await.unwrap();
            assert!(n > 0, "the connection was closed: {seen:?}");
            seen.extend_from_slice(chunk.get(..n).unwrap());
            // RST_STREAM of stream 3 with REFUSED_STREAM.
            if seen.windows(13).any(|w| w == [0, 0, 4, 3, 0, 0, 0, 0, 3, 0, 0, 0, 7]) {
                return true;
            }
        }
    })
    .await;
    assert!(refused);
    server.stop().await;
}

#[tokio::test]
async fn connections_over_the_limit_are_refused_with_a_reason_and_a_place_that_is_left_is_taken() {
    let config = ServerConfig { max_connections: 1, ..server_config() };
    let server = Server::with(config).await;
    let first = server.client().await;
    first.unary("Echo", note("")).await.unwrap();
    let mut second = TcpStream::connect(server.grpc).await.unwrap();
    let mut said = Vec::new();
    within(second.read_to_end(&mut said)).await.unwrap();
    assert!(String::from_utf8_lossy(&said).contains("too many connections"), "{said:?}");
    assert!(first.unary("Echo", note("")).await.is_ok());
    assert!(get(server.admin, "/metrics").await.body.contains("grpc_server_connections_refused_total 1"));
    drop(first);
    eventually(async || {
        let Ok(channel) =
            tonic::transport::Endpoint::from_shared(format!("http://{}", server.grpc)).unwrap().connect().await
        else {
            return false;
        };
        Client::from(channel).unary("Echo", note("")).await.is_ok()
    })
    .await;
    server.stop().await;
}

#[tokio::test]
async fn a_socket_that_says_nothing_is_closed() {
    let config = ServerConfig { handshake_limit: HumanDuration::millis(100), ..server_config() };
    let server = Server::with(config).await;
    let mut silent = TcpStream::connect(server.grpc).await.unwrap();
    let mut half = TcpStream::connect(server.grpc).await.unwrap();
    half.write_all(b"PRI * HTTP/2.0\r\n").await.unwrap();
    for stream in [&mut silent, &mut half] {
        let mut said = Vec::new();
        // Closed or reset: both free the place.
        let _ = within(stream.read_to_end(&mut said)).await;
    }
    eventually(async || get(server.admin, "/metrics").await.body.contains("grpc_server_connections 0")).await;
    server.stop().await;
}

#[tokio::test]
async fn a_connection_without_a_call_is_asked_to_leave() {
    let config = ServerConfig {
        handshake_limit: HumanDuration::millis(20),
        first_call_limit: HumanDuration::millis(100),
        flush_limit: HumanDuration::millis(100),
        ..server_config()
    };
    let server = Server::with(config).await;
    let stream = TcpStream::connect(server.grpc).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    // Ends without an error: it was a GOAWAY and not a cut.
    within(connection).await.unwrap();
    drop(client);
    server.stop().await;
}

#[tokio::test]
async fn a_connection_with_calls_is_not_asked_to_leave() {
    let config = ServerConfig {
        handshake_limit: HumanDuration::millis(20),
        first_call_limit: HumanDuration::millis(50),
        ..server_config()
    };
    let server = Server::with(config).await;
    let mut client = h2(server.grpc).await;
    let (response, mut body) = client.send_request(head(path("Wait").as_str()).body(()).unwrap(), false).unwrap();
    body.send_data(Bytes::from_static(&[0, 0, 0, 0, 3, 0x10, 0xac, 0x02]), true).unwrap();
    assert_eq!(within(response).await.unwrap().status(), 200);
    let (response, mut body) = client.send_request(head(path("Echo").as_str()).body(()).unwrap(), false).unwrap();
    body.send_data(Bytes::from_static(&[0; 5]), true).unwrap();
    assert_eq!(within(response).await.unwrap().status(), 200);
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_resets_what_it_opens_at_once_loses_its_connection_only() {
    let server = Server::start().await;
    let stream = TcpStream::connect(server.grpc).await.unwrap();
    let (mut client, connection) = h2::client::handshake(stream).await.unwrap();
    let connection = tokio::spawn(connection);
    let flood = async {
        loop {
            client = client.ready().await?;
            let (response, mut body) = client.send_request(head(path("Wait").as_str()).body(()).unwrap(), false)?;
            body.send_reset(h2::Reason::CANCEL);
            drop(response);
            tokio::task::yield_now().await;
        }
    };
    let ended: Result<(), h2::Error> = within(flood).await;
    assert!(ended.is_err());
    assert!(within(connection).await.unwrap().is_err());
    assert!(server.client().await.unary("Echo", note("")).await.is_ok());
    server.stop().await;
}
