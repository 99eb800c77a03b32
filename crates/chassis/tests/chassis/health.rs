//! `grpc.health.v1.Health` on both ports, before ready, when ready, while draining.

use crate::support::{Server, eventually, server_config, within};
use campus_chassis::{ServerConfig, config::HumanDuration};
use prost::Message;
use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
};
use tonic::{Code, Request, client::Grpc, transport::Endpoint};
use tonic_health::pb::{
    HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_prost::ProstCodec;

type Client = HealthClient<tonic::transport::Channel>;

async fn client(addr: SocketAddr) -> Client {
    HealthClient::new(Endpoint::from_shared(format!("http://{addr}")).unwrap().connect().await.unwrap())
}

fn of(service: &str) -> HealthCheckRequest {
    HealthCheckRequest { service: service.to_owned() }
}

async fn check(client: &mut Client, service: &str) -> ServingStatus {
    within(client.check(of(service))).await.unwrap().get_ref().status()
}

/// Readiness as a test wants it, and how often it was asked.
#[derive(Default)]
struct Flag {
    ready: AtomicBool,
    asked: AtomicUsize,
}

impl Flag {
    async fn set(&self, ready: bool) {
        self.ready.store(ready, SeqCst);
        // The next round may have begun before.
        let before = self.asked.load(SeqCst);
        eventually(async || self.asked.load(SeqCst) >= before + 2).await;
    }
}

/// A server whose readiness is as the flag says.
fn with_flag(config: &ServerConfig) -> (Server, Arc<Flag>) {
    let flag = Arc::new(Flag::default());
    let seen = Arc::clone(&flag);
    let server = Server::launch(config, move |builder| {
        builder.ready_check("flag", move || {
            seen.asked.fetch_add(1, SeqCst);
            let answer = if seen.ready.load(SeqCst) { Ok(()) } else { Err("not yet".to_owned()) };
            std::future::ready(answer)
        })
    });
    (server, flag)
}

#[tokio::test]
async fn check_follows_readiness_for_the_server_and_each_service_on_both_ports() {
    let (server, ready) = with_flag(&server_config());
    for addr in [server.grpc, server.admin] {
        let mut client = client(addr).await;
        ready.set(false).await;
        for service in ["", "test.v1.Probe"] {
            eventually(async || check(&mut client, service).await == ServingStatus::NotServing).await;
        }
        ready.set(true).await;
        for service in ["", "test.v1.Probe"] {
            eventually(async || check(&mut client, service).await == ServingStatus::Serving).await;
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn check_of_an_unknown_service_is_not_found() {
    let server = Server::start().await;
    let status = within(client(server.grpc).await.check(of("no.Such"))).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    server.stop().await;
}

#[tokio::test]
async fn watch_tells_each_change_and_ends_with_the_drain() {
    let slow = ServerConfig { drain_delay: HumanDuration::secs(60), ..server_config() };
    let (server, ready) = with_flag(&slow);
    let mut changes = within(client(server.grpc).await.watch(of("test.v1.Probe"))).await.unwrap().into_inner();
    let mut next = async || within(changes.message()).await.map(|message| message.unwrap().status());
    assert_eq!(next().await.unwrap(), ServingStatus::NotServing);
    ready.set(true).await;
    assert_eq!(next().await.unwrap(), ServingStatus::Serving);
    server.handle.shutdown();
    assert_eq!(next().await.unwrap(), ServingStatus::NotServing);
    assert_eq!(next().await.unwrap_err().code(), Code::Unavailable);
    server.stop().await;
}

#[tokio::test]
async fn watch_of_an_unknown_service_says_so_and_stays_open() {
    let server = Server::start().await;
    let mut changes = within(client(server.grpc).await.watch(of("no.Such"))).await.unwrap().into_inner();
    let first = within(changes.message()).await.unwrap().unwrap();
    assert_eq!(first.status(), ServingStatus::ServiceUnknown);
    let second = tokio::time::timeout(std::time::Duration::from_millis(100), changes.message()).await;
    assert!(second.is_err(), "{second:?}");
    server.stop().await;
}

#[tokio::test]
async fn list_names_every_service_and_the_server() {
    #[derive(Clone, PartialEq, Message)]
    struct List {
        #[prost(map = "string, message", tag = "1")]
        statuses: HashMap<String, HealthCheckResponse>,
    }
    let server = Server::start().await;
    for addr in [server.grpc, server.admin] {
        let channel = Endpoint::from_shared(format!("http://{addr}")).unwrap().connect().await.unwrap();
        let mut grpc = Grpc::new(channel);
        grpc.ready().await.unwrap();
        let path = "/grpc.health.v1.Health/List".parse().unwrap();
        let codec: ProstCodec<List, List> = ProstCodec::default();
        let list = within(grpc.unary(Request::new(List::default()), path, codec)).await.unwrap().into_inner();
        let mut names: Vec<_> = list.statuses.iter().map(|(name, health)| (name.as_str(), health.status())).collect();
        names.sort_unstable();
        assert_eq!(names, [("", ServingStatus::Serving), ("test.v1.Probe", ServingStatus::Serving)]);
    }
    server.stop().await;
}

#[tokio::test]
async fn once_draining_health_stays_not_serving_however_ready_the_server_is() {
    let slow = ServerConfig { drain_delay: HumanDuration::secs(60), ..server_config() };
    let (server, ready) = with_flag(&slow);
    ready.set(true).await;
    assert!(within(server.health.serving()).await);
    let mut client = client(server.admin).await;
    server.handle.shutdown();
    eventually(async || server.health.is_draining()).await;
    for now in [false, true, false, true] {
        ready.set(now).await;
        assert_eq!(check(&mut client, "").await, ServingStatus::NotServing);
    }
    server.stop().await;
}
