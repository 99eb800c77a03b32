//! How long calls take at most.

use std::time::Duration;

use tokio::time::Instant;
use tonic::{Code, Request, Status};

use crate::{
    scripted::{Act, Scripted},
    support::{Note, Server, channel_to, eventually, note, stream, unary, within},
};

fn until(limit: Duration) -> Request<Note> {
    let mut request = note(60_000);
    request.set_timeout(limit);
    request
}

#[tokio::test]
async fn a_call_ends_at_its_deadline_here_and_at_the_server() {
    let server = Server::start().await;
    let channel = channel_to(&[server.address]).build();
    let begun = Instant::now();
    let error = unary(&channel, "Wait", until(Duration::from_millis(200))).await.unwrap_err();
    assert_eq!(error.code(), Code::DeadlineExceeded);
    assert!(begun.elapsed() >= Duration::from_millis(190), "{:?}", begun.elapsed());
    eventually(async || server.probe.working() == 0).await;
}

#[tokio::test]
async fn a_server_that_says_nothing_is_named_at_the_deadline() {
    let server = Scripted::with([], Act::Hang).await;
    let channel = channel_to(&[server.address]).build();
    let error = unary(&channel, "Echo", until(Duration::from_millis(100))).await.unwrap_err();
    assert_eq!(error.code(), Code::DeadlineExceeded);
    assert_eq!(error.message(), format!("no answer from {} within 100ms", server.address));
}

#[tokio::test]
async fn an_answer_that_does_not_end_is_cut_at_the_deadline() {
    let server = Scripted::with([], Act::HeadThenHang).await;
    let channel = channel_to(&[server.address]).build();
    let error = unary(&channel, "Echo", until(Duration::from_millis(100))).await.unwrap_err();
    assert_eq!(error.code(), Code::DeadlineExceeded);
    assert_eq!(error.message(), format!("{} did not end its answer within 100ms", server.address));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_of_which_there_is_always_more_is_cut_at_the_deadline() {
    let server = Scripted::with([], Act::HeadThenFlood).await;
    let channel = channel_to(&[server.address]).build();
    let error = unary(&channel, "Echo", until(Duration::from_millis(200))).await.unwrap_err();
    assert_eq!(error.code(), Code::DeadlineExceeded);
}

#[tokio::test]
async fn the_method_has_a_limit_that_the_server_learns_and_a_caller_can_only_shorten_it() {
    let server = Scripted::start([]).await;
    let config = r#"{"methodConfig":[{"name":[{"service":"test.v1.Probe"}],"timeout":"5s"}]}"#;
    let channel = channel_to(&[server.address]).service_config(config).unwrap().build();
    for request in [note(1), until(Duration::from_secs(60)), until(Duration::from_secs(1))] {
        unary(&channel, "Echo", request).await.unwrap();
    }
    let told = server.headers("grpc-timeout").into_iter().map(|told| {
        let told = told.unwrap();
        let (digits, unit) = told.split_at(told.len() - 1);
        let scale = match unit {
            "n" => 1e9,
            "u" => 1e6,
            "m" => 1e3,
            _ => 1.0,
        };
        digits.parse::<f64>().unwrap() / scale
    });
    for (told, limit) in told.zip([5.0, 5.0, 1.0]) {
        assert!(told <= limit && told > limit - 0.5, "{told} of {limit}");
    }
}

#[tokio::test]
async fn the_default_is_for_the_head_of_an_answer_alone() {
    let server = Server::start().await;
    let limit = Some(Duration::from_millis(300));
    let channel = channel_to(&[server.address]).default_deadline(limit).build();
    let mut ticks = stream(&channel, "Tick", 25).await.unwrap();
    let begun = Instant::now();
    while within(ticks.message()).await.unwrap().is_some() {}
    assert!(begun.elapsed() > Duration::from_millis(400), "the stream outlived the default");
    let error = unary(&channel, "Wait", note(60_000)).await.unwrap_err();
    assert_eq!(error.code(), Code::DeadlineExceeded);
}

#[tokio::test]
async fn a_timeout_that_is_none_is_refused_before_anything_is_sent() {
    let server = Scripted::start([]).await;
    let mut request = note(1);
    request.metadata_mut().insert("grpc-timeout", "soon".parse().unwrap());
    let error = unary(&channel_to(&[server.address]).build(), "Echo", request).await.unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument);
    assert_eq!(error.message(), "grpc-timeout is \"soon\"; it must be up to 8 digits and one of H M S m u n");
    assert!(server.seen().is_empty());
}

/// A port on which nobody listens.
async fn nobody() -> std::net::SocketAddr {
    tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

async fn ask(config: &str, limit: Duration) -> (Status, String) {
    let address = nobody().await;
    let channel = channel_to(&[address]).service_config(config).unwrap().build();
    (unary(&channel, "Echo", until(limit)).await.unwrap_err(), address.to_string())
}

#[tokio::test]
async fn a_call_fails_at_once_when_nobody_can_be_reached_and_says_whom_it_tried() {
    let (error, address) = ask("{}", Duration::from_secs(60)).await;
    assert_eq!(error.code(), Code::Unavailable);
    assert!(error.message().contains(&address) && error.message().contains("refused"), "{}", error.message());
}

#[tokio::test]
async fn a_call_that_waits_for_ready_servers_says_at_its_deadline_why_there_were_none() {
    let config = r#"{"methodConfig":[{"name":[{}],"waitForReady":true}]}"#;
    let (error, address) = ask(config, Duration::from_millis(300)).await;
    assert_eq!(error.code(), Code::DeadlineExceeded);
    let message = error.message();
    assert!(message.starts_with("no answer within 300ms: no server of static:///"), "{message}");
    assert!(message.contains(&address) && message.contains("refused"), "{message}");
}

#[tokio::test]
async fn a_call_that_waits_for_ready_servers_is_sent_when_there_is_one() {
    let address = nobody().await;
    let config = r#"{"methodConfig":[{"name":[{}],"waitForReady":true}]}"#;
    let channel = channel_to(&[address]).service_config(config).unwrap().build();
    let calling = tokio::spawn({
        let channel = channel.clone();
        async move { unary(&channel, "Echo", note(5)).await }
    });
    crate::support::reaches(&channel, campus_client::State::TransientFailure).await;
    let _server = Server::at(&address.to_string()).await;
    assert_eq!(within(calling).await.unwrap().unwrap().number, 5);
}
