//! All that a channel knows, for people and programs.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::SystemTime,
};

use serde::{Deserialize, Serialize};

use tokio::time::Instant;

use crate::{
    Endpoint, Phase, State,
    pick::{Candidate, slower_by},
    pool::{Condition, Shared, Snapshot},
};

/// A channel at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Dump {
    /// As it was written.
    pub target: String,
    /// Of the whole.
    pub state: State,
    /// How addresses are found.
    pub resolver: ResolverDump,
    /// How connections were made and lost.
    pub connections: ConnectionsDump,
    /// Calls tried again.
    pub retries: u64,
    /// In the order of the resolver; those that drain last.
    pub endpoints: Vec<EndpointDump>,
}

/// How addresses are found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ResolverDump {
    /// Addresses in use.
    pub addresses: usize,
    /// Lookups so far.
    pub lookups: u64,
    /// Those that found nothing.
    pub failures: u64,
    /// Seconds since the addresses were last confirmed.
    pub confirmed_seconds_ago: Option<f64>,
    /// Why the last lookup found nothing.
    pub error: Option<String>,
}

/// How connections were made and lost, over the life of the channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ConnectionsDump {
    /// That were made.
    pub made: u64,
    /// That could not be made.
    pub failed: u64,
    /// That ended, by reason.
    pub ended: BTreeMap<String, u64>,
}

/// One endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EndpointDump {
    /// Where it is.
    pub address: String,
    /// What happens there.
    pub phase: Phase,
    /// For how many seconds.
    pub seconds: f64,
    /// Calls under way.
    pub in_flight: u32,
    /// Calls begun.
    pub picks: u64,
    /// Calls that failed in a way that counts against it.
    pub failures: u64,
    /// Average of the latency until an answer begins, over the last fifty calls, in milliseconds.
    pub latency_ms: Option<f64>,
    /// Its share among the others, 0.1 to 1.
    pub weight: f64,
    /// Whether it is taken out for its failures.
    pub is_ejected: bool,
    /// How often it was.
    pub ejections: u64,
    /// Why it gets no calls now, or fewer than others.
    pub held_back: Option<String>,
    /// Why it could not be used last, if it was not ready since.
    pub last_error: Option<String>,
}

impl Dump {
    /// `weighs_latency` says whether slow servers get fewer calls.
    pub(crate) fn of(shared: &Shared, now: &Snapshot, weighs_latency: bool) -> Self {
        let least = now.ready.iter().map(Candidate::latency).min().filter(|_| weighs_latency).unwrap_or(u64::MAX);
        let (names, figures) = (&now.resolution, &shared.figures);
        let ago = |at: SystemTime| at.elapsed().unwrap_or_default().as_secs_f64();
        let ended = figures.disconnections().into_iter().map(|(reason, count)| (reason.to_owned(), count));
        Self {
            target: shared.target.clone(),
            state: now.state,
            resolver: ResolverDump {
                addresses: names.addresses.len(),
                lookups: names.lookups,
                failures: names.failures,
                confirmed_seconds_ago: names.confirmed.map(ago),
                error: names.error.as_ref().map(ToString::to_string),
            },
            connections: ConnectionsDump { made: figures.made(), failed: figures.failed(), ended: ended.collect() },
            retries: figures.retries.load(Relaxed),
            endpoints: now.members.iter().map(|endpoint| EndpointDump::of(endpoint, least)).collect(),
        }
    }
}

impl EndpointDump {
    /// `least` is the latency of the fastest.
    fn of(endpoint: &Arc<Endpoint>, least: u64) -> Self {
        let (stats, condition) = (endpoint.stats(), endpoint.condition());
        let latency = stats.latency_shown.load(Relaxed);
        Self {
            address: endpoint.address().to_string(),
            phase: condition.phase,
            seconds: condition.since.elapsed().as_secs_f64(),
            in_flight: stats.in_flight.load(Relaxed),
            picks: stats.picks.load(Relaxed),
            failures: stats.failures.load(Relaxed),
            latency_ms: (latency > 0).then(|| latency as f64 / 1e6),
            weight: endpoint.weight(),
            is_ejected: endpoint.is_ejected(),
            ejections: stats.ejections.load(Relaxed),
            held_back: held_back(endpoint, &condition, least),
            last_error: condition.last_error.map(|error| error.to_string()),
        }
    }
}

/// Why an endpoint gets no calls, or fewer than others.
fn held_back(endpoint: &Arc<Endpoint>, condition: &Condition, least: u64) -> Option<String> {
    let left = |at: Option<Instant>| {
        at.map(|at| at.saturating_duration_since(Instant::now()).as_secs_f64()).filter(|left| *left > 0.0)
    };
    if endpoint.is_ejected() {
        return Some(match left(condition.ejected_until) {
            Some(left) => format!("left out for its failures for {left:.1} s more"),
            None => "left out until it gives a sign of life".to_owned(),
        });
    }
    match condition.phase {
        Phase::BackingOff => left(condition.next_attempt).map(|left| format!("connected to again in {left:.1} s")),
        Phase::Draining => Some("no longer among the addresses".to_owned()),
        Phase::Ready if endpoint.is_on_trial() => Some("gets one call at a time until it answers".to_owned()),
        Phase::Ready if endpoint.weight() < 1.0 => Some("begins slowly".to_owned()),
        Phase::Ready => {
            let more = slower_by(endpoint.latency(), least);
            (more > 0).then(|| format!("slow or failing lately: a call counts for {}", 1_u64 << more))
        }
        Phase::Idle | Phase::Connecting | Phase::Unhealthy => None,
    }
}
