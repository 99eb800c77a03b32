//! How many calls the whole server takes at once.

use crate::support::{Answer, Bare, Note, Server, eventually, get, metric, reason, server_config};
use campus_chassis::{AdminConfig, ServerConfig, config::HumanDuration};
use std::time::Duration;
use tonic::Code;
use tonic_types::StatusExt;

fn note(number: u64) -> Note {
    Note { text: String::new(), number }
}

fn limited(unary: u32, stream: u32) -> ServerConfig {
    ServerConfig { max_unary_calls: unary, max_stream_calls: stream, shards: 2, ..server_config() }
}

async fn in_flight(server: &Server, class: &str) -> f64 {
    metric(server, &format!("grpc_server_calls_in_flight{{class=\"{class}\"}}")).await
}

fn check_refusal(answer: &Answer, class: &str) {
    let status = answer.status();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::ResourceExhausted, "TOO_MANY_CALLS"));
    assert!(status.message().contains(class), "{}", status.message());
    let retry = status.get_details_retry_info().unwrap().retry_delay.unwrap();
    let pushback: u64 = answer.end("grpc-retry-pushback-ms").parse().unwrap();
    assert!((500..1500).contains(&pushback) && u128::from(pushback) == retry.as_millis(), "{pushback} {retry:?}");
}

#[tokio::test]
async fn unary_calls_over_the_limit_are_refused_before_their_message_is_read_and_counted() {
    let server = Server::with(limited(2, 10)).await;
    // On both shards: the limit is the server's.
    let (mut one, mut other) = (Bare::to(&server).await, Bare::to(&server).await);
    let _first = one.open("Echo", &[]).await;
    let _second = other.open("Echo", &[]).await;
    eventually(async || in_flight(&server, "unary").await == 2.0).await;
    for bare in [&mut one, &mut other] {
        let (response, _body) = bare.open("Echo", &[]).await;
        check_refusal(&Answer::to(response).await, "unary");
    }
    // Streams have places of their own.
    assert_eq!(one.note("Count", &[], note(3)).await.notes().len(), 3);
    assert_eq!(metric(&server, "grpc_server_calls_refused_total{class=\"unary\"}").await, 2.0);
    assert_eq!(metric(&server, "grpc_server_calls_admitted_total{class=\"unary\"}").await, 2.0);
    assert_eq!(metric(&server, "grpc_server_calls_refused_total{class=\"stream\"}").await, 0.0);
    server.stop().await;
}

#[tokio::test]
async fn streams_over_the_limit_are_refused_and_unary_calls_go_on() {
    let server = Server::with(limited(10, 2)).await;
    let mut bare = Bare::to(&server).await;
    let _calls = (bare.open("Endless", &[]).await, bare.open("Collect", &[]).await);
    eventually(async || in_flight(&server, "stream").await == 2.0).await;
    for method in ["Endless", "Collect"] {
        let (response, _body) = bare.open(method, &[]).await;
        check_refusal(&Answer::to(response).await, "stream");
    }
    assert_eq!(bare.note("Echo", &[], note(1)).await.status().code(), Code::Ok);
    server.stop().await;
}

#[tokio::test]
async fn health_and_reflection_get_in_however_many_calls_there_are() {
    let server = Server::with(limited(1, 1)).await;
    let mut bare = Bare::to(&server).await;
    let _calls = (bare.open("Echo", &[]).await, bare.open("Collect", &[]).await);
    eventually(async || in_flight(&server, "unary").await + in_flight(&server, "stream").await == 2.0).await;
    let mut health = tonic_health::pb::health_client::HealthClient::new(server.channel().await);
    for _ in 0..10 {
        health.check(tonic_health::pb::HealthCheckRequest::default()).await.unwrap();
        health.watch(tonic_health::pb::HealthCheckRequest::default()).await.unwrap();
    }
    assert!(metric(&server, "grpc_server_calls_admitted_total{class=\"system\"}").await >= 20.0);
    server.stop().await;
}

#[tokio::test]
async fn however_a_call_ends_its_place_is_free_again() {
    let server = Server::with(limited(1, 1)).await;
    let mut bare = Bare::to(&server).await;
    for _ in 0..3 {
        for (method, code) in [
            ("Echo", Code::Ok),
            ("Panic", Code::Internal),
            ("Trailers", Code::NotFound),
            ("Count", Code::Ok),
            ("PanicLater", Code::Internal),
            ("Fail", Code::NotFound),
        ] {
            assert_eq!(bare.note(method, &[], note(1)).await.status().code(), code, "{method}");
        }
        for method in ["Wait", "Endless"] {
            let late = bare.note(method, &[("grpc-timeout", "10m")], note(60_000)).await;
            assert_eq!(late.status().code(), Code::DeadlineExceeded, "{method}");
            let (_, mut left) = bare.open(method, &[]).await;
            left.send_reset(h2::Reason::CANCEL);
            eventually(async || in_flight(&server, "unary").await + in_flight(&server, "stream").await == 0.0).await;
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn a_server_that_refuses_for_long_is_not_ready_until_it_refuses_no_more() {
    let admin = AdminConfig { saturated_limit: HumanDuration::millis(200), ..crate::support::admin_config() };
    let server = Server::launch_with(&limited(1, 1), &admin, |builder| builder);
    eventually(async || get(server.admin, "/readyz").await.code == 200).await;
    let mut bare = Bare::to(&server).await;
    let (_reply, mut held) = bare.open("Echo", &[]).await;
    eventually(async || in_flight(&server, "unary").await == 1.0).await;
    let begun = std::time::Instant::now();
    eventually(async || {
        check_refusal(&bare.note("Echo", &[], note(0)).await, "unary");
        get(server.admin, "/readyz").await.code == 503
    })
    .await;
    assert!(begun.elapsed() >= Duration::from_millis(200), "after {:?}", begun.elapsed());
    assert!(get(server.admin, "/readyz").await.body.contains("load: calls are refused for want of room"));
    held.send_reset(h2::Reason::CANCEL);
    eventually(async || get(server.admin, "/readyz").await.code == 200).await;
    server.stop().await;
}
