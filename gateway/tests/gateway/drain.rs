//! What clients see of the stop of a process that has REST before its own services, and of a gateway of its own.

use std::{
    net::SocketAddr,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use bytes::Bytes;
use campus_host::Part;
use campus_testkit::{Campus, Ended, Process, eventually, metric};
use http::{Request, StatusCode};
use http_body_util::Empty;
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::support::{ADA, Client, Open, Rest};

/// Reads a record again and again, on one connection after the other, until none is accepted any more.
async fn read(addr: SocketAddr, served: Arc<AtomicUsize>) {
    while let Ok(stream) = TcpStream::connect(addr).await {
        let Ok((mut sender, connection)) = handshake(TokioIo::new(stream)).await else { return };
        tokio::spawn(connection);
        while sender.ready().await.is_ok() {
            let request = Request::get("/v1/employees/ada").header("host", "x").body(Empty::<Bytes>::new()).unwrap();
            // A connection that ends while nothing runs on it is none that failed.
            let Ok(answer) = sender.send_request(request).await else { break };
            assert_eq!(answer.status(), StatusCode::OK, "{answer:?}");
            served.fetch_add(1, SeqCst);
        }
    }
}

#[tokio::test]
async fn no_request_that_came_in_fails_while_it_stops() {
    let mut rest = Rest::start();
    rest.client().await.json("POST /v1/employees?employee_id=ada", ADA).await;
    let served = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = (0..8).map(|_| tokio::spawn(read(rest.addr, Arc::clone(&served)))).collect();
    eventually("some are served", async || (served.load(SeqCst) > 500).then_some(())).await;
    rest.campus.begin_stop();
    for client in clients {
        client.await.unwrap();
    }
}

/// Employees, and before them a gateway that stops as these settings say.
fn apart(settings: &[(&str, &str)]) -> (Campus, Process) {
    let campus = Campus::start(&[Part::of::<campus_employee::Employees>()]);
    let mut command = Command::new(env!("CARGO_BIN_EXE_campus-gateway"));
    command.args(["--rest-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
    command.args(["--backend", &format!("static:///{}", campus.grpc)]);
    command.envs(settings.iter().map(|(name, value)| (format!("CAMPUS__SERVER__{name}"), value)));
    let gateway = Process::start(&mut command);
    (campus, gateway)
}

/// Waits until a gateway that was told to stop has ended well.
async fn ended(gateway: Process) -> Ended {
    let ended = tokio::task::spawn_blocking(move || gateway.stop()).await.unwrap();
    assert_eq!(ended.status.code(), Some(0), "{:?}", ended.log);
    ended
}

/// The error that stands at the end of a stream, in any form.
fn last_error(text: &str) -> Value {
    let line = text.lines().rfind(|line| line.contains("\"error\"")).unwrap_or_else(|| panic!("{text:?}"));
    let error: Value = serde_json::from_str(line.strip_prefix("data: ").unwrap_or(line)).unwrap();
    error["error"].clone()
}

fn is_told_to_come_again(error: &Value) {
    assert_eq!((&error["code"], &error["status"]), (&503.into(), &"UNAVAILABLE".into()), "{error}");
    let text = error.to_string();
    assert!(text.contains("SHUTTING_DOWN") && text.contains("RetryInfo") && text.contains("\"1s\""), "{error}");
}

#[tokio::test]
async fn a_gateway_that_stops_ends_its_watches_at_once_with_the_terminal_frame_in_every_form() {
    let (_campus, gateway) = apart(&[("DRAIN_LIMIT", "10m")]);
    let addr = gateway.rest.unwrap();
    let watch = async |kind| {
        let mut open = Open::get(addr, "/v1/employees:watch", &[("accept", kind)]).await;
        // The mark that an idle watch begins with.
        open.until("resumeToken").await.unwrap();
        open
    };
    let (events, lines) = (watch("text/event-stream").await, watch("application/x-ndjson").await);
    let array = watch("application/json").await;
    let mut over_h2 = Open::get_h2(addr, "/v1/employees:watch", &[("accept", "application/x-ndjson")]).await;
    over_h2.until("resumeToken").await.unwrap();
    let stopped = tokio::spawn(ended(gateway));
    for (open, end) in [(events, "\n\n"), (lines, "}\n"), (array, "\n]\n"), (over_h2, "}\n")] {
        let (text, _) = open.rest().await;
        is_told_to_come_again(&last_error(&text));
        assert!(text.ends_with(end), "{text:?}");
    }
    let log = stopped.await.unwrap().log.join("\n");
    assert!(log.contains("\"requests.in_flight\":4"), "{log}");
    assert!(!log.contains("requests.ended"), "{log}");
}

#[tokio::test]
async fn a_stream_that_still_runs_at_the_limit_of_the_stop_gets_the_terminal_frame() {
    let (_campus, gateway) = apart(&[("DRAIN_LIMIT", "100ms")]);
    let headers = [("accept", "application/x-ndjson"), ("content-type", "application/x-ndjson")];
    let first = "{\"name\": \"employees/ada\"}\n";
    let (_pieces, mut lookup) = Open::started(gateway.rest.unwrap(), "/v1/employees:lookup", &headers, first).await;
    lookup.until("\n").await.unwrap();
    let stopped = tokio::spawn(ended(gateway));
    is_told_to_come_again(&last_error(&lookup.rest().await.0));
    let log = stopped.await.unwrap().log.join("\n");
    assert!(log.contains("\"requests.ended\":1"), "{log}");
}

#[tokio::test]
async fn until_the_drain_begins_each_answer_of_http_1_says_that_its_connection_ends() {
    let (_campus, gateway) = apart(&[("DRAIN_DELAY", "10m")]);
    let mut kept = Client::connect(gateway.rest.unwrap()).await;
    assert_eq!(kept.get("/v1/employees").await.header("connection"), "");
    gateway.signal("TERM");
    eventually("it drains", async || (metric(gateway.admin, "grpc_server_draining_seconds").await > 0.0).then_some(()))
        .await;
    let mut newcomer = Client::connect(gateway.rest.unwrap()).await;
    for client in [&mut kept, &mut newcomer] {
        let answer = client.get("/v1/employees").await;
        assert_eq!((answer.code.as_u16(), answer.header("connection")), (200, "close"));
    }
}
