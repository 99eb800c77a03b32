//! Lookups of a target at a real name server.

use std::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use campus_client::{Answer, Resolve, ResolveError, Target};
use campus_testdns::{NameServer, Say};

fn ips(texts: &[&str]) -> Vec<IpAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

async fn look_up(server: &NameServer, name: &str) -> Result<Answer, ResolveError> {
    let target: Target = format!("dns://{}/{name}:50051", server.address).parse().unwrap();
    target.resolve().await
}

fn texts(answer: &Answer) -> Vec<String> {
    let mut texts: Vec<_> = answer.addresses.iter().map(ToString::to_string).collect();
    texts.sort();
    texts
}

#[tokio::test]
async fn a_name_stands_for_its_addresses_of_both_versions_of_ip() {
    let server = NameServer::new();
    server.say("employee.", Say::Addresses(ips(&["10.0.0.1", "10.0.0.2", "fd00::1"]), 17));
    let answer = look_up(&server, "employee.").await.unwrap();
    assert_eq!(texts(&answer), ["10.0.0.1:50051", "10.0.0.2:50051", "[fd00::1]:50051"]);
    assert_eq!(answer.ttl, Duration::from_secs(17));
}

#[tokio::test]
async fn a_name_that_ends_with_a_dot_is_asked_for_as_it_is() {
    let server = NameServer::new();
    server.say("employee.campus.", Say::Addresses(ips(&["10.0.0.1"]), 5));
    look_up(&server, "employee.campus.").await.unwrap();
    let asked = server.asked();
    assert!(asked.iter().all(|question| question.name == "employee.campus."), "{asked:?}");
    assert_eq!(asked.len(), 2, "{asked:?}");
}

#[tokio::test]
async fn nothing_is_remembered_between_lookups() {
    let server = NameServer::new();
    server.say("employee.", Say::Addresses(ips(&["10.0.0.1"]), 3600));
    assert_eq!(texts(&look_up(&server, "employee.").await.unwrap()), ["10.0.0.1:50051"]);
    server.say("employee.", Say::Addresses(ips(&["10.0.0.2"]), 3600));
    assert_eq!(texts(&look_up(&server, "employee.").await.unwrap()), ["10.0.0.2:50051"]);
}

#[tokio::test]
async fn an_answer_too_long_for_udp_is_asked_for_over_tcp() {
    let server = NameServer::new();
    let many: Vec<IpAddr> = (1..=200).map(|last| Ipv4Addr::new(10, 0, 1, last).into()).collect();
    server.say("employee.", Say::Addresses(many, 5));
    assert_eq!(look_up(&server, "employee.").await.unwrap().addresses.len(), 200);
    assert!(server.asked().iter().any(|question| question.over_tcp && question.kind == "A"));
}

#[tokio::test]
async fn a_name_server_that_says_nothing_of_one_version_of_ip_holds_the_other_up_for_a_moment_only() {
    let server = NameServer::new();
    server.say("employee.", Say::Version4(ips(&["10.0.0.1"])));
    let found = tokio::time::timeout(Duration::from_secs(4), look_up(&server, "employee.")).await;
    assert_eq!(texts(&found.expect("it is not waited for").unwrap()), ["10.0.0.1:50051"]);
}

#[tokio::test]
async fn what_says_that_there_is_nothing_differs_from_what_says_nothing() {
    let server = NameServer::new();
    server.say("none.", Say::Nothing);
    server.say("failing.", Say::Failure);
    for (name, expected) in [
        ("none.", ResolveError::Empty("none. has no address".to_owned())),
        ("unheard-of.", ResolveError::Empty("unheard-of.: there is no such name (NXDOMAIN)".to_owned())),
        ("failing.", ResolveError::Failed("failing.: the name server answered Server Failure".to_owned())),
    ] {
        assert_eq!(look_up(&server, name).await.unwrap_err(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_server_that_says_nothing_is_given_up() {
    let server = NameServer::new();
    server.say("employee.", Say::Silence);
    let begun = tokio::time::Instant::now();
    let error = look_up(&server, "employee.").await.unwrap_err();
    assert_eq!(error, ResolveError::Failed("employee.: no name server answered in time".to_owned()));
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn localhost_and_addresses_need_no_name_server() {
    let local: Target = "localhost:50051".parse().unwrap();
    let found = texts(&local.resolve().await.unwrap());
    assert!(found.contains(&"127.0.0.1:50051".to_owned()), "{found:?}");
    let address: Target = "dns:///127.0.0.9:50051".parse().unwrap();
    assert_eq!(texts(&address.resolve().await.unwrap()), ["127.0.0.9:50051"]);
}
