//! Which servers get calls.

use std::time::Duration;

use campus_client::{Channel, EndpointDump, PoolConfig};
use tonic::Code;

use crate::{
    scripted::{Act, Scripted},
    support::{Server, channel_to, eventually, note, quick, shown, unary},
};

async fn servers(count: usize) -> Vec<Scripted> {
    let mut servers = Vec::new();
    for _ in 0..count {
        servers.push(Scripted::start([]).await);
    }
    servers
}

async fn ready(servers: &[Scripted], config: &str) -> Channel {
    ready_with(servers, config, quick()).await
}

async fn ready_with(servers: &[Scripted], config: &str, pool: PoolConfig) -> Channel {
    let addresses: Vec<_> = servers.iter().map(|server| server.address).collect();
    let channel = channel_to(&addresses).pool(pool).service_config(config).unwrap().build();
    channel.connect();
    eventually(async || {
        let ready =
            channel.dump().endpoints.into_iter().filter(|endpoint| endpoint.phase == campus_client::Phase::Ready);
        ready.count() == servers.len()
    })
    .await;
    channel
}

#[tokio::test]
async fn calls_go_to_all_servers_by_the_policy_of_the_config() {
    for (policy, most) in
        [("round_robin", 1.0), ("random", 2.0), ("least_request", 2.0), ("p2c_ewma", 10.0), ("pick_first", 0.0)]
    {
        let servers = servers(3).await;
        let channel = ready(&servers, &format!(r#"{{"loadBalancingConfig":[{{"{policy}":{{}}}}]}}"#)).await;
        for _ in 0..300 {
            unary(&channel, "Echo", note(1)).await.unwrap();
        }
        let mut shares: Vec<_> = servers.iter().map(|server| server.seen().len()).collect();
        shares.sort_unstable();
        if policy == "pick_first" {
            assert_eq!(shares, [0, 0, 300]);
        } else {
            assert!(shares[2] as f64 / shares[0] as f64 <= most, "{policy}: {shares:?}");
        }
    }
}

/// How many of so many calls at once have no answer in half a second.
async fn held_of(channel: &Channel, calls: usize) -> usize {
    let calls = (0..calls).map(|_| {
        let channel = channel.clone();
        tokio::spawn(
            async move { tokio::time::timeout(Duration::from_millis(500), unary(&channel, "Echo", note(1))).await },
        )
    });
    let mut held = 0;
    for call in calls.collect::<Vec<_>>() {
        held += usize::from(call.await.unwrap().is_err());
    }
    held
}

#[tokio::test]
async fn a_server_that_answers_nothing_holds_few_calls() {
    let mut servers = servers(2).await;
    servers.push(Scripted::with([], Act::Hang).await);
    let channel = ready(&servers, "{}").await;
    let held = held_of(&channel, 200).await;
    let (mut later, hangs) = (0, servers[2].seen().len());
    for _ in 0..200 {
        let call = tokio::time::timeout(Duration::from_millis(500), unary(&channel, "Echo", note(1)));
        later += usize::from(call.await.is_err());
    }
    assert!(held <= 200 / 3 + 10, "{held} of those that came at once");
    assert!(later <= 2, "{later} of those after, {hangs} before");
}

const ROW: &str = r#"{"loadBalancingConfig":[{"round_robin":{}}],"outlierDetection":{"consecutiveFailures":
    {"threshold":3,"baseEjectionTime":"0.2s"}}}"#;

#[tokio::test]
async fn a_server_that_fails_in_a_row_is_left_out_for_a_while_and_its_connection_stays() {
    let mut servers = servers(2).await;
    servers.push(Scripted::start([Act::Fail(Code::Internal, None); 3]).await);
    let bad = servers[2].address;
    let channel = ready(&servers, ROW).await;
    while shown(&channel, bad).unwrap().failures < 3 {
        let _ = unary(&channel, "Echo", note(1)).await;
    }
    eventually(async || shown(&channel, bad).unwrap().is_ejected).await;
    let before = servers[2].seen().len();
    for _ in 0..10 {
        unary(&channel, "Echo", note(1)).await.unwrap();
    }
    assert_eq!(servers[2].seen().len(), before, "it was picked while it was out");
    if let Some(EndpointDump { is_ejected: true, held_back, .. }) = shown(&channel, bad) {
        assert!(held_back.unwrap().starts_with("left out "));
    }
    eventually(async || !shown(&channel, bad).unwrap().is_ejected).await;
    for _ in 0..10 {
        unary(&channel, "Echo", note(1)).await.unwrap();
    }
    assert!(servers[2].seen().len() > before);
    assert_eq!(channel.dump().connections.made, 3, "nobody connected anew");
}

#[tokio::test]
async fn a_server_that_comes_back_gets_one_call_at_a_time_until_it_answers() {
    let mut servers = servers(2).await;
    let failures_and_a_sign_of_life = [[Act::Fail(Code::Internal, None); 3].as_slice(), &[Act::Answer]].concat();
    servers.push(Scripted::with(failures_and_a_sign_of_life, Act::Hang).await);
    let bad = servers[2].address;
    let channel = ready(&servers, ROW).await;
    eventually(async || {
        let _ = unary(&channel, "Echo", note(1)).await;
        shown(&channel, bad).unwrap().is_ejected
    })
    .await;
    eventually(async || !shown(&channel, bad).unwrap().is_ejected).await;
    assert_eq!(shown(&channel, bad).unwrap().held_back.unwrap(), "gets one call at a time until it answers");
    let held = held_of(&channel, 100).await;
    assert_eq!((held, servers[2].health_checks()), (1, 1));
}

