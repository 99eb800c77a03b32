//! Calls on a connection.

use std::time::Duration;

use campus_client::Channel;
use tonic::{Code, Request, Response, client::Grpc};
use tonic_prost::ProstCodec;

use crate::support::{Note, Server, channel_to, eventually, note, path, stream, unary, within};

fn to(server: &Server) -> Channel {
    channel_to(&[server.address]).build()
}

#[tokio::test]
async fn a_call_gets_its_answer() {
    let server = Server::start().await;
    let channel = to(&server);
    let asked = Note { text: "x".repeat(200_000), number: 7 };
    assert_eq!(unary(&channel, "Echo", Request::new(asked.clone())).await.unwrap(), asked);
}

#[tokio::test]
async fn an_error_of_the_server_reaches_the_caller_with_its_details() {
    use tonic_types::StatusExt;
    let server = Server::start().await;
    let error = unary(&to(&server), "Trailers", note(1)).await.unwrap_err();
    assert_eq!((error.code(), error.message()), (Code::NotFound, "no such note"));
    assert_eq!(error.get_details_error_info().unwrap().reason, "WHY");
}

#[tokio::test]
async fn a_stream_that_is_not_read_holds_up_its_server_and_no_other_call() {
    let server = Server::start().await;
    let channel = to(&server);
    let mut flood = stream(&channel, "Flood", 0).await.unwrap();
    for _ in 0..50 {
        unary(&channel, "Echo", note(1)).await.unwrap();
    }
    for _ in 0..20_000 {
        within(flood.message()).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn dropping_an_answer_ends_the_call_at_the_server() {
    let server = Server::start().await;
    let channel = to(&server);
    let mut endless = stream(&channel, "Endless", 0).await.unwrap();
    within(endless.message()).await.unwrap();
    assert_eq!(server.probe.working(), 1);
    drop(endless);
    eventually(async || server.probe.working() == 0).await;
    let waiting = tokio::spawn({
        let channel = channel.clone();
        async move { unary(&channel, "Wait", note(60_000)).await }
    });
    eventually(async || server.probe.working() == 1).await;
    waiting.abort();
    eventually(async || server.probe.working() == 0).await;
}

#[tokio::test]
async fn a_stream_of_requests_goes_out_while_the_call_waits_for_its_answer() {
    let server = Server::start().await;
    let mut grpc = Grpc::new(to(&server));
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    let feeding = tokio::spawn(async move {
        for number in 0..500 {
            sender.send(Note { text: "x".repeat(10_000), number }).await.unwrap();
            if number % 100 == 0 {
                tokio::task::yield_now().await;
            }
        }
    });
    let notes = tokio_stream::wrappers::ReceiverStream::new(receiver);
    let codec: ProstCodec<Note, Note> = ProstCodec::default();
    let answer = within(grpc.client_streaming(Request::new(notes), path("Collect"), codec)).await;
    assert_eq!(answer.map(Response::into_inner).unwrap().number, 500);
    feeding.await.unwrap();
}

#[tokio::test]
async fn a_call_that_is_dropped_while_it_sends_leaves_nothing_behind() {
    let server = Server::start().await;
    let mut grpc = Grpc::new(to(&server));
    let codec: ProstCodec<Note, Note> = ProstCodec::default();
    let endless = tokio_stream::StreamExt::throttle(
        tokio_stream::iter(std::iter::repeat(Note::default())),
        Duration::from_millis(1),
    );
    let calling =
        tokio::spawn(async move { grpc.client_streaming(Request::new(endless), path("Collect"), codec).await });
    eventually(async || server.probe.working() == 1).await;
    calling.abort();
    eventually(async || server.probe.working() == 0).await;
    assert_eq!(
        server.probe.collected.load(std::sync::atomic::Ordering::SeqCst),
        0,
        "it did not end as if all had come"
    );
}

#[tokio::test]
async fn more_streams_than_a_connection_may_have_get_further_connections() {
    let config = campus_chassis::ServerConfig { max_streams: 4, ..crate::support::server_config() };
    let server = Server::with(config).await;
    let channel = to(&server);
    let mut open = vec![];
    for _ in 0..10 {
        let mut endless = stream(&channel, "Endless", 0).await.unwrap();
        within(endless.message()).await.unwrap();
        open.push(endless);
    }
    let made = channel.dump().connections.made;
    assert!((3..=4).contains(&made), "{made} connections for ten streams, four on each");
    drop(open);
    eventually(async || server.probe.working() == 0).await;
    unary(&channel, "Echo", note(1)).await.unwrap();
    server.stop().await;
    eventually(async || channel.dump().connections.ended.values().sum::<u64>() >= made).await;
}

#[tokio::test]
async fn more_calls_than_a_connection_may_have_wait_for_their_turn() {
    let config = campus_chassis::ServerConfig { max_streams: 4, ..crate::support::server_config() };
    let server = Server::with(config).await;
    let channel = to(&server);
    let calls = (0..100).map(|_| unary(&channel, "Wait", note(2)));
    let answers = futures_util::future::join_all(calls).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
}

#[tokio::test]
async fn a_stream_outlives_the_channel_it_was_begun_on() {
    let server = Server::start().await;
    let channel = to(&server);
    let mut ticks = stream(&channel, "Tick", 5).await.unwrap();
    drop(channel);
    let mut count = 0;
    while within(ticks.message()).await.unwrap().is_some() {
        count += 1;
    }
    assert_eq!(count, 5);
}
