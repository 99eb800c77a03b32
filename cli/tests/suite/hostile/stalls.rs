//! Clients that do not take what they asked for: memory stays bounded, and other calls go on.

use std::{process::Command, time::Duration};

use bytes::Bytes;
use campus_proto::standard::{ImportRequest, StreamRequest, WatchResponse};
use campus_testkit::{
    Client, Kind, Person, Process, eventually, flags, left_out, metric,
    raw::{Frame, Raw},
    wire::{Cut, Wire, announced, framed},
    within,
};
use prost::Message;
use tempfile::TempDir;

use super::{KINDS, big, lookup, path, same_connection_succeeds, scene};

const MIB: u64 = 1 << 20;
/// No room for so long means that the server has stopped reading.
const STALLED: Duration = Duration::from_millis(500);

/// A server whose memory is its own.
struct Measured {
    process: Process,
    before: u64,
    _dir: TempDir,
}

impl Measured {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_campus"));
        let process = Process::start(command.arg("serve").args(flags(dir.path())));
        Self { process, before: 0, _dir: dir }
    }

    /// Growth is measured from here on.
    fn begin(&mut self) {
        self.process.forget_peak();
        match self.process.memory() {
            Some((now, _)) => self.before = now,
            None => left_out("hostile clients, the bound on memory: needs /proc (Linux)"),
        }
    }

    /// By how much the memory in use was higher at most.
    fn growth(&self) -> u64 {
        self.process.memory().map_or(0, |(_, peak)| peak.saturating_sub(self.before))
    }

    async fn stop(mut self) {
        assert!(self.process.runs());
        assert_eq!(metric(self.process.admin, "grpc_server_panics_total").await, 0.0);
        assert!(self.process.stop().status.success());
    }
}

/// A connection with room for several streams that are not read.
async fn roomy(addr: std::net::SocketAddr) -> Wire {
    let mut settings = h2::client::Builder::new();
    settings.initial_connection_window_size(16 << 20);
    Wire::connect_with(addr, Cut::Close, &settings).await
}

async fn wait_for_calls(process: &Process, count: usize) {
    eventually("the calls have begun", async || {
        let begun = metric(process.admin, "grpc_server_in_flight").await;
        (begun >= count as f64).then_some(())
    })
    .await;
}

#[tokio::test]
async fn readers_that_take_nothing_of_a_long_stream_cost_a_bounded_amount() {
    const RECORDS: usize = 20_000;
    const READERS: usize = 32;
    let mut server = Measured::start();
    let kind = Kind::EMPLOYEE;
    let good = Client::new(kind, server.process.channel().await);
    let records = move || (0..RECORDS).map(move |n| ImportRequest { record: Some(big(kind, n, 2000)) });
    good.import(tokio_stream::iter(records())).await.unwrap();
    assert_eq!(read_all(&good).await, RECORDS);
    server.begin();
    let mut wires = Vec::new();
    let mut calls = Vec::new();
    for _ in 0..READERS / 4 {
        let mut wire = roomy(server.process.grpc).await;
        for _ in 0..4 {
            let mut call = wire.call(&path(kind, "Stream")).await;
            call.send(framed(b""));
            call.end();
            call.message().await;
            calls.push(call);
        }
        wires.push(wire);
    }
    // While they take nothing, somebody else reads everything, more than once.
    assert_eq!(read_all(&good).await, RECORDS);
    assert_eq!(read_all(&good).await, RECORDS);
    for wire in &mut wires {
        same_connection_succeeds(wire, kind).await;
    }
    assert!(server.growth() < 48 * MIB, "{READERS} readers cost {} MiB", server.growth() / MIB);
    drop((calls, wires));
    server.stop().await;
}

async fn read_all(client: &Client) -> usize {
    let mut records = within("a stream", client.stream(StreamRequest::default())).await.unwrap();
    let mut count = 0;
    while within("a record", records.message()).await.unwrap().is_some() {
        count += 1;
    }
    count
}

