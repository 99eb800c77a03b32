//! REST in `campus serve`.

use std::{
    net::TcpListener,
    path::Path,
    process::{Command, Output},
};

use campus_testkit::{Process, admin_get, flags, metric};

fn serve(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_campus"));
    command.arg("serve").args(flags(dir));
    command
}

fn refusal(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(64), "{text}");
    text
}

#[tokio::test]
async fn every_service_is_there_as_json_too() {
    let dir = tempfile::tempdir().unwrap();
    let server = Process::start(&mut serve(dir.path()));
    let rest = server.rest.unwrap();
    for path in ["/v1/employees", "/v1/students"] {
        assert_eq!(admin_get(rest, path).await, (200, "{}".to_owned()), "{path}");
    }
    assert_eq!(admin_get(rest, "/v1/people/1/phone").await.0, 404);
    assert_eq!(metric(server.admin, "http_server_requests_total").await, 3.0);
    assert!(metric(server.admin, "campus_client_calls_total").await >= 3.0);
    assert_eq!(server.stop().status.code(), Some(0));
}

#[tokio::test]
async fn it_can_be_switched_off() {
    let dir = tempfile::tempdir().unwrap();
    let ports = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--rest-listen", "off", "--data-dir"];
    let mut command = Command::new(env!("CARGO_BIN_EXE_campus"));
    let server = Process::start(command.arg("serve").args(ports).arg(dir.path()));
    assert_eq!(server.rest, None);
    let log = server.stop().log.join("\n");
    assert!(!log.contains("in-process"), "{log}");
}

#[tokio::test]
async fn who_may_call_is_asked_where_requests_come_in() {
    for (allowed, code) in [("address:127.0.0.1", 200), ("address:192.0.2.1", 403)] {
        let dir = tempfile::tempdir().unwrap();
        let server = Process::start(serve(dir.path()).env("CAMPUS__SERVER__ALLOW", allowed));
        let (got, text) = admin_get(server.rest.unwrap(), "/v1/employees").await;
        assert_eq!(got, code, "{allowed}: {text}");
        assert_eq!(text.contains("PEER_NOT_ALLOWED"), code == 403, "{text}");
    }
}

#[test]
fn an_address_that_is_taken_and_a_setting_that_cannot_be_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    let ports = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--rest-listen", &addr, "--data-dir"];
    let program = || Command::new(env!("CARGO_BIN_EXE_campus"));
    let text = refusal(&program().arg("serve").args(ports).arg(dir.path()).output().unwrap());
    assert!(text.contains(&format!("setting rest.listen: cannot listen on {addr}: ")), "{text}");
    let bad = serve(&dir.path().join("none")).env("CAMPUS__REST__MAX_URI", "1B").output().unwrap();
    let text = refusal(&bad);
    assert!(text.contains("is \"1B\": 256B to 65534B must be allowed"), "{text}");
    assert!(!dir.path().join("none").exists());
}
