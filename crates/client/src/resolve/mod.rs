//! From a name to addresses, again and again.
//!
//! DNS says who is there, not who is well: a record outlives its server by its TTL and the delay of the network. It is asked
//! at that pace, and at once when a connection is lost, and what it said last is kept while it says nothing.

mod dns;
mod keep;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use futures_util::future::BoxFuture;
use tokio::sync::{Notify, watch};

use crate::{Address, Target, target::Place};

/// Looks up addresses. [`Builder::resolver`](crate::Builder::resolver) takes one in place of DNS.
pub trait Resolve: Send + Sync + 'static {
    /// Asks once, and keeps nothing.
    fn resolve(&self) -> BoxFuture<'_, Result<Answer, ResolveError>>;
}

impl<F> Resolve for F
where
    F: Fn() -> BoxFuture<'static, Result<Answer, ResolveError>> + Send + Sync + 'static,
{
    fn resolve(&self) -> BoxFuture<'_, Result<Answer, ResolveError>> {
        self()
    }
}

/// A target finds itself: by DNS, in the file of hosts, or because it consists of addresses, which hold for ever.
impl Resolve for Target {
    fn resolve(&self) -> BoxFuture<'_, Result<Answer, ResolveError>> {
        match self.place() {
            Place::Fixed(addresses) => {
                let answer = Answer { addresses: addresses.clone(), ttl: Duration::MAX };
                Box::pin(std::future::ready(Ok(answer)))
            }
            Place::Dns(name) => Box::pin(name.look_up()),
        }
    }
}

/// What a name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// At least one.
    pub addresses: Vec<Address>,
    /// How long this holds.
    pub ttl: Duration,
}

/// Why there are no addresses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// There was an answer: none.
    #[error("{0}")]
    Empty(String),
    /// There was no answer, or none that says anything about the name.
    #[error("{0}")]
    Failed(String),
}

/// The pace of a resolver.
#[derive(Clone, Debug)]
pub struct ResolverSettings {
    /// Shortest time from one good answer to the next lookup, whatever the TTL and however many connections are lost. 5 s.
    pub min_interval: Duration,
    /// Longest time from one lookup to the next, and between tries of one that fails. 30 s.
    pub max_interval: Duration,
    /// Pause after the first lookup that fails; each further one is 1.6 times as long. 1 s.
    pub retry_after: Duration,
    /// How long one lookup may take. 10 s.
    pub timeout: Duration,
    /// How long the last addresses are kept while every answer is that there are none. 5 min. They are kept without a limit
    /// while there is no answer, which says nothing about them.
    pub keep_limit: Duration,
}

impl Default for ResolverSettings {
    fn default() -> Self {
        Self {
            min_interval: Duration::from_secs(5),
            max_interval: Duration::from_secs(30),
            retry_after: Duration::from_secs(1),
            timeout: Duration::from_secs(10),
            keep_limit: Duration::from_secs(300),
        }
    }
}

/// What is known of a name.
#[derive(Clone, Debug, Default)]
pub struct Resolution {
    /// In order, each once. Of the last good answer, though later ones may have been none.
    pub addresses: Arc<[Address]>,
    /// Why the last lookup found nothing.
    pub error: Option<ResolveError>,
    /// When these addresses were last confirmed; never before the first answer.
    pub confirmed: Option<SystemTime>,
    /// Lookups so far.
    pub lookups: u64,
    /// Those that found nothing.
    pub failures: u64,
}

/// The addresses of a target as they change. It ends with the last of its receivers.
#[derive(Clone, Debug)]
pub(crate) struct Resolver {
    known: watch::Receiver<Resolution>,
    wish: Arc<Notify>,
}

impl Resolver {
    /// Of a target, on the event loop of the caller.
    pub(crate) fn of(target: &Target, settings: &ResolverSettings, random: fastrand::Rng) -> Self {
        match target.place() {
            Place::Fixed(addresses) => Self::fixed(addresses),
            Place::Dns(_) => Self::start(Arc::new(target.clone()), settings, random),
        }
    }

    /// These addresses, whatever happens.
    pub(crate) fn fixed(addresses: &[Address]) -> Self {
        let known =
            Resolution { addresses: addresses.into(), confirmed: Some(SystemTime::now()), ..Resolution::default() };
        Self { known: watch::channel(known).1, wish: Arc::default() }
    }

    /// Asks `source` at once and keeps asking.
    pub(crate) fn start(source: Arc<dyn Resolve>, settings: &ResolverSettings, random: fastrand::Rng) -> Self {
        let (sender, known) = watch::channel(Resolution::default());
        let wish = Arc::<Notify>::default();
        tokio::spawn(keep::run(source, settings.clone(), random, sender, Arc::clone(&wish)));
        Self { known, wish }
    }

    /// What is known, and what will be.
    pub(crate) fn watch(&self) -> watch::Receiver<Resolution> {
        self.known.clone()
    }

    /// Says that a connection was lost: asks as soon as the pace allows.
    pub(crate) fn resolve_now(&self) {
        self.wish.notify_one();
    }
}
