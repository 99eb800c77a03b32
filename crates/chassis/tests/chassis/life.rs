//! The life of a connection: how old it may be, how idle, how silent.

use crate::support::{
    Frame, GOAWAY, HEADERS, PING, Raw, Server, closed, eventually, note, number, reason, server_config, within,
};
use campus_chassis::{ServerConfig, config::HumanDuration};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tonic::Code;
use tonic_types::StatusExt;

/// The number of a Note: field 2.
const WAIT_300_MS: &[u8] = &[0x10, 0xac, 0x02];
const NO_ERROR: u32 = 0;
/// What the first of two GOAWAYs names as the last stream.
const ALL: u32 = (1 << 31) - 1;

fn rotating(age: u64, grace: u64) -> ServerConfig {
    ServerConfig {
        max_connection_age: HumanDuration::millis(age),
        max_connection_age_grace: HumanDuration::millis(grace),
        ..server_config()
    }
}

#[tokio::test]
async fn an_old_connection_is_asked_to_leave_in_two_steps_and_its_call_ends_well() {
    let server = Server::with(rotating(100, 60_000)).await;
    let mut client = Raw::connect(server.grpc).await;
    let begun = Instant::now();
    client.call(1, "Wait", WAIT_300_MS).await;
    assert_eq!(client.next_of(GOAWAY).await.goaway(), (ALL, NO_ERROR, String::new()));
    assert!((90..290).contains(&begun.elapsed().as_millis()), "{:?}", begun.elapsed());
    // What was on its way when the GOAWAY came is served.
    client.call(3, "Wait", WAIT_300_MS).await;
    let pong = client.next_of(PING).await.pong();
    client.send(&pong).await;
    assert_eq!(client.next_of(GOAWAY).await.goaway(), (3, NO_ERROR, String::new()));
    // Head and trailers of both replies.
    for _ in 0..4 {
        client.next_of(HEADERS).await;
    }
    assert_eq!(client.next().await, None);
    eventually(async || closed(&server, "age").await == 1).await;
    drop(client);
    server.stop().await;
}

#[tokio::test]
async fn what_outlives_age_and_grace_is_told_to_resume_and_a_new_connection_serves() {
    let server = Server::with(rotating(100, 100)).await;
    let client = server.client().await;
    let mut streams = Vec::new();
    for method in ["Endless", "Flood"] {
        let mut stream = client.stream(method, note("first")).await.unwrap();
        assert!(stream.message().await.unwrap().is_some());
        streams.push(stream);
    }
    let waiting = client.unary("Wait", number(60_000)).await.unwrap_err();
    assert_eq!((waiting.code(), reason(&waiting).as_str()), (Code::Unavailable, "CONNECTION_AGE"));
    for mut stream in streams {
        let status = loop {
            match within(stream.message()).await {
                Ok(message) => assert!(message.is_some(), "it ended as if it were complete"),
                Err(status) => break status,
            }
        };
        assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "CONNECTION_AGE"));
        assert!(status.message().contains("resume a stream after the last message"), "{}", status.message());
        assert_eq!(status.get_details_retry_info().unwrap().retry_delay, Some(Duration::ZERO));
    }
    eventually(async || closed(&server, "age").await >= 1).await;
    assert!(server.client().await.unary("Echo", note("")).await.is_ok());
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_cut_after_age_and_grace() {
    let config = ServerConfig { flush_limit: HumanDuration::millis(100), ..rotating(100, 100) };
    let server = Server::with(config).await;
    let mut client = Raw::connect(server.grpc).await;
    client.call(1, "Flood", &[]).await;
    eventually(async || closed(&server, "age").await == 1).await;
    assert_eq!(server.probe.working(), 0);
    drop(client);
    server.stop().await;
}

