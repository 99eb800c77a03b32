//! How often a client may ping.

use crate::support::{Frame, GOAWAY, HEADERS, PING, Raw, Server, closed, eventually, note, server_config, within};
use campus_chassis::{ServerConfig, config::HumanDuration};

const ENHANCE_YOUR_CALM: u32 = 0xb;

fn calm() -> (u32, u32, String) {
    ((1 << 31) - 1, ENHANCE_YOUR_CALM, "too_many_pings".to_owned())
}

#[tokio::test]
async fn a_client_that_floods_with_pings_is_told_to_calm_down_and_loses_its_connection_only() {
    let server = Server::start().await;
    let mut client = Raw::connect(server.grpc).await;
    for _ in 0..10_000 {
        if client.0.writable().await.is_err() || client.try_send(&Frame::ping()).is_err() {
            break;
        }
    }
    assert_eq!(client.next_of(GOAWAY).await.goaway(), calm());
    assert_eq!(client.next().await, None);
    eventually(async || closed(&server, "ping_flood").await == 1).await;
    assert!(server.client().await.unary("Echo", note("")).await.is_ok());
    drop(client);
    server.stop().await;
}

#[tokio::test]
async fn answers_to_pings_that_were_never_sent_count_as_pings() {
    let server = Server::start().await;
    let mut client = Raw::connect(server.grpc).await;
    client.send_all(&vec![Frame::ping().pong(); 4]).await;
    assert_eq!(client.next_of(GOAWAY).await.goaway(), calm());
    assert_eq!(client.next().await, None);
    eventually(async || closed(&server, "ping_flood").await == 1).await;
    drop(client);
    server.stop().await;
}

#[tokio::test]
async fn answers_to_the_pings_of_the_server_are_no_pings() {
    let interval = HumanDuration::millis(20);
    let server = Server::with(ServerConfig { keepalive_interval: interval, ..server_config() }).await;
    let mut client = Raw::connect(server.grpc).await;
    for _ in 0..10 {
        let asked = client.next_of(PING).await;
        client.send(&asked.pong()).await;
    }
    assert_eq!(closed(&server, "ping_flood").await, 0);
    drop(client);
    server.stop().await;
}

#[tokio::test]
async fn the_third_ping_too_early_is_one_too_many() {
    let server = Server::start().await;
    let mut client = Raw::connect(server.grpc).await;
    // The first is not early, and two strikes are borne.
    for _ in 0..3 {
        client.send(&Frame::ping()).await;
        assert_eq!(client.next_of(PING).await, Frame::ping().pong());
    }
    client.send(&Frame::ping()).await;
    assert_eq!(client.next_of(GOAWAY).await.goaway(), calm());
    drop(client);
    server.stop().await;
}

#[tokio::test]
async fn what_the_server_sends_wipes_out_strikes() {
    let server = Server::start().await;
    let mut client = Raw::connect(server.grpc).await;
    for call in 0..10 {
        for _ in 0..3 {
            client.send(&Frame::ping()).await;
            assert_eq!(client.next_of(PING).await, Frame::ping().pong());
        }
        client.call(call * 2 + 1, "Echo", &[]).await;
        for _ in 0..2 {
            client.next_of(HEADERS).await;
        }
    }
    drop(client);
    server.stop().await;
}

#[tokio::test]
async fn pings_are_free_where_the_interval_says_so_and_rare_where_calls_are_asked_for() {
    let free = ServerConfig { min_ping_interval: HumanDuration::secs(0), ..server_config() };
    let patient = ServerConfig { min_ping_interval: HumanDuration::millis(1), ..server_config() };
    let with_calls = ServerConfig { pings_without_calls: false, ..patient.clone() };
    for (config, free) in [(free, true), (patient, true), (with_calls, false)] {
        let server = Server::with(config).await;
        let mut client = Raw::connect(server.grpc).await;
        let mut last = Frame::ping().pong();
        for _ in 0..10 {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
            client.send(&Frame::ping()).await;
            last = loop {
                let frame = client.next().await.unwrap();
                if [PING, GOAWAY].contains(&frame.kind) {
                    break frame;
                }
            };
            if last.kind == GOAWAY {
                break;
            }
        }
        assert_eq!(last.kind == PING, free, "{last:?}");
        drop(client);
        server.stop().await;
    }
}

#[tokio::test]
async fn a_frame_that_was_begun_is_whole_before_the_connection_is_told_to_calm_down() {
    let server = Server::start().await;
    let mut client = Raw::connect(server.grpc).await;
    client.widen().await;
    client.call(1, "Flood", &[]).await;
    // Nothing is read until nothing can be sent any more: then a frame stands half written.
    let sent = async || crate::support::figure(&server, "grpc_server_sent_bytes_total").await;
    let mut before = -1.0;
    within(async {
        while sent().await > before {
            before = sent().await;
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    })
    .await;
    for _ in 0..4 {
        client.send(&Frame::ping()).await;
    }
    let mut last = None;
    while let Some(frame) = client.next().await {
        assert!(frame.kind <= 9 && frame.payload.len() <= 16_384, "no longer frames: {frame:?}");
        last = Some(frame);
    }
    assert_eq!(last.unwrap().goaway(), calm());
    drop(client);
    server.stop().await;
}
