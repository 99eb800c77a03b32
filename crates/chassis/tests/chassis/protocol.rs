//! What is no call of a method there is.

use crate::support::{Bare, Server, framed, h2, head, note, path, reason, within};
use bytes::Bytes;
use prost::Message;
use tonic::Code;

#[tokio::test]
async fn a_unary_call_is_answered() {
    let server = Server::start().await;
    let reply = server.client().await.unary("Echo", note("hello")).await.unwrap();
    assert_eq!(reply.get_ref().text, "hello");
    server.stop().await;
}

#[tokio::test]
async fn every_pattern_of_calls_passes() {
    let server = Server::start().await;
    let client = server.client().await;
    let mut stream = client.stream("Count", crate::support::number(1000)).await.unwrap();
    for expected in 0..1000 {
        assert_eq!(stream.message().await.unwrap().unwrap().number, expected);
    }
    assert!(stream.message().await.unwrap().is_none());
    let notes = vec![note("x").into_inner(); 100];
    assert_eq!(client.collect(notes).await.unwrap().get_ref().number, 100);
    server.stop().await;
}

#[tokio::test]
async fn a_second_message_for_a_method_that_takes_one_is_unimplemented() {
    let server = Server::start().await;
    let mut client = Bare::to(&server).await;
    let message = framed(0, &note("x").into_inner().encode_to_vec());
    for method in ["Echo", "Count"] {
        let answer = client.call(method, &[], [&message[..], &message].concat()).await;
        let status = answer.status();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::Unimplemented, "TOO_MANY_MESSAGES"), "{method}");
        assert!(answer.messages.is_empty(), "{method}");
        assert_eq!(client.call(method, &[], message.clone()).await.status().code(), Code::Ok, "{method}");
    }
    server.stop().await;
}

#[tokio::test]
async fn an_unknown_method_is_unimplemented_and_named() {
    let server = Server::start().await;
    let status = server.client().await.unary("Nope", note("")).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unimplemented, "UNKNOWN_METHOD"));
    assert!(status.message().contains("test.v1.Probe has no method Nope"), "{}", status.message());
    server.stop().await;
}

#[tokio::test]
async fn an_unknown_service_is_unimplemented_and_named() {
    let server = Server::start().await;
    let mut client = h2(server.grpc).await;
    let (response, _) = client.send_request(head("/no.such.Thing/Do").body(()).unwrap(), true).unwrap();
    let response = within(response).await.unwrap();
    assert_eq!((response.status(), response.headers()["grpc-status"].to_str().unwrap()), (http::StatusCode::OK, "12"));
    assert!(response.headers()["grpc-message"].to_str().unwrap().contains("no.such.Thing"));
    server.stop().await;
}

#[tokio::test]
async fn a_content_type_that_is_not_grpc_is_http_415() {
    let server = Server::start().await;
    let mut client = h2(server.grpc).await;
    for kind in ["application/json", "application/grpc-web", "application/grpc+json", "application/grpcish", ""] {
        let uri = format!("http://test{}", path("Echo"));
        let request = http::Request::post(uri).header("content-type", kind).body(()).unwrap();
        let (response, _) = client.send_request(request, true).unwrap();
        let response = within(response).await.unwrap();
        assert_eq!(response.status(), 415, "{kind}");
        assert_eq!(response.headers()["accept"], "application/grpc");
    }
    server.stop().await;
}

#[tokio::test]
async fn content_types_of_grpc_are_accepted_and_other_verbs_are_not() {
    let server = Server::start().await;
    let mut client = h2(server.grpc).await;
    for kind in ["application/grpc", "application/grpc+proto", "application/grpc;charset=utf-8"] {
        let uri = format!("http://test{}", path("Echo"));
        let request = http::Request::post(uri).header("content-type", kind).body(()).unwrap();
        let (response, mut body) = client.send_request(request, false).unwrap();
        body.send_data(Bytes::from_static(&[0; 5]), true).unwrap();
        let mut reply = within(response).await.unwrap().into_body();
        while within(reply.data()).await.is_some() {}
        assert_eq!(within(reply.trailers()).await.unwrap().unwrap()["grpc-status"], "0", "{kind}");
    }
    let request = http::Request::get(format!("http://test{}", path("Echo"))).body(()).unwrap();
    let (response, _) = client.send_request(request, true).unwrap();
    assert_eq!(within(response).await.unwrap().status(), 405);
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_resets_in_the_middle_of_its_stream_has_not_ended_it() {
    let server = Server::start().await;
    let mut client = h2(server.grpc).await;
    let (response, mut body) = client.send_request(head(path("Collect").as_str()).body(()).unwrap(), false).unwrap();
    body.send_data(Bytes::from_static(&[0; 5]), false).unwrap();
    crate::support::eventually(async || server.probe.working() == 1).await;
    body.send_reset(h2::Reason::CANCEL);
    drop(response);
    crate::support::eventually(async || server.probe.working() == 0).await;
    assert_eq!(server.probe.collected.load(std::sync::atomic::Ordering::SeqCst), 0);
    server.stop().await;
}

#[tokio::test]
async fn a_call_its_client_left_is_dropped() {
    let server = Server::start().await;
    let client = server.client().await;
    let call = tokio::spawn(async move { client.unary("Wait", crate::support::number(60_000)).await });
    crate::support::eventually(async || server.probe.working() == 1).await;
    call.abort();
    crate::support::eventually(async || server.probe.working() == 0).await;
    server.stop().await;
}
