//! Calls within the process, which end as calls over the network do.

use super::{connect, listening};
use crate::support::{Client, Note, Server, eventually, metric, note, number, reason, within};
use campus_chassis::{ServerConfig, config::HumanDuration};
use campus_inprocess::State;
use std::time::Duration;
use tonic::{Code, Request};

async fn server(name: &str) -> (Server, Client) {
    let listen = listening(&format!("127.0.0.1:0,in-process:{name}"));
    let server = Server::with(ServerConfig { flush_limit: HumanDuration::millis(500), ..listen }).await;
    let client = connect(&format!("in-process:{name}")).await.unwrap();
    (server, client)
}

fn limited(note: Note, limit: Duration) -> Request<Note> {
    let mut request = Request::new(note);
    request.set_timeout(limit);
    request
}

#[tokio::test]
async fn messages_go_both_ways_and_the_handler_knows_who_asks() {
    let (server, client) = server("both-ways").await;
    let who = client.unary("Who", note("")).await.unwrap();
    assert!(who.get_ref().text.ends_with(" in-process"), "{who:?}");
    assert!(who.metadata().contains_key("x-request-id"));
    let notes = (1..=3).map(|number| Note { text: String::new(), number }).collect();
    assert_eq!(client.collect(notes).await.unwrap().get_ref().number, 3);
    let mut stream = client.stream("Count", number(1000)).await.unwrap();
    let mut count = 0;
    while let Some(note) = within(stream.message()).await.unwrap() {
        assert_eq!(note.number, count);
        count += 1;
    }
    assert_eq!(count, 1000);
    server.stop().await;
}

#[tokio::test]
async fn a_call_whose_time_is_up_is_ended_before_and_after_its_answer_began() {
    let (server, client) = server("deadline").await;
    let waiting = limited(Note { text: String::new(), number: 600_000 }, Duration::from_millis(50));
    assert_eq!(client.unary("Wait", waiting).await.unwrap_err().code(), Code::DeadlineExceeded);
    let endless = limited(Note::default(), Duration::from_millis(50));
    let mut stream = client.stream("Endless", endless).await.unwrap();
    assert!(within(stream.message()).await.unwrap().is_some());
    assert_eq!(within(stream.message()).await.unwrap_err().code(), Code::DeadlineExceeded);
    assert_eq!(server.probe.working(), 0);
    server.stop().await;
}

#[tokio::test]
async fn a_call_that_is_dropped_is_cancelled_and_a_panic_ends_no_other() {
    let (server, client) = server("cancel").await;
    let panic = client.unary("Panic", note("on purpose")).await.unwrap_err();
    assert_eq!((panic.code(), reason(&panic).as_str()), (Code::Internal, "PANIC"));
    let other = client.clone();
    let waiting = tokio::spawn(async move { other.unary("Wait", number(600_000)).await });
    let stream = client.stream("Endless", note("")).await.unwrap();
    eventually(async || server.probe.working() == 2).await;
    drop(stream);
    waiting.abort();
    eventually(async || server.probe.working() == 0).await;
    assert_eq!(metric(&server, "grpc_server_streams").await, 0.0);
    server.stop().await;
}

#[tokio::test]
async fn a_server_that_stops_says_so_ends_what_is_left_and_closes() {
    let (server, client) = server("stopping").await;
    let connection = within(campus_inprocess::connect("stopping")).await.unwrap();
    let mut stream = client.stream("Endless", note("")).await.unwrap();
    assert!(within(stream.message()).await.unwrap().is_some());
    let other = client.clone();
    let waiting = tokio::spawn(async move { other.unary("Wait", number(600_000)).await });
    eventually(async || server.probe.working() == 2).await;
    assert_eq!(connection.state(), State::Open);
    server.handle.shutdown();
    let mut changes = connection.changes();
    within(changes.wait_for(|state| *state == State::Leaving)).await.unwrap();
    assert_eq!(server.probe.working(), 2, "the calls go on");
    server.handle.skip_drain();
    for status in [within(stream.message()).await.unwrap_err(), within(waiting).await.unwrap().unwrap_err()] {
        assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "SHUTTING_DOWN"));
    }
    drop((stream, client, connection));
    within(server.ended).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_server_ends_though_somebody_keeps_a_connection() {
    let (server, client) = server("kept").await;
    server.handle.shutdown();
    within(server.ended).await.unwrap().unwrap();
    assert_eq!(within(client.unary("Echo", note(""))).await.unwrap_err().code(), Code::Unavailable);
}
