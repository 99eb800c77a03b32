//! How many bytes the server holds for calls whose clients send half or take nothing.

use crate::support::{Answer, Bare, Note, Server, eventually, framed, metric, note, number, reason, server_config};
use bytes::Bytes;
use campus_chassis::{ServerConfig, config::ByteSize};
use prost::Message;
use tonic::Code;
use tonic_types::StatusExt;

const BUDGET: u64 = 8 << 20;
const ALL: f64 = BUDGET as f64;

async fn server() -> Server {
    let config = ServerConfig {
        max_buffered: ByteSize(BUDGET),
        stream_window: ByteSize::mib(4),
        connection_window: ByteSize::mib(64),
        ..server_config()
    };
    Server::with(config).await
}

async fn held(server: &Server) -> f64 {
    metric(server, "grpc_server_buffered_bytes").await
}

fn check_refusal(answer: &Answer) {
    let status = answer.status();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::ResourceExhausted, "BUFFERS_FULL"));
    assert!(status.get_details_retry_info().is_some() && answer.end.contains_key("grpc-retry-pushback-ms"));
}

/// A prefix that announces 3 MiB, and all but the last byte of them.
fn unfinished() -> Bytes {
    let whole = framed(0, &vec![0; 3 << 20]);
    whole.slice(..whole.len() - 1)
}

#[tokio::test]
async fn messages_that_are_never_finished_cost_no_more_than_the_budget() {
    let server = server().await;
    let mut calls = Vec::new();
    let (mut bares, mut refused) = (Vec::new(), 0);
    for _ in 0..3 {
        let mut bare = Bare::to(&server).await;
        for _ in 0..3 {
            let (response, mut body) = bare.open("Echo", &[]).await;
            body.send_data(unfinished(), false).unwrap();
            calls.push((tokio::spawn(Answer::to(response)), body));
        }
        bares.push(bare);
    }
    // Nine times 3 MiB: a connection can have one of them begun in its half, the server two.
    eventually(async || {
        let now = held(&server).await;
        assert!(now <= ALL, "{now} bytes");
        now >= ALL / 2.0 && calls.iter().filter(|(answer, _)| answer.is_finished()).count() >= 7
    })
    .await;
    for (answer, body) in calls {
        if answer.is_finished() {
            check_refusal(&answer.await.unwrap());
            refused += 1;
        } else {
            answer.abort();
            drop(body);
        }
    }
    assert!(refused >= 7, "{refused}");
    drop(bares);
    eventually(async || held(&server).await == 0.0).await;
    // There is room again.
    assert!(server.client().await.unary("Echo", note(&"x".repeat(3 << 20))).await.is_ok());
    server.stop().await;
}

#[tokio::test]
async fn replies_that_are_not_taken_cost_no_more_than_the_budget_and_are_given_back() {
    let server = server().await;
    let mut replies = Vec::new();
    let mut bares = Vec::new();
    for _ in 0..3 {
        let mut bare = Bare::to(&server).await;
        for _ in 0..10 {
            let (response, mut body) = bare.open("Big", &[]).await;
            let ask = Note { text: String::new(), number: 1 << 20 };
            body.send_data(framed(0, &ask.encode_to_vec()), true).unwrap();
            // The head comes at once; of the body nothing is taken.
            replies.push(crate::support::within(response).await.unwrap().into_body());
        }
        bares.push(bare);
        let now = held(&server).await;
        assert!((ALL / 4.0..=ALL).contains(&now), "{now} bytes");
    }
    // What does not wait for anything is served all the same.
    assert!(server.client().await.unary("Echo", note("small")).await.is_ok());
    let mut refused = 0;
    for mut body in replies {
        // A reply that was refused has no body, and trailers that pass by what is not taken.
        if body.is_end_stream()
            || tokio::time::timeout(std::time::Duration::from_millis(20), body.data())
                .await
                .is_ok_and(|data| data.is_none())
        {
            let trailers = crate::support::within(body.trailers()).await.unwrap().unwrap();
            assert_eq!(trailers["grpc-status"], "8");
            refused += 1;
        }
    }
    assert!(refused >= 30 - 8, "{refused}");
    drop(bares);
    eventually(async || held(&server).await == 0.0).await;
    assert!(server.client().await.unary("Big", number(3 << 20)).await.is_ok());
    server.stop().await;
}

#[tokio::test]
async fn readers_that_keep_up_are_never_refused_however_much_they_read() {
    let server = server().await;
    let client = server.client().await;
    let mut stream = client.stream("Heap", number(500)).await.unwrap();
    let mut bytes = 0;
    while let Some(note) = stream.message().await.unwrap() {
        bytes += note.text.len() as u64;
    }
    assert!(bytes > 5 * BUDGET);
    eventually(async || held(&server).await == 0.0).await;
    server.stop().await;
}
