//! A panic ends its own call and nothing else.

use crate::support::{Server, get, note, number, reason};
use tonic::Code;

#[tokio::test]
async fn a_panic_in_a_handler_is_internal_and_its_neighbours_live() {
    let server = Server::start().await;
    let client = server.client().await;
    let neighbour = tokio::spawn({
        let client = client.clone();
        async move { client.unary("Wait", number(300)).await }
    });
    crate::support::eventually(async || server.probe.working() == 1).await;
    let status = client.unary("Panic", note("a secret")).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Internal, "PANIC"));
    assert!(!status.message().contains("secret"));
    assert_eq!(neighbour.await.unwrap().unwrap().get_ref().number, 300);
    assert!(client.unary("Echo", note("still here")).await.is_ok());
    server.stop().await;
}

#[tokio::test]
async fn a_panic_in_a_reply_stream_ends_it_with_internal() {
    let server = Server::start().await;
    let client = server.client().await;
    let mut stream = client.stream("PanicLater", note("first")).await.unwrap();
    assert_eq!(stream.message().await.unwrap().unwrap().text, "first");
    let status = stream.message().await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Internal, "PANIC"));
    assert!(client.unary("Echo", note("still here")).await.is_ok());
    server.stop().await;
}

#[tokio::test]
async fn panics_are_counted_by_method() {
    let server = Server::start().await;
    let client = server.client().await;
    for _ in 0..3 {
        client.unary("Panic", note("")).await.unwrap_err();
    }
    let text = get(server.admin, "/metrics").await.body;
    let line = text.lines().find(|l| l.starts_with("grpc_server_panics_total{") && l.contains("\"Panic\"")).unwrap();
    assert!(line.ends_with(" 3"), "{line}");
    let line = text.lines().find(|l| l.contains("\"Panic\"") && l.contains("grpc_code=\"Internal\"")).unwrap();
    assert!(line.ends_with(" 3"), "{line}");
    server.stop().await;
}
