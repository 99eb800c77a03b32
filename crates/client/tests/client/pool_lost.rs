//! Connections that go without a word.

use std::time::Duration;

use campus_chassis::{ServerConfig, config::HumanDuration};
use campus_client::{PoolConfig, State};
use tonic::Code;

use crate::support::{Server, Way, channel_to, eventually, note, quick, reaches, server_config, stream, unary, within};

fn pinging(every: u64, timeout: u64) -> PoolConfig {
    let (every, timeout) = (Duration::from_millis(every), Duration::from_millis(timeout));
    PoolConfig { keepalive: Some(every), keepalive_timeout: timeout, ..quick() }
}

async fn patient_server() -> Server {
    Server::with(ServerConfig { min_ping_interval: HumanDuration::millis(0), ..server_config() }).await
}

#[tokio::test]
async fn a_server_that_gives_no_sign_of_life_is_taken_for_gone() {
    let server = patient_server().await;
    let way = Way::to(server.address).await;
    let limit = Duration::from_millis(300);
    let channel = channel_to(&[way.address]).pool(PoolConfig { connect_timeout: limit, ..pinging(50, 200) }).build();
    let mut endless = stream(&channel, "Endless", 0).await.unwrap();
    within(endless.message()).await.unwrap();
    way.stall();
    let error = within(endless.message()).await.unwrap_err();
    assert_eq!(error.code(), Code::Unavailable);
    reaches(&channel, State::TransientFailure).await;
    assert_eq!(channel.dump().connections.ended.get("connection timed out"), Some(&1));
}

#[tokio::test]
async fn a_quiet_call_is_kept_alive() {
    let server = patient_server().await;
    let channel = channel_to(&[server.address]).pool(pinging(10, 5000)).build();
    assert!(unary(&channel, "Wait", note(400)).await.is_ok());
    assert_eq!(channel.dump().connections.made, 1);
}

#[tokio::test]
async fn a_server_that_is_pinged_too_often_is_pinged_less() {
    let config = ServerConfig { min_ping_interval: HumanDuration::millis(300), ..server_config() };
    let server = Server::with(config).await;
    let channel = channel_to(&[server.address]).pool(pinging(30, 5000)).build();
    // At first the server ends the connection, as it should.
    eventually(async || {
        let _ = unary(&channel, "Wait", note(400)).await;
        channel.dump().connections.ended.contains_key("GOAWAY")
    })
    .await;
    eventually(async || unary(&channel, "Wait", note(800)).await.is_ok()).await;
}

#[tokio::test]
async fn an_idle_connection_is_not_pinged() {
    let server = Server::start().await;
    let way = Way::to(server.address).await;
    let channel = channel_to(&[way.address]).pool(pinging(10, 50)).build();
    reaches(&channel, State::Ready).await;
    way.stall();
    let lost = reaches(&channel, State::TransientFailure);
    tokio::time::timeout(Duration::from_millis(300), lost).await.unwrap_err();
}

#[tokio::test]
async fn calls_of_a_connection_that_breaks_fail_at_once() {
    let server = Server::start().await;
    let channel = channel_to(&[server.address]).build();
    let waiting = tokio::spawn({
        let channel = channel.clone();
        async move { unary(&channel, "Wait", note(60_000)).await }
    });
    eventually(async || server.probe.working() == 1).await;
    server.ended.abort();
    drop(server);
    let error = within(waiting).await.unwrap().unwrap_err();
    assert_eq!(error.code(), Code::Unavailable);
}
