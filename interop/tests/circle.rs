//! Our client goes through every case on our server, as programs. `.ci/interop` does so with the programs of others.

#![expect(clippy::unwrap_used, reason = "a test ends by panicking; the helpers are outside of test functions")]

use std::{path::Path, process::Stdio, time::Duration};

use campus_interop::client::NAMES;
use campus_testcerts::Authority;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

const PATIENCE: Duration = Duration::from_secs(60);
const NAME: &str = "interop.campus.example";

/// A server, stopped when it is dropped, and the flag with its port.
async fn server(flags: &[String]) -> (Child, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_campus-interop-server"));
    command.arg("--port=0").args(flags).stdout(Stdio::piped()).kill_on_drop(true);
    let mut server = command.spawn().unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let line = timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap().unwrap();
    let port = line.strip_prefix("listening on 127.0.0.1:").unwrap().to_owned();
    (server, format!("--server_port={port}"))
}

/// The exit code of a client, and what it said.
async fn client(flags: &[String]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_campus-interop-client"));
    command.args(flags).arg("--server_host=127.0.0.1").kill_on_drop(true);
    let ended = timeout(PATIENCE, command.output()).await.unwrap().unwrap();
    (ended.status.code().unwrap(), String::from_utf8(ended.stderr).unwrap())
}

async fn goes_through_every_case(of_server: &[String], of_client: &[String]) {
    let (_server, port) = server(of_server).await;
    for case in NAMES {
        // A thousand large calls take a while without optimization; those are for .ci/interop.
        if case != "concurrent_large_unary" {
            let flags = [&[format!("--test_case={case}"), port.clone()], of_client].concat();
            assert_eq!(client(&flags).await, (0, String::new()), "{case}");
        }
    }
}

fn flag(name: &str, file: &Path) -> String {
    format!("--{name}={}", file.display())
}

#[tokio::test]
async fn every_case_passes_between_our_own_programs() {
    goes_through_every_case(&[], &[]).await;
}

#[tokio::test]
async fn every_case_passes_over_tls() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name| dir.path().join(name);
    let authority = Authority::new();
    authority.server(&[NAME]).write(&file("server.pem"), &file("server.key"));
    std::fs::write(file("ca.pem"), &authority.certificate).unwrap();
    let (certificate, key) = (flag("tls_cert_file", &file("server.pem")), flag("tls_key_file", &file("server.key")));
    let (ca, name) = (flag("ca_file", &file("ca.pem")), format!("--server_host_override={NAME}"));
    let of_client = ["--use_tls=true".into(), "--use_test_ca=true".into(), ca, name];
    goes_through_every_case(&["--use_tls=true".into(), certificate, key], &of_client).await;
}

#[tokio::test]
async fn a_server_that_is_not_there_fails_a_case_and_the_client_says_so() {
    let (mut gone, port) = server(&[]).await;
    gone.kill().await.unwrap();
    let (code, said) = client(&["--test_case=empty_unary".into(), port]).await;
    assert_eq!(code, 1);
    assert!(said.starts_with("empty_unary: a call failed: ") && said.contains("Connection refused"), "{said}");
}

#[tokio::test]
async fn a_case_that_nobody_knows_is_refused_with_those_that_there_are() {
    let (code, said) = client(&["--test_case=cacheable_unary".into()]).await;
    assert_eq!(code, 64);
    assert!(NAMES.iter().all(|name| said.contains(name)), "{said}");
}
