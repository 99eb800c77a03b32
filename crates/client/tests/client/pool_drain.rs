//! Servers and addresses that go in order.

use std::time::Duration;

use campus_chassis::{ServerConfig, config::HumanDuration};
use campus_client::{Phase, PoolConfig, State};
use tonic::Code;

use crate::support::{
    Names, Server, channel_to, eventually, note, quick, reaches, server_config, shown, stream, unary, within,
};

#[tokio::test]
async fn a_call_goes_on_while_its_server_asks_for_a_new_connection_and_others_are_on_it() {
    let age = HumanDuration::millis(200);
    let server = Server::with(ServerConfig { max_connection_age: age, ..server_config() }).await;
    let channel = channel_to(&[server.address]).build();
    let long = tokio::spawn({
        let channel = channel.clone();
        async move { unary(&channel, "Wait", note(600)).await }
    });
    eventually(async || channel.dump().connections.made >= 2).await;
    assert!(!long.is_finished(), "the connection was replaced while the call was under way");
    reaches(&channel, State::Ready).await;
    unary(&channel, "Echo", note(1)).await.unwrap();
    within(long).await.unwrap().unwrap();
    assert!(channel.dump().connections.ended.contains_key("GOAWAY"), "{:?}", channel.dump());
}

#[tokio::test]
async fn an_address_that_is_taken_away_gets_no_call_and_ends_those_it_has() {
    let (one, two) = (Server::at("127.0.0.1:0").await, Server::at("127.0.0.2:0").await);
    let names = Names::of(&[one.address]);
    let channel = names.channel(quick());
    let mut ticks = stream(&channel, "Tick", 20).await.unwrap();
    names.set(&[two.address]);
    eventually(async || shown(&channel, one.address).is_some_and(|one| one.phase == Phase::Draining)).await;
    reaches(&channel, State::Ready).await;
    let before = shown(&channel, one.address).unwrap();
    for number in 0..50 {
        unary(&channel, "Echo", note(number)).await.unwrap();
    }
    assert_eq!(shown(&channel, one.address).unwrap().picks, before.picks);
    assert_eq!(before.in_flight, 1);
    let mut count = 0;
    while within(ticks.message()).await.unwrap().is_some() {
        count += 1;
    }
    assert_eq!(count, 20);
    drop(ticks);
    eventually(async || shown(&channel, one.address).is_none()).await;
}

#[tokio::test]
async fn calls_at_an_address_that_was_taken_away_are_cut_at_the_limit() {
    let one = Server::with(ServerConfig { max_streams: 2, ..server_config() }).await;
    let two = Server::at("127.0.0.2:0").await;
    let names = Names::of(&[one.address]);
    let channel = names.channel(PoolConfig { drain_limit: Duration::from_millis(50), ..quick() });
    let mut open = vec![];
    // Three connections.
    for _ in 0..6 {
        let mut endless = stream(&channel, "Endless", 0).await.unwrap();
        within(endless.message()).await.unwrap();
        open.push(endless);
    }
    names.set(&[two.address]);
    for endless in &mut open {
        let error = within(endless.message()).await.unwrap_err();
        assert_eq!(error.code(), Code::Unavailable);
    }
    eventually(async || one.probe.working() == 0).await;
}

#[tokio::test]
async fn an_address_that_is_added_gets_calls_and_those_known_keep_their_connections() {
    let (one, two) = (Server::at("127.0.0.1:0").await, Server::at("127.0.0.2:0").await);
    let names = Names::of(&[one.address]);
    let channel = names.channel(quick());
    unary(&channel, "Echo", note(1)).await.unwrap();
    names.set(&[one.address, two.address]);
    eventually(async || shown(&channel, two.address).is_some_and(|two| two.phase == Phase::Ready)).await;
    let dump = channel.dump();
    assert_eq!((dump.connections.made, dump.connections.ended.len()), (2, 0));
}

#[tokio::test]
async fn a_newcomer_begins_with_a_small_share_that_grows() {
    let (one, two) = (Server::at("127.0.0.1:0").await, Server::at("127.0.0.2:0").await);
    let names = Names::of(&[one.address]);
    let channel = names.channel(PoolConfig { slow_start: Duration::from_millis(400), ..quick() });
    unary(&channel, "Echo", note(1)).await.unwrap();
    eventually(async || shown(&channel, one.address).is_some_and(|one| one.seconds > 0.05)).await;
    names.set(&[one.address, two.address]);
    let weight = |server: &Server| shown(&channel, server.address).map_or(0.0, |shown| shown.weight);
    let mut seen = vec![];
    eventually(async || {
        let ready = shown(&channel, two.address).is_some_and(|two| two.phase == Phase::Ready);
        seen.extend(ready.then(|| weight(&two)));
        seen.last() == Some(&1.0)
    })
    .await;
    assert!(seen[0] < 0.6, "{seen:?}");
    assert!(seen.is_sorted(), "{seen:?}");
    assert_eq!(weight(&one), 1.0, "who was there before keeps its share");
}

#[tokio::test]
async fn servers_that_come_together_share_alike() {
    let servers = [Server::at("127.0.0.1:0").await, Server::at("127.0.0.2:0").await];
    let addresses = servers.each_ref().map(|server| server.address);
    let channel = channel_to(&addresses).pool(PoolConfig::default()).build();
    for address in addresses {
        eventually(async || shown(&channel, address).is_some_and(|shown| shown.phase == Phase::Ready)).await;
        assert_eq!(shown(&channel, address).unwrap().weight, 1.0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_to_connections_every_call_ends_and_none_is_left() {
    let age = HumanDuration::millis(50);
    let config = ServerConfig { max_connection_age: age, ..server_config() };
    let server = Server::with(config).await;
    let channel = channel_to(&[server.address]).build();
    let callers = (0..16).map(|_| {
        let channel = channel.clone();
        tokio::spawn(async move {
            for number in 0..100 {
                if let Err(error) = unary(&channel, "Wait", note(number % 4)).await {
                    assert_eq!(error.code(), Code::Unavailable, "{error}");
                }
            }
        })
    });
    within(futures_util::future::try_join_all(callers)).await.unwrap();
    assert!(channel.dump().connections.made > 5, "{:?}", channel.dump());
    eventually(async || channel.dump().endpoints.iter().all(|endpoint| endpoint.in_flight == 0)).await;
}

#[tokio::test]
async fn a_server_that_stops_is_left_before_its_port_is_closed() {
    let (one, two) = (Server::at("127.0.0.1:0").await, Server::at("127.0.0.2:0").await);
    let channel = channel_to(&[one.address, two.address]).build();
    for number in 0..20 {
        unary(&channel, "Echo", note(number)).await.unwrap();
    }
    let long = tokio::spawn({
        let channel = channel.clone();
        async move { unary(&channel, "Wait", note(300)).await }
    });
    eventually(async || one.probe.working() + two.probe.working() == 1).await;
    one.handle.shutdown();
    eventually(async || shown(&channel, one.address).is_some_and(|one| one.phase == Phase::BackingOff)).await;
    within(long).await.unwrap().unwrap();
    for number in 0..20 {
        unary(&channel, "Echo", note(number)).await.unwrap();
    }
}
