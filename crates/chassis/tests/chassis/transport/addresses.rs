//! Where a server listens.

use super::{connect, echoes, listening};
use crate::support::{Probe, Server, admin_config, descriptors, get};
use campus_chassis::{AdminConfig, App};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

/// A port of which nobody listens.
fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

#[tokio::test]
async fn a_server_answers_on_all_its_addresses_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("campus.sock");
    let listen = format!("127.0.0.1:0, [::1]:0, unix:{}, in-process:several", socket.display());
    let server = Server::with(listening(&listen)).await;
    assert_eq!(server.addresses.0.len(), 4);
    let mut clients = Vec::new();
    for address in &server.addresses.0 {
        clients.push(connect(&address.to_string()).await.unwrap());
    }
    for client in &clients {
        assert!(echoes(client).await);
    }
    assert_eq!(get(server.admin, "/readyz").await.code, 200);
    server.stop().await;
}

#[tokio::test]
async fn the_unspecified_address_of_version_6_takes_both_versions_and_others_what_they_say() {
    for (listen, v4, v6) in
        [("[::]:0", true, true), ("[::1]:0", false, true), ("0.0.0.0:0", true, false), ("127.0.0.1:0", true, false)]
    {
        let server = Server::with(listening(listen)).await;
        for (ip, expected) in [(Ipv4Addr::LOCALHOST.into(), v4), (Ipv6Addr::LOCALHOST.into(), v6)] {
            let client = connect(&SocketAddr::new(ip, server.grpc.port()).to_string()).await;
            assert_eq!(client.is_ok(), expected, "{listen} from {ip}");
            if let Ok(client) = client {
                assert!(echoes(&client).await);
            }
        }
        server.stop().await;
    }
}

#[tokio::test]
async fn the_unspecified_addresses_of_both_versions_may_share_a_port() {
    let port = free_port();
    let server = Server::with(listening(&format!("[::]:{port},0.0.0.0:{port}"))).await;
    assert!(echoes(&connect(&format!("127.0.0.1:{port}")).await.unwrap()).await);
    assert!(echoes(&connect(&format!("[::1]:{port}")).await.unwrap()).await);
    server.stop().await;
}

#[tokio::test]
async fn an_address_that_is_taken_is_named_and_the_others_are_given_back() {
    let taken = Server::with(listening("127.0.0.1:0,in-process:taken")).await;
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("campus.sock");
    for address in &taken.addresses.0 {
        let config = listening(&format!("unix:{},in-process:free,{address}", socket.display()));
        let builder = App::builder(&config, &admin_config()).descriptors(descriptors()).service(Probe::default());
        let error = builder.build().unwrap_err().to_string();
        assert!(error.starts_with(&format!("setting server.listen: cannot listen on {address}: ")), "{error}");
        assert!(!socket.exists());
        assert!(connect("in-process:free").await.is_err());
    }
    assert!(echoes(&connect("in-process:taken").await.unwrap()).await);
    taken.stop().await;
}

#[tokio::test]
async fn a_name_within_the_process_is_free_again_after_the_end() {
    assert!(connect("in-process:again").await.is_err());
    for _ in 0..2 {
        let server = Server::with(listening("127.0.0.1:0,in-process:again")).await;
        assert!(echoes(&connect("in-process:again").await.unwrap()).await);
        server.stop().await;
        assert!(connect("in-process:again").await.is_err());
    }
}

fn fault(listen: &str, admin: &str) -> String {
    let admin = AdminConfig { listen: admin.parse().unwrap(), ..admin_config() };
    App::builder(&listening(listen), &admin).build().unwrap_err().to_string()
}

#[test]
fn addresses_that_take_each_others_place_are_refused_before_any_is_bound() {
    for (listen, why) in [
        ("127.0.0.1:7,127.0.0.1:7", "127.0.0.1:7 stands in it twice; give it once"),
        ("in-process:a,in-process:a", "in-process:a stands in it twice; give it once"),
        ("unix:/tmp/a,unix:/tmp/a", "unix:/tmp/a stands in it twice; give it once"),
        ("127.0.0.1:7,0.0.0.0:7", "127.0.0.1:7 and 0.0.0.0:7 take the same port; leave one out"),
        ("[::]:7,127.0.0.1:7", "[::]:7 and 127.0.0.1:7 take the same port; leave one out"),
    ] {
        assert_eq!(fault(listen, "127.0.0.1:0"), format!("setting server.listen is \"{listen}\": {why}"));
    }
    for (listen, admin) in [("127.0.0.1:7", "127.0.0.1:7"), ("0.0.0.0:7", "127.0.0.1:7"), ("127.0.0.1:7", "[::]:7")] {
        let why = format!("{listen} of server.listen takes it; give one of them another port");
        assert_eq!(fault(listen, admin), format!("setting admin.listen is \"{admin}\": {why}"));
    }
    for listen in ["[::]:7,0.0.0.0:7", "127.0.0.1:0,127.0.0.1:0", "127.0.0.1:7,127.0.0.2:7", "[::1]:7,127.0.0.1:7"] {
        assert_eq!(listening(listen).check(), Ok(()), "{listen}");
    }
}

#[test]
fn an_address_that_cannot_be_had_is_told_with_what_helps() {
    for (listen, advice) in [
        ("192.0.2.1:0", "this machine has no such address; choose one that it has, or 0.0.0.0 or [::] for all of them"),
        ("unix:/proc/x.sock", "choose another address"),
    ] {
        let line = fault(listen, "127.0.0.1:0");
        assert!(line.starts_with(&format!("setting server.listen: cannot listen on {listen}: ")), "{line}");
        assert!(line.ends_with(&format!("; {advice}")), "{line}");
    }
    let line = fault("127.0.0.1:0", "192.0.2.1:0");
    assert!(line.starts_with("setting admin.listen: cannot listen on 192.0.2.1:0: "), "{line}");
}

#[tokio::test]
async fn no_address_at_all_is_refused() {
    let error = App::builder(&listening(""), &admin_config()).build().unwrap_err();
    assert_eq!(error.to_string(), "setting server.listen is \"\": at least one address is needed");
}
