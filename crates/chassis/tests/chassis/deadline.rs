//! Deadlines, kept by the server.

use crate::support::{Server, eventually, h2, head, note, number, path, reason, server_config, within};
use bytes::Bytes;
use campus_chassis::{ServerConfig, config::HumanDuration};
use std::time::{Duration, Instant};
use tonic::{Code, Request, Status};

/// `grpc-timeout` by hand, so that it is the server that ends the call and not the client's own timer.
fn in_time<T>(mut request: Request<T>, timeout: &'static str) -> Request<T> {
    request.metadata_mut().insert("grpc-timeout", timeout.parse().unwrap());
    request
}

/// Sends one empty message to `method` and gives the grpc-status of the answer, by a client that keeps no deadline itself.
async fn raw_status(server: &Server, method: &str, timeout: &str) -> String {
    let mut client = h2(server.grpc).await;
    let request = head(path(method).as_str()).header("grpc-timeout", timeout).body(()).unwrap();
    let (response, mut body) = client.send_request(request, false).unwrap();
    body.send_data(Bytes::from_static(&[0, 0, 0, 0, 3, 0x10, 0xe8, 0x07]), true).unwrap();
    let response = within(response).await.unwrap();
    if let Some(status) = response.headers().get("grpc-status") {
        return status.to_str().unwrap().to_owned();
    }
    let mut body = response.into_body();
    while let Some(data) = within(body.data()).await {
        body.flow_control().release_capacity(data.unwrap().len()).unwrap();
    }
    within(body.trailers()).await.unwrap().unwrap().get("grpc-status").unwrap().to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_unary_call_ends_at_its_deadline_and_its_work_stops() {
    let server = Server::start().await;
    let begun = Instant::now();
    // The handler would take a second.
    assert_eq!(raw_status(&server, "Wait", "100m").await, "4");
    assert!(begun.elapsed() >= Duration::from_millis(100));
    eventually(async || server.probe.working() == 0).await;
    server.stop().await;
}

#[tokio::test]
async fn a_stream_ends_at_its_deadline_with_trailers() {
    let server = Server::start().await;
    assert_eq!(raw_status(&server, "Endless", "100m").await, "4");
    assert_eq!(raw_status(&server, "Flood", "100m").await, "4");
    eventually(async || server.probe.working() == 0).await;
    server.stop().await;
}

#[tokio::test]
async fn a_handler_that_blocks_past_the_deadline_is_not_answered_late() {
    let server = Server::start().await;
    assert_eq!(raw_status(&server, "Block", "100m").await, "4");
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_stops_reading_is_reset_at_its_deadline() {
    let config = ServerConfig { flush_limit: HumanDuration::millis(100), ..server_config() };
    let server = Server::with(config).await;
    let mut client = h2(server.grpc).await;
    let request = head(path("Flood").as_str()).header("grpc-timeout", "200m").body(()).unwrap();
    let (response, mut body) = client.send_request(request, false).unwrap();
    body.send_data(Bytes::from_static(&[0; 5]), true).unwrap();
    let mut reply = within(response).await.unwrap().into_body();
    eventually(async || server.probe.working() == 1).await;
    // Nothing is released, so the window closes and stays closed.
    eventually(async || server.probe.working() == 0).await;
    let ended = within(async {
        loop {
            match reply.data().await {
                Some(Ok(_)) => {}
                Some(Err(error)) => return error.reason(),
                None => return None,
            }
        }
    })
    .await;
    assert_eq!(ended, Some(h2::Reason::CANCEL));
    server.stop().await;
}

#[tokio::test]
async fn a_deadline_that_has_passed_is_refused_before_the_service_sees_the_call() {
    let server = Server::start().await;
    for passed in ["0m", "1n"] {
        assert_eq!(raw_status(&server, "Panic", passed).await, "4", "{passed}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_malformed_deadline_is_an_invalid_argument() {
    let server = Server::start().await;
    for timeout in ["soon", "10", "123456789S", "-1S"] {
        assert_eq!(raw_status(&server, "Echo", timeout).await, "3", "{timeout}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_call_within_its_deadline_is_answered() {
    let server = Server::start().await;
    let reply = server.client().await.unary("Wait", in_time(number(20), "8S")).await.unwrap();
    assert_eq!(reply.get_ref().number, 20);
    server.stop().await;
}

#[tokio::test]
async fn the_cap_cuts_long_deadlines_and_leaves_calls_without_one_alone() {
    let config = ServerConfig { max_deadline: Some(HumanDuration::millis(100)), ..server_config() };
    let server = Server::with(config).await;
    assert_eq!(raw_status(&server, "Wait", "1H").await, "4");
    assert!(server.client().await.unary("Wait", number(300)).await.is_ok());
    server.stop().await;
}

#[tokio::test]
async fn calls_without_a_deadline_can_be_given_one() {
    let config = ServerConfig { default_deadline: Some(HumanDuration::millis(100)), ..server_config() };
    let server = Server::with(config).await;
    let client = server.client().await;
    let late: Status = client.unary("Wait", number(60_000)).await.unwrap_err();
    assert_eq!((late.code(), reason(&late).as_str()), (Code::DeadlineExceeded, "DEADLINE_EXCEEDED"));
    assert!(client.unary("Wait", in_time(number(300), "8S")).await.is_ok());
    assert!(client.unary("Echo", note("x")).await.is_ok());
    server.stop().await;
}