#[tokio::test]
async fn a_connection_without_calls_for_long_is_asked_to_leave_and_one_with_a_call_is_not() {
    let config = ServerConfig { max_connection_idle: HumanDuration::millis(100), ..server_config() };
    let server = Server::with(config).await;
    let (mut idle, mut busy) = (Raw::connect(server.grpc).await, Raw::connect(server.grpc).await);
    let begun = Instant::now();
    idle.call(1, "Echo", &[]).await;
    busy.call(1, "Wait", WAIT_300_MS).await;
    assert_eq!(idle.next_of(GOAWAY).await.goaway(), (ALL, NO_ERROR, String::new()));
    assert!(begun.elapsed() >= Duration::from_millis(100));
    let pong = idle.next_of(PING).await.pong();
    idle.send(&pong).await;
    assert_eq!(idle.next_of(GOAWAY).await.goaway(), (1, NO_ERROR, String::new()));
    assert_eq!(idle.next().await, None);
    eventually(async || closed(&server, "idle").await == 1).await;
    // Its head comes when the wait is over; until then no GOAWAY did.
    loop {
        let frame = busy.next().await.unwrap();
        assert_ne!(frame.kind, GOAWAY);
        if frame.kind == HEADERS {
            break;
        }
    }
    assert!(begun.elapsed() >= Duration::from_millis(300));
    drop(busy);
    drop(idle);
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_gives_no_sign_of_life_is_closed_and_one_that_answers_stays() {
    let config = ServerConfig {
        keepalive_interval: HumanDuration::millis(50),
        keepalive_timeout: HumanDuration::millis(100),
        ..server_config()
    };
    let server = Server::with(config).await;
    let (mut silent, mut alive) = (Raw::connect(server.grpc).await, Raw::connect(server.grpc).await);
    for client in [&mut silent, &mut alive] {
        client.call(1, "Endless", &[]).await;
    }
    let answering = tokio::spawn(async move {
        for _ in 0..6 {
            let pong = alive.next_of(PING).await.pong();
            alive.send(&pong).await;
        }
        alive
    });
    while silent.next().await.is_some() {}
    eventually(async || closed(&server, "keepalive").await == 1).await;
    let alive = within(answering).await.unwrap();
    assert_eq!(closed(&server, "keepalive").await, 1);
    drop(alive);
    server.stop().await;
}

#[tokio::test]
async fn zero_is_never() {
    let never = HumanDuration::secs(0);
    let config = ServerConfig {
        max_connection_age: never,
        max_connection_idle: never,
        keepalive_interval: never,
        handshake_limit: HumanDuration::millis(20),
        ..server_config()
    };
    let server = Server::with(config).await;
    let mut client = Raw::connect(server.grpc).await;
    client.call(1, "Endless", &[]).await;
    let gone = tokio::time::timeout(Duration::from_millis(200), async {
        while client.next().await.is_some_and(|frame| ![GOAWAY, PING].contains(&frame.kind)) {}
    });
    assert!(gone.await.is_err());
    drop(client);
    server.stop().await;
}

#[tokio::test]
async fn who_is_connected_already_when_the_port_closes_is_served_and_not_cut() {
    let server = Server::with(ServerConfig { flush_limit: HumanDuration::secs(5), ..server_config() }).await;
    // The kernel accepts these; the server shares this thread and has not had its turn yet.
    let waiting: Vec<_> = (0..50).map(|_| std::net::TcpStream::connect(server.grpc).unwrap()).collect();
    server.handle.shutdown();
    let mut clients = Vec::new();
    for stream in waiting {
        stream.set_nonblocking(true).unwrap();
        clients.push(Raw::greet(TcpStream::from_std(stream).unwrap()).await);
    }
    for mut client in clients {
        client.call(1, "Echo", &[]).await;
        assert_eq!(client.next_of(GOAWAY).await.goaway(), (ALL, NO_ERROR, String::new()));
        for _ in 0..2 {
            client.next_of(HEADERS).await;
        }
    }
    within(server.ended).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_call_that_was_on_its_way_when_its_connection_was_asked_to_leave_is_served() {
    let server = Server::with(ServerConfig { flush_limit: HumanDuration::millis(20), ..rotating(100, 60_000) }).await;
    let mut client = Raw::connect(server.grpc).await;
    client.call(1, "Echo", &[]).await;
    client.next_of(GOAWAY).await;
    let ping = client.next_of(PING).await;
    // On a slow way, what was sent before the GOAWAY was heard arrives long after it was sent.
    tokio::time::sleep(Duration::from_millis(200)).await;
    client.call(3, "Echo", &[]).await;
    client.send(&ping.pong()).await;
    let mut last = Vec::new();
    while let Some(frame) = client.next().await {
        last.push(frame);
    }
    assert_eq!(last.iter().filter(|frame| (frame.kind, frame.stream) == (HEADERS, 3)).count(), 2, "{last:?}");
    let goaway = last.iter().find(|frame| frame.kind == GOAWAY).unwrap();
    assert_eq!(goaway.goaway(), (3, NO_ERROR, String::new()));
    server.stop().await;
}

#[tokio::test]
async fn what_a_client_says_of_a_stream_that_came_too_late_harms_no_call_of_its_connection() {
    let server = Server::with(rotating(100, 60_000)).await;
    // The client may speak of the stream after the last GOAWAY, or before it has even been written.
    for is_told_first in [true, false] {
        let mut client = Raw::connect(server.grpc).await;
        // 1,000 ms.
        client.call(1, "Wait", &[0x10, 0xe8, 0x07]).await;
        client.next_of(GOAWAY).await;
        let pong = client.next_of(PING).await.pong();
        let late: Vec<Frame> = Raw::request(3, "Echo", &[])
            .into_iter()
            .chain([Frame { kind: 8, flags: 0, stream: 3, payload: vec![0, 0, 1, 0] }])
            .collect();
        if is_told_first {
            client.send(&pong).await;
            assert_eq!(client.next_of(GOAWAY).await.goaway().0, 1);
            client.send_all(&late).await;
        } else {
            client.send_all(&[vec![pong], late].concat()).await;
        }
        let mut last = Vec::new();
        while let Some(frame) = client.next().await {
            last.push(frame);
        }
        let headers = last.iter().filter(|frame| (frame.kind, frame.stream) == (HEADERS, 1)).count();
        assert_eq!(headers, 2, "told first: {is_told_first}: {last:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_reply_that_is_still_on_its_way_when_its_connection_has_gone_arrives_whole() {
    let server = Server::with(rotating(300, 60_000)).await;
    let mut client = Raw::connect(server.grpc).await;
    client.widen().await;
    // 1,000,000 bytes, which nobody reads yet.
    client.call(1, "Big", &[0x10, 0xc0, 0x84, 0x3d]).await;
    eventually(async || crate::support::figure(&server, "grpc_server_sent_bytes_total").await > 1e6).await;
    // The rest of the way it goes with the kernel's buffers: the connection is asked to leave, answers, and is done.
    tokio::time::sleep(Duration::from_millis(400)).await;
    let ping = Frame { payload: vec![0x0b, 0x7b, 0xa2, 0xf0, 0x8b, 0x9b, 0xfe, 0x54], ..Frame::ping() };
    client.send(&ping.pong()).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    // What a client says of what it has read; to a socket that is closed it would be an insult.
    let mut came = 0;
    while let Some(frame) = client.next().await {
        came += if frame.kind == 0 { frame.payload.len() } else { 0 };
        let _ = client.try_send(&Frame { kind: 8, flags: 0, stream: 0, payload: vec![0, 0, 1, 0] });
    }
    assert_eq!(came, 5 + 4 + 1_000_000);
    drop(client);
    eventually(async || closed(&server, "age").await == 1).await;
    server.stop().await;
}
