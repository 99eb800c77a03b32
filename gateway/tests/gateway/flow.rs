//! Flow control and memory: a slow reader slows the store, and one that has left ends it.

use std::time::{Duration, Instant};

use campus_testkit::{eventually, metric, within};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpSocket,
};

use crate::support::{Open, Rest};

/// Some 14 MB, of which the buffers of the kernel alone take 4.
const RECORDS: usize = 16_000;

/// Records of some 900 bytes.
async fn fill(rest: &Rest, count: usize) {
    let long = "\u{1f393}".repeat(100);
    let record = |at: usize| {
        json!({"employee": {"name": format!("employees/{at:05}"), "givenName": long, "familyName": long}}).to_string()
            + "\n"
    };
    let body: String = (0..count).map(record).collect();
    let answer = rest.client().await.send("POST /v1/employees:import", &[], body).await;
    assert_eq!(answer.value(), json!({ "createdCount": count }));
}

/// Waits until a figure does not move any more.
async fn at_rest(rest: &Rest, name: &str) -> f64 {
    let (mut last, mut since) = (0.0, Instant::now());
    eventually("the figure stays", async || {
        let now = metric(rest.campus.admin, name).await;
        if now != last {
            (last, since) = (now, Instant::now());
        }
        (since.elapsed() > Duration::from_millis(300)).then_some(now)
    })
    .await
}

#[tokio::test]
async fn a_slow_reader_slows_the_store_and_gets_every_record_in_the_end() {
    let rest = Rest::start();
    fill(&rest, RECORDS).await;
    let before = metric(rest.campus.admin, "grpc_server_sent_bytes_total").await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4 << 10).unwrap();
    let mut slow = socket.connect(rest.addr).await.unwrap();
    let request = "GET /v1/employees:stream HTTP/1.1\r\nHost: test\r\nAccept: application/x-ndjson\r\n";
    slow.write_all(format!("{request}Connection: close\r\n\r\n").as_bytes()).await.unwrap();
    let sent = at_rest(&rest, "grpc_server_sent_bytes_total").await - before;
    assert!(sent < 7e6, "the services have sent {sent} bytes to nobody");
    let held = metric(rest.campus.admin, "grpc_server_buffered_bytes").await;
    assert!(held < 1e6, "{held} bytes are held");
    let mut lines = BufReader::new(slow);
    let (mut line, mut records) = (String::new(), 0);
    while within("a record", lines.read_line(&mut line)).await.unwrap() > 0 {
        records += usize::from(line.starts_with('{'));
        line.clear();
    }
    assert_eq!(records, RECORDS);
}

#[tokio::test]
async fn a_client_that_leaves_ends_its_stream_in_the_service() {
    let rest = Rest::start();
    fill(&rest, 4_000).await;
    let mut stream = Open::get(rest.addr, "/v1/employees:stream", &[("accept", "application/x-ndjson")]).await;
    stream.until("\n").await.unwrap();
    drop(stream);
    let mut watch = Open::get(rest.addr, "/v1/employees:watch", &[("accept", "text/event-stream")]).await;
    watch.until("\n\n").await.unwrap();
    drop(watch);
    let name = "grpc_server_calls_in_flight";
    eventually("no call is left", async || (metric(rest.campus.admin, name).await == 0.0).then_some(())).await;
}

#[tokio::test]
async fn an_upload_is_taken_no_faster_than_it_is_written_and_whole_in_the_end() {
    let rest = Rest::start();
    let mut socket = TcpSocket::new_v4().unwrap().connect(rest.addr).await.unwrap();
    let head =
        "POST /v1/employees:import HTTP/1.1\r\nHost: test\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
    socket.write_all(head.as_bytes()).await.unwrap();
    // Each record comes in three pieces, the ends of which are nowhere near the ends of records.
    for at in 0..500 {
        let record = json!({"employee": {"name": format!("employees/{at}"), "givenName": "Ada", "familyName": "L"}});
        for piece in format!("{record}\n").as_bytes().chunks(29) {
            let chunk = [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat();
            within("room for a piece", socket.write_all(&chunk)).await.unwrap();
        }
    }
    socket.write_all(b"0\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    within("an answer", socket.read_to_string(&mut answer)).await.unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    assert_eq!(serde_json::from_str::<Value>(body).unwrap(), json!({"createdCount": 500}), "{answer}");
}
