//! Servers that say how they are.

use std::{sync::atomic::Ordering::SeqCst, time::Duration};

use campus_chassis::{ServerConfig, config::HumanDuration};
use campus_client::{Phase, PoolConfig, State};
use tonic::Code;

use crate::support::{
    DESCRIPTOR_PACKAGE, PATIENCE, Server, channel_to, eventually, note, quick, reaches, server_config, shown, unary,
};

fn watching(service: &str) -> PoolConfig {
    PoolConfig { health_service: Some(service.to_owned()), ..quick() }
}

#[tokio::test]
async fn a_server_that_will_stop_is_left_while_it_still_serves() {
    let delay = HumanDuration::millis(u64::try_from(PATIENCE.as_millis()).unwrap() * 2);
    let leaving = Server::with(ServerConfig { drain_delay: delay, ..server_config() }).await;
    let other = Server::at("127.0.0.2:0").await;
    let channel = channel_to(&[leaving.address, other.address]).pool(watching("")).build();
    for server in [&leaving, &other] {
        eventually(async || shown(&channel, server.address).is_some_and(|one| one.phase == Phase::Ready)).await;
    }
    leaving.handle.shutdown();
    eventually(async || shown(&channel, leaving.address).unwrap().phase == Phase::Unhealthy).await;
    let before = shown(&channel, leaving.address).unwrap();
    assert_eq!(before.last_error.as_deref(), Some("\"\" is NOT_SERVING"));
    for number in 0..50 {
        unary(&channel, "Echo", note(number)).await.unwrap();
    }
    assert_eq!(shown(&channel, leaving.address).unwrap().picks, before.picks);
    // It would have served them: nobody has asked the connection to leave yet.
    assert!(channel.dump().connections.ended.is_empty());
    let direct = channel_to(&[leaving.address]).build();
    unary(&direct, "Echo", note(1)).await.unwrap();
}

#[tokio::test]
async fn calls_fail_with_what_the_server_says_while_it_is_not_well_and_are_sent_when_it_is() {
    let server = Server::start().await;
    let service = format!("{DESCRIPTOR_PACKAGE}.Probe");
    let channel = channel_to(&[server.address]).pool(watching(&service)).build();
    unary(&channel, "Echo", note(1)).await.unwrap();
    server.well.store(false, SeqCst);
    reaches(&channel, State::TransientFailure).await;
    let error = unary(&channel, "Echo", note(1)).await.unwrap_err();
    assert_eq!(error.code(), Code::Unavailable);
    assert!(error.message().ends_with("\"test.v1.Probe\" is NOT_SERVING"), "{}", error.message());
    server.well.store(true, SeqCst);
    reaches(&channel, State::Ready).await;
    unary(&channel, "Echo", note(1)).await.unwrap();
}

#[tokio::test]
async fn a_service_that_the_server_does_not_know_is_not_well() {
    let server = Server::start().await;
    let channel = channel_to(&[server.address]).pool(watching("nobody.v1.Knows")).build();
    reaches(&channel, State::TransientFailure).await;
}

#[tokio::test]
async fn the_questions_are_not_counted_as_calls() {
    let server = Server::start().await;
    let channel = channel_to(&[server.address]).pool(watching("")).build();
    reaches(&channel, State::Ready).await;
    let shown = shown(&channel, server.address).unwrap();
    assert_eq!((shown.picks, shown.in_flight), (0, 0));
}

#[tokio::test]
async fn a_server_that_cannot_be_asked_is_taken_for_well() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut connection = h2::server::handshake(stream).await.unwrap();
        while let Some(Ok((_, mut respond))) = connection.accept().await {
            let answer = http::Response::builder().header("content-type", "application/grpc");
            respond.send_response(answer.header("grpc-status", "12").body(()).unwrap(), true).unwrap();
        }
    });
    let channel = channel_to(&[address]).pool(watching("")).build();
    reaches(&channel, State::Ready).await;
    tokio::time::timeout(Duration::from_millis(100), reaches(&channel, State::TransientFailure)).await.unwrap_err();
}