#[tokio::test]
async fn a_server_that_stands_still_is_left_out_and_gets_no_call_until_it_gives_a_sign_of_life() {
    let servers = [Scripted::start([]).await, Scripted::with([], Act::Hang).await];
    let config = r#"{"loadBalancingConfig":[{"round_robin":{}}],
        "outlierDetection":{"consecutiveFailures":{"threshold":3,"baseEjectionTime":"0.05s"}},
        "methodConfig":[{"name":[{}],"hedgingPolicy":{"maxAttempts":2,"hedgingDelay":"0.05s"}}]}"#;
    let pool = PoolConfig { connect_timeout: Duration::from_millis(200), ..quick() };
    let channel = ready_with(&servers, config, pool).await;
    eventually(async || {
        unary(&channel, "Echo", note(1)).await.unwrap();
        shown(&channel, servers[1].address).unwrap().is_ejected
    })
    .await;
    eventually(async || {
        unary(&channel, "Echo", note(1)).await.unwrap();
        servers[1].health_checks() == 3
    })
    .await;
    let held_back = shown(&channel, servers[1].address).unwrap().held_back;
    assert_eq!(held_back.unwrap(), "left out until it gives a sign of life");
    assert_eq!(servers[1].seen().len() - servers[1].health_checks(), 3, "calls until it was left out");
    assert_eq!(shown(&channel, servers[1].address).unwrap().failures, 0, "of nothing was it said that it failed");
}

#[tokio::test]
async fn a_server_that_was_left_out_is_called_when_the_others_have_gone() {
    let (good, bad) = (Server::start().await, Scripted::start([Act::Fail(Code::Internal, None); 3]).await);
    let config = ROW.replace("0.2s", "60s");
    let channel = channel_to(&[good.address, bad.address]).service_config(&config).unwrap().build();
    eventually(async || {
        let _ = unary(&channel, "Echo", note(1)).await;
        shown(&channel, bad.address).unwrap().is_ejected
    })
    .await;
    let before = bad.seen().len();
    good.stop().await;
    for _ in 0..20 {
        unary(&channel, "Echo", note(1)).await.unwrap();
    }
    assert!(shown(&channel, bad.address).unwrap().is_ejected && bad.seen().len() > before);
}

#[tokio::test]
async fn the_last_server_is_never_left_out_nor_too_many() {
    let mut all = Vec::new();
    for _ in 0..3 {
        all.push(Scripted::with([], Act::Fail(Code::Internal, None)).await);
    }
    let channel = ready(&all, ROW).await;
    for _ in 0..100 {
        assert_eq!(unary(&channel, "Echo", note(1)).await.unwrap_err().code(), Code::Internal);
    }
    eventually(async || channel.dump().endpoints.iter().filter(|endpoint| endpoint.is_ejected).count() == 1).await;
    let alone = ready(&all[..1], ROW).await;
    for _ in 0..20 {
        assert_eq!(unary(&alone, "Echo", note(1)).await.unwrap_err().code(), Code::Internal);
    }
}

#[tokio::test]
async fn what_a_server_refuses_for_a_reason_is_not_held_against_it() {
    let servers = [
        Scripted::with([], Act::Fail(Code::NotFound, None)).await,
        Scripted::with([], Act::Fail(Code::ResourceExhausted, None)).await,
    ];
    let channel = ready(&servers, ROW).await;
    for _ in 0..40 {
        unary(&channel, "Echo", note(1)).await.unwrap_err();
    }
    assert_eq!(shown(&channel, servers[0].address).unwrap().failures, 0);
    assert!(channel.dump().endpoints.iter().all(|endpoint| endpoint.ejections == 0));
}

#[tokio::test]
async fn a_server_that_fails_more_than_the_others_is_left_out_by_its_rate() {
    let mut servers = servers(4).await;
    servers.push(Scripted::with([], Act::Fail(Code::Unavailable, None)).await);
    let config = r#"{"loadBalancingConfig":[{"outlier_detection_experimental":{"interval":"0.1s","baseEjectionTime":"60s",
        "maxEjectionPercent":50,"consecutiveFailures":{"threshold":0},
        "failurePercentageEjection":{"minimumHosts":5,"requestVolume":3},"childPolicy":[{"round_robin":{}}]}}]}"#;
    let channel = ready(&servers, config).await;
    let bad = servers[4].address;
    eventually(async || {
        for _ in 0..25 {
            let _ = unary(&channel, "Echo", note(1)).await;
        }
        shown(&channel, bad).unwrap().is_ejected
    })
    .await;
    for _ in 0..50 {
        unary(&channel, "Echo", note(1)).await.unwrap();
    }
}

#[tokio::test]
async fn calls_and_answers_are_all_accounted_for_when_servers_come_and_go() {
    let (one, two) = (Server::start().await, Server::start().await);
    let config = r#"{"methodConfig":[{"name":[{}],"retryPolicy":{"maxAttempts":5,"initialBackoff":"0.01s",
        "maxBackoff":"0.1s","backoffMultiplier":2,"retryableStatusCodes":["UNAVAILABLE"]}}]}"#;
    let channel = channel_to(&[one.address, two.address]).service_config(config).unwrap().build();
    let callers: Vec<_> = (0..8)
        .map(|_| {
            let channel = channel.clone();
            tokio::spawn(async move {
                for _ in 0..100 {
                    unary(&channel, "Wait", note(1)).await.unwrap();
                }
            })
        })
        .collect();
    eventually(async || channel.dump().endpoints.iter().all(|endpoint| endpoint.picks > 20)).await;
    one.stop().await;
    for caller in callers {
        caller.await.unwrap();
    }
    assert!(channel.dump().endpoints.iter().all(|endpoint| endpoint.in_flight == 0));
}
