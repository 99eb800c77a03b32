//! Who may call.

use super::{Files, connect, connect_tls, echoes, encrypted, listening};
use crate::support::{Client, Server, admin_config, note, reason};
use campus_chassis::{App, ServerConfig};
use std::os::unix::fs::MetadataExt;
use tonic::{Code, Request, client::Grpc};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

fn allowing(rules: &str, config: ServerConfig) -> ServerConfig {
    ServerConfig { allow: rules.parse().unwrap(), ..config }
}

/// Whether calls are taken; if not, they are refused as they should be, and health answers all the same.
async fn may_call(client: &Client, taken_for: &str) -> bool {
    let health = HealthClient::new(client.0.clone()).check(HealthCheckRequest::default()).await;
    assert!(health.is_ok(), "{health:?}");
    let Err(status) = client.unary("Echo", note("x")).await else { return true };
    assert_eq!((status.code(), reason(&status).as_str()), (Code::PermissionDenied, "PEER_NOT_ALLOWED"));
    assert!(status.message().contains(taken_for), "{}", status.message());
    false
}

#[tokio::test]
async fn addresses_are_told_apart() {
    for (rules, listen, allowed) in [
        ("address:127.0.0.0/8", "127.0.0.1:0", true),
        ("address:10.0.0.0/8", "127.0.0.1:0", false),
        ("address:10.0.0.0/8,address:127.0.0.1", "[::]:0", true),
        ("address:::1", "[::]:0", false),
    ] {
        let server = Server::with(allowing(rules, listening(listen))).await;
        let client = connect(&format!("127.0.0.1:{}", server.grpc.port())).await.unwrap();
        assert_eq!(may_call(&client, "127.0.0.1:").await, allowed, "{rules} on {listen}");
        server.stop().await;
    }
}

#[tokio::test]
async fn owners_of_processes_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let (ours, socket) = (std::fs::metadata(dir.path()).unwrap(), dir.path().join("campus.sock"));
    let (uid, gid) = (ours.uid(), ours.gid());
    for (rules, allowed) in [
        (format!("unix:uid={uid}"), true),
        (format!("unix:gid={gid}"), true),
        (format!("unix:uid={}", uid + 1), false),
        (format!("unix:gid={}", gid + 1), false),
    ] {
        let listen = format!("127.0.0.1:0,unix:{}", socket.display());
        let server = Server::with(allowing(&rules, listening(&listen))).await;
        let client = connect(&format!("unix:{}", socket.display())).await.unwrap();
        assert_eq!(may_call(&client, &format!("unix:uid={uid}")).await, allowed, "{rules}");
        assert!(!may_call(&server.client().await, "127.0.0.1:").await, "an address has no owner");
        server.stop().await;
    }
}

#[tokio::test]
async fn clients_of_the_same_process_are_told_apart() {
    let server = Server::with(allowing("in-process", listening("127.0.0.1:0,in-process:allowed"))).await;
    assert!(may_call(&connect("in-process:allowed").await.unwrap(), "").await);
    assert!(!may_call(&server.client().await, "127.0.0.1:").await);
    server.stop().await;
}

#[tokio::test]
async fn certificates_are_told_apart_by_their_names() {
    let files = Files::new();
    let rules = "cert:web.campus.example,cert:*.jobs.campus.example,cert:spiffe://campus/batch,cert:Old Client";
    let server = Server::with(allowing(rules, encrypted(files.mutual()))).await;
    for (common_name, names, allowed) in [
        ("x", &["web.campus.example"][..], true),
        ("x", &["a.jobs.campus.example"], true),
        ("x", &["other.example", "spiffe://campus/batch"], true),
        ("Old Client", &[], true),
        ("x", &["web.campus.example.evil.example"], false),
        ("x", &["spiffe://campus/other"], false),
        ("Other Client", &[], false),
    ] {
        let client = files.authority.client(common_name, names);
        let client = connect_tls(server.grpc, files.trust_as(&client)).await.unwrap();
        let taken_for = names.iter().find(|name| name.contains("://")).or(names.first()).unwrap_or(&common_name);
        assert_eq!(may_call(&client, &format!("({taken_for})")).await, allowed, "{common_name} {names:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn whoever_may_not_call_learns_nothing_of_the_methods() {
    let server = Server::with(allowing("address:10.0.0.0/8", listening("127.0.0.1:0"))).await;
    let client = server.client().await;
    let mut grpc = Grpc::new(client.0.clone());
    grpc.ready().await.unwrap();
    let path = "/no.such.Service/Method".parse().unwrap();
    let codec: tonic_prost::ProstCodec<(), ()> = tonic_prost::ProstCodec::default();
    let status = grpc.unary(Request::new(()), path, codec).await.unwrap_err();
    assert_eq!(reason(&status), "PEER_NOT_ALLOWED");
    assert!(!echoes(&client).await);
    server.stop().await;
}

#[test]
fn rules_that_nobody_can_match_are_refused() {
    let files = Files::new();
    for (rule, config, needed) in [
        ("cert:a", listening("127.0.0.1:0"), "server.tls.client_ca and a TCP address"),
        ("cert:a", encrypted(files.tls()), "server.tls.client_ca and a TCP address"),
        ("unix:uid=0", listening("127.0.0.1:0"), "a Unix socket"),
        ("unix:gid=0", listening("in-process:a"), "a Unix socket"),
        ("address:10.0.0.0/8", listening("unix:/tmp/a"), "a TCP address"),
        ("in-process", listening("127.0.0.1:0"), "an in-process name"),
    ] {
        let error = App::builder(&allowing(rule, config), &admin_config()).build().unwrap_err().to_string();
        let expected = format!("setting server.allow is \"{rule}\": no connection can match it without {needed}");
        assert!(error.starts_with(&expected), "{error}");
    }
}