#[tokio::test]
async fn watches_that_nobody_reads_cost_a_bounded_amount_and_miss_nothing() {
    const CHANGES: usize = 10_000;
    const WATCHES: usize = 16;
    let mut server = Measured::start();
    let kind = Kind::EMPLOYEE;
    let good = Client::new(kind, server.process.channel().await);
    good.import_all((0..100).map(|n| kind.person(n)).collect()).await.unwrap();
    server.begin();
    let mut wire = roomy(server.process.grpc).await;
    let mut watches = Vec::new();
    for _ in 0..WATCHES {
        let mut watch = wire.call(&path(kind, "Watch")).await;
        watch.send(framed(b""));
        watch.end();
        watch.message().await;
        watches.push(watch);
    }
    let records = (100..100 + CHANGES).map(move |n| ImportRequest { record: Some(big(kind, n, 2000)) });
    good.import(tokio_stream::iter(records)).await.unwrap();
    assert!(server.growth() < 64 * MIB, "{WATCHES} watches cost {} MiB", server.growth() / MIB);
    same_connection_succeeds(&mut wire, kind).await;
    for watch in watches.iter_mut().take(2) {
        for number in 100..100 + CHANGES {
            let change = WatchResponse::decode(watch.message().await).unwrap();
            assert_eq!(Person::decode(change.record.unwrap()).unwrap().name, kind.name(number), "each, in order");
        }
    }
    drop((watches, wire));
    server.stop().await;
}

#[tokio::test]
async fn announcing_large_messages_reserves_no_memory() {
    let mut server = Measured::start();
    let good = Client::new(Kind::EMPLOYEE, server.process.channel().await);
    good.add("1", &Kind::EMPLOYEE.person(1)).await.unwrap();
    server.begin();
    let mut raws = Vec::new();
    for kind in KINDS {
        let mut raw = Raw::connect(server.process.grpc).await;
        let open = |n: u32| {
            [
                Frame::call(2 * n + 1, &path(kind, "Import"), &[]),
                Frame::data(2 * n + 1, &announced(0, 4 << 20, b"x"), false),
            ]
        };
        let calls: Vec<u8> = (0..250).flat_map(open).flat_map(|frame| frame.bytes()).collect();
        raw.send(&calls).await;
        raws.push(raw);
    }
    wait_for_calls(&server.process, 500).await;
    good.get("employees/1").await.unwrap();
    assert!(server.growth() < 64 * MIB, "{} MiB", server.growth() / MIB);
    drop(raws);
    server.stop().await;
}

#[tokio::test]
async fn names_of_a_lookup_whose_answers_nobody_takes_are_not_piled_up() {
    let mut server = Measured::start();
    let kind = Kind::EMPLOYEE;
    let good = Client::new(kind, server.process.channel().await);
    good.add("1", &kind.person(1)).await.unwrap();
    server.begin();
    let mut wire = Wire::connect(server.process.grpc).await;
    let mut call = wire.call(&path(kind, "Lookup")).await;
    let many: Bytes = framed(&lookup(kind, 1)).repeat(500).into();
    let mut sent = 0;
    while call.send_within(&many, STALLED).await {
        sent += many.len() as u64;
        assert!(sent < 100 * MIB, "the server reads on although nobody takes its answers");
    }
    good.get("employees/1").await.unwrap();
    assert!(server.growth() < 24 * MIB, "{} MiB", server.growth() / MIB);
    server.stop().await;
}

#[tokio::test]
async fn a_stalled_call_leaves_room_for_the_others_of_its_connection() {
    scene(async |scene| {
        for kind in KINDS {
            let mut wire = roomy(scene.campus.grpc).await;
            let mut call = wire.call(&path(kind, "Lookup")).await;
            let many: Bytes = framed(&lookup(kind, 1)).repeat(500).into();
            while call.send_within(&many, STALLED).await {}
            same_connection_succeeds(&mut wire, kind).await;
            scene.neighbours_succeed().await;
        }
    })
    .await;
}
