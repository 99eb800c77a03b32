//! What broken clients and sudden ends do to the book: nothing.

use std::{path::Path, process::Command};

use campus_testkit::{
    Process, eventually, flags, metric,
    wire::{Wire, announced, framed},
};
use prost::Message;
use tonic::Code;

use super::{Guide, book, everybody, ids, person, record};

const RECORD: &str = "/personguide.PersonGuide/RecordPersons";
const GET_PHONE: &str = "/personguide.PersonGuide/GetPhone";
const ROUTE: &str = "/personguide.PersonGuide/RoutePhones";

#[tokio::test]
async fn what_is_no_person_is_an_invalid_argument_and_the_connection_goes_on() {
    let (campus, guide) = book().await;
    record(&guide, vec![person(1, 1)]).await.unwrap();
    let mut wire = Wire::connect(campus.grpc).await;
    for bad in [&b"\x0a\x05ab"[..], b"\x0a\x01\xff", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"] {
        for path in [GET_PHONE, RECORD, ROUTE] {
            let (_, status) = wire.unary(path, bad).await;
            assert_eq!(status.code(), Code::InvalidArgument, "{path} {bad:?}: {status:?}");
        }
    }
    let (replies, status) = wire.unary(GET_PHONE, b"\x10\x01").await;
    assert_eq!((status.code(), replies), (Code::Ok, vec![person(1, 1).phones[0].encode_to_vec().into()]));
}

#[tokio::test]
async fn a_message_that_is_too_large_or_cut_short_stores_nothing() {
    let (campus, guide) = book().await;
    let mut wire = Wire::connect(campus.grpc).await;
    let good = framed(&person(1, 1).encode_to_vec());
    for (rest, code) in [
        (announced(0, (4 << 20) + 1, b""), Code::ResourceExhausted),
        (announced(0, 100, b"\x0a\x03Ada"), Code::Internal),
    ] {
        let mut call = wire.call(RECORD).await;
        call.send(good.clone());
        call.send(rest);
        call.end();
        assert_eq!(call.finish().await.1.code(), code);
    }
    assert_eq!(everybody(&guide).await, []);
}

#[tokio::test]
async fn a_client_that_leaves_before_it_has_sent_all_has_stored_nothing() {
    let (campus, guide) = book().await;
    let mut wire = Wire::connect(campus.grpc).await;
    let mut call = wire.call(RECORD).await;
    call.send(framed(&person(1, 1).encode_to_vec()));
    let running = async |count: f64| {
        let calls = async || (metric(campus.admin, "grpc_server_in_flight").await == count).then_some(());
        eventually(&format!("{count} calls run"), calls).await;
    };
    running(1.0).await;
    wire.cut().await;
    drop(call);
    running(0.0).await;
    assert_eq!(everybody(&guide).await, []);
}

async fn start(dir: &Path) -> (Process, Guide) {
    let process = Process::start(Command::new(env!("CARGO_BIN_EXE_campus")).arg("serve").args(flags(dir)));
    let guide = Guide::new(process.channel().await);
    (process, guide)
}

#[tokio::test]
async fn whom_the_answer_named_survives_a_kill_and_no_call_is_there_by_halves() {
    const OF_A_CALL: i32 = 20;
    let dir = tempfile::tempdir().unwrap();
    let (process, guide) = start(dir.path()).await;
    let (tell, mut told) = tokio::sync::mpsc::channel(4096);
    let mut clients = tokio::task::JoinSet::new();
    for client in 0..8 {
        let (guide, tell) = (guide.clone(), tell.clone());
        clients.spawn(async move {
            for call in 0.. {
                let first = (client * 10_000 + call) * OF_A_CALL;
                match record(&guide, (first..first + OF_A_CALL).map(|id| person(id, 1)).collect()).await {
                    Ok(people) => tell.send(people).await.unwrap(),
                    Err(_) => break,
                }
            }
        });
    }
    let mut answered = Vec::new();
    while answered.len() < 100 {
        answered.push(told.recv().await.unwrap());
    }
    process.kill();
    clients.join_all().await;
    while let Ok(people) = told.try_recv() {
        answered.push(people);
    }
    let (process, guide) = start(dir.path()).await;
    let stored = everybody(&guide).await;
    for people in &answered {
        let at = stored.partition_point(|person| person.id < people[0].id);
        assert_eq!(stored[at..].iter().take(people.len()).collect::<Vec<_>>(), people.iter().collect::<Vec<_>>());
    }
    let calls: Vec<i32> = ids(&stored).chunks(OF_A_CALL as usize).map(|ids| ids[0]).collect();
    assert_eq!(stored.len(), calls.len() * OF_A_CALL as usize);
    assert!(calls.iter().all(|first| first % OF_A_CALL == 0), "a call is there as a whole or not at all");
    assert!(process.stop().status.success());
}
