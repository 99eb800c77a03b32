//! What logs cost when nobody reads them.

use std::process::{Command, Stdio};

use campus_client::Channel;
use campus_testkit::{Client, Kind, eventually};
use tonic::Code;

#[tokio::test]
async fn logs_that_nobody_reads_hold_up_no_call_and_not_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let socket = format!("unix:{}", dir.path().join("campus.sock").display());
    let mut serve = Command::new(env!("CARGO_BIN_EXE_campus"));
    serve
        .args(["serve", "--admin-listen", "127.0.0.1:0", "--rest-listen", "off", "--listen", &socket, "--data-dir"])
        .arg(dir.path());
    serve.env("CAMPUS__LOG__LEVEL", "trace").env("CAMPUS__SERVER__DRAIN_DELAY", "0s");
    // A pipe holds 64 KiB, and nobody takes any of it.
    let mut server = serve.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let channel = eventually("a server on its socket", async || {
        let channel = Channel::builder(&socket).unwrap().build();
        channel.ready().await.ok().map(|()| channel)
    });
    let client = Client::new(Kind::EMPLOYEE, channel.await);
    for _ in 0..500 {
        assert_eq!(client.get("employees/nobody").await.unwrap_err().code(), Code::NotFound);
    }
    let killed = Command::new("kill").args(["-TERM", &server.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let ended = eventually("the end", async || server.try_wait().unwrap()).await;
    assert_eq!(ended.code(), Some(0));
}
