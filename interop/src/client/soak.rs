//! Many calls, at once or one after the other.

use std::time::Duration;

use futures_util::future::try_join_all;
use tokio::time::{Instant, timeout};

use super::{Client, Failure, Outcome, Peer, Soak, unary};

/// Calls at once.
const CALLS: usize = 1000;

pub(super) async fn concurrent(client: &mut Client) -> Outcome {
    let call = async |mut client: Client| unary::large(&mut client).await;
    try_join_all((0..CALLS).map(|_| call(client.clone()))).await.map(drop)
}

pub(super) async fn calls(client: &mut Client, soak: Soak) -> Outcome {
    go_on(soak, async || unary::large(&mut client.clone()).await).await
}

pub(super) async fn channels(peer: &Peer) -> Outcome {
    go_on(peer.soak, async || unary::large(&mut Client::new(peer.channel()?)).await).await
}

async fn go_on(soak: Soak, call: impl AsyncFn() -> Outcome) -> Outcome {
    let mut failures = Vec::new();
    let all = async {
        for _ in 0..soak.iterations {
            let begun = Instant::now();
            let end = call().await;
            let took = begun.elapsed();
            if let Some(why) = fault(end, took, soak.max_latency) {
                failures.push(why);
            }
        }
    };
    let in_time = timeout(soak.overall, all).await;
    in_time.map_err(|_| Failure::Wrong(format!("the calls were not done within {:?}", soak.overall)))?;
    match failures.len() <= soak.max_failures as usize {
        true => Ok(()),
        false => Err(Failure::Wrong(format!("{} calls failed: {}", failures.len(), failures.join("; ")))),
    }
}

fn fault(end: Outcome, took: Duration, most: Duration) -> Option<String> {
    match end {
        Err(failure) => Some(failure.to_string()),
        Ok(()) if took > most => Some(format!("one took {took:?}")),
        Ok(()) => None,
    }
}
