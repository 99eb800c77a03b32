//! Deadlines that pass in the middle, and those that are none.

use campus_proto::standard::ImportRequest;
use campus_testkit::{
    eventually, metric,
    wire::{Cut, framed, grpc_head},
};
use h2::Reason;
use tonic::Code;

use super::{
    KINDS, big,
    breaks::{PATTERNS, Pattern, narrow},
    get, path, same_connection_succeeds, scene, told,
};

#[tokio::test]
async fn a_deadline_that_passes_in_the_middle_of_each_pattern_ends_that_call() {
    scene(async |scene| {
        for kind in KINDS {
            let mut wire = narrow(scene, Cut::Close).await;
            for pattern in PATTERNS.into_iter().filter(|pattern| !matches!(pattern, Pattern::ServerStream)) {
                let head = grpc_head(&pattern.path(kind)).header("grpc-timeout", "300m").body(()).unwrap();
                let mut call = wire.open(head).await;
                pattern.to_the_middle(kind, &mut call).await;
                let status = call.status().await;
                assert_eq!(told(&status), (Code::DeadlineExceeded, "DEADLINE_EXCEEDED".into()), "{pattern:?}");
                same_connection_succeeds(&mut wire, kind).await;
            }
            scene.neighbours_succeed().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_deadline_ends_a_stream_that_nobody_reads() {
    scene(async |scene| {
        for client in &scene.neighbours {
            // More than the server's buffers hold.
            let kind = client.kind;
            let records = (0..100).map(move |n| ImportRequest { record: Some(big(kind, 8000 + n, 20_000)) });
            client.import(tokio_stream::iter(records.collect::<Vec<_>>())).await.unwrap();
            let mut wire = narrow(scene, Cut::Close).await;
            let head = grpc_head(&path(kind, "Stream")).header("grpc-timeout", "300m").body(()).unwrap();
            let mut call = wire.open(head).await;
            call.send(framed(b""));
            call.end();
            call.message().await;
            scene.neighbours_succeed().await;
            eventually("the call is over", async || {
                (metric(scene.campus.admin, "grpc_server_in_flight").await == 0.0).then_some(())
            })
            .await;
            // Its client took nothing, so the last thing it can be told is a reset.
            let reset = call.try_finish().await.unwrap_err();
            assert_eq!(reset.reason(), Some(Reason::CANCEL));
            same_connection_succeeds(&mut wire, kind).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_deadline_that_has_passed_is_exceeded() {
    scene(async |scene| {
        for kind in KINDS {
            let mut wire = scene.wire().await;
            for pattern in PATTERNS {
                for timeout in ["0m", "1n"] {
                    let head = grpc_head(&pattern.path(kind)).header("grpc-timeout", timeout).body(()).unwrap();
                    let status = wire.open(head).await.status().await;
                    assert_eq!(told(&status), (Code::DeadlineExceeded, "DEADLINE_EXCEEDED".into()), "{pattern:?}");
                }
            }
            same_connection_succeeds(&mut wire, kind).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_deadline_that_is_none_is_refused() {
    scene(async |scene| {
        for kind in KINDS {
            let mut wire = scene.wire().await;
            for pattern in PATTERNS {
                for timeout in ["", "S", "1", "-1S", "1.5S", "123456789S", "1 S", "1s", "99999999999999999999999999H"] {
                    let head = grpc_head(&pattern.path(kind)).header("grpc-timeout", timeout).body(()).unwrap();
                    let status = wire.open(head).await.status().await;
                    assert_eq!(told(&status), (Code::InvalidArgument, "INVALID_TIMEOUT".into()), "{timeout:?}");
                }
            }
            let longest = grpc_head(&path(kind, "Get")).header("grpc-timeout", "99999999H").body(()).unwrap();
            let mut call = wire.open(longest).await;
            call.send(framed(&get(kind)));
            call.end();
            assert_eq!(call.status().await.code(), Code::Ok);
            same_connection_succeeds(&mut wire, kind).await;
        }
    })
    .await;
}
