//! What a channel shows: its dump and its metrics.

use campus_client::{Channel, Dump, Metrics, Phase, State};
use prometheus_client::{encoding::text::encode, registry::Registry};

use crate::support::{Names, Server, channel_to, eventually, note, quick, shown, unary};

#[tokio::test]
async fn a_dump_shows_every_endpoint_and_can_be_read_back() {
    let (server, other) = (Server::start().await, Server::at("127.0.0.2:0").await);
    let gone = other.address;
    other.stop().await;
    let channel = channel_to(&[server.address, gone]).build();
    for number in 0..10 {
        unary(&channel, "Echo", note(number)).await.unwrap();
    }
    eventually(async || {
        shown(&channel, gone).is_some_and(|gone| {
            gone.last_error.is_some() && gone.held_back.is_some_and(|why| why.starts_with("connected to again in "))
        })
    })
    .await;
    let dump = channel.dump();
    let text = serde_json::to_string(&dump).unwrap();
    assert_eq!(serde_json::from_str::<Dump>(&text).unwrap(), dump);
    assert_eq!((dump.state, dump.resolver.addresses), (State::Ready, 2));
    let [one, two] = dump.endpoints.try_into().unwrap();
    assert_eq!((one.phase, one.picks, one.in_flight, one.weight), (Phase::Ready, 10, 0, 1.0));
    assert!(two.last_error.unwrap().contains("Connection refused"));
    assert_eq!(two.picks, 0);
}

fn figures(metrics: &Metrics) -> String {
    let (mut registry, mut text) = (Registry::default(), String::new());
    metrics.register(&mut registry);
    encode(&mut text, &registry).unwrap();
    text
}

#[tokio::test]
async fn metrics_add_up_the_channels_of_a_target() {
    let (server, metrics) = (Server::start().await, Metrics::default());
    let target = format!("static:///{}", server.address);
    let channels = [(); 2].map(|()| Channel::builder(&target).unwrap().pool(quick()).metrics(&metrics).build());
    for channel in &channels {
        for number in 0..5 {
            unary(channel, "Echo", note(number)).await.unwrap();
        }
    }
    let text = figures(&metrics);
    for line in [
        format!("campus_client_calls_total{{target=\"{target}\"}} 10"),
        format!("campus_client_calls_in_flight{{target=\"{target}\"}} 0"),
        format!("grpc_subchannel_connection_attempts_succeeded_total{{target=\"{target}\"}} 2"),
        format!("grpc_subchannel_open_connections{{target=\"{target}\"}} 2"),
    ] {
        assert!(text.lines().any(|have| have == line), "no {line} in\n{text}");
    }
    server.stop().await;
    eventually(async || figures(&metrics).contains("grpc_subchannel_disconnections_total{")).await;
}

#[tokio::test]
async fn the_calls_of_an_address_that_is_gone_stay_counted() {
    let (one, two) = (Server::at("127.0.0.1:0").await, Server::at("127.0.0.2:0").await);
    let (names, metrics) = (Names::of(&[one.address]), Metrics::default());
    let channel = names.builder(quick()).metrics(&metrics).build();
    for number in 0..5 {
        unary(&channel, "Echo", note(number)).await.unwrap();
    }
    names.set(&[two.address]);
    eventually(async || shown(&channel, one.address).is_none() && shown(&channel, two.address).is_some()).await;
    let text = figures(&metrics);
    assert!(text.contains("campus_client_calls_total{target=\"dns:///names.test:1\"} 5"), "{text}");
}
