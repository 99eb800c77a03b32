//! Asks the readiness checks, again and again, and tells health.

use crate::{health::Health, metrics::Shards, panics};
use std::{
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

type Outcome = Result<(), String>;
type Ask = Box<dyn Fn() -> Pin<Box<dyn Future<Output = Outcome> + Send>> + Send + Sync>;

/// One question, such as whether the store answers.
pub(crate) struct Check {
    name: String,
    ask: Ask,
}

impl Check {
    pub(crate) fn new<F, A>(name: String, ask: F) -> Self
    where
        F: Fn() -> A + Send + Sync + 'static,
        A: Future<Output = Outcome> + Send + 'static,
    {
        Self { name, ask: Box::new(move || Box::pin(ask())) }
    }

    async fn outcome(&self, limit: Duration) -> Outcome {
        let mut asked = panics::contain(|| (self.ask)()).map_err(|_| "it panicked".to_owned())?;
        let contained = std::future::poll_fn(|cx| match panics::contain(|| asked.as_mut().poll(cx)) {
            Ok(polled) => polled,
            Err(panic) => std::task::Poll::Ready(Err(format!("it panicked at {}", panic.place))),
        });
        let late = |_| Err(format!("no answer within {} ms", limit.as_millis()));
        tokio::time::timeout(limit, contained).await.unwrap_or_else(late)
    }
}

/// Fails while the server has refused calls for want of room in every round of the last `limit`.
pub(crate) fn saturation(figures: &Shards, limit: Duration) -> Check {
    let (figures, seen) = (figures.clone(), Mutex::new((0, None::<Instant>)));
    Check::new("load".to_owned(), move || {
        let refused = figures.turned_away();
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        let since = if refused > seen.0 { Some(*seen.1.get_or_insert_with(Instant::now)) } else { None };
        *seen = (refused, since);
        let saturated = since.is_some_and(|since| since.elapsed() >= limit);
        std::future::ready(if saturated { Err("calls are refused for want of room".to_owned()) } else { Ok(()) })
    })
}

/// The checks and what they said last.
#[derive(Clone)]
pub(crate) struct Readiness(Arc<Inner>);

struct Inner {
    checks: Vec<Check>,
    health: Health,
    last: Mutex<Vec<Outcome>>,
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readiness").field("health", &self.0.health).finish_non_exhaustive()
    }
}

impl Readiness {
    pub(crate) fn new(checks: Vec<Check>, health: Health) -> Self {
        let last = checks.iter().map(|_| Err("not asked yet".to_owned())).collect();
        Self(Arc::new(Inner { checks, health, last: Mutex::new(last) }))
    }

    /// Asks every `interval`, until dropped.
    pub(crate) async fn poll(self, interval: Duration, limit: Duration) {
        // An interval of nothing would leave no time for anything else.
        let mut ticks = tokio::time::interval(interval.max(Duration::from_millis(10)));
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.round(limit).await;
        }
    }

    async fn round(&self, limit: Duration) {
        let asked = self.0.checks.iter().map(|check| check.outcome(limit));
        let outcomes = futures_util::future::join_all(asked).await;
        let ready = outcomes.iter().all(Result::is_ok);
        *self.0.last.lock().unwrap_or_else(PoisonError::into_inner) = outcomes;
        if self.0.health.set_ready(ready) {
            match ready {
                true => tracing::info!("ready"),
                false => tracing::warn!(reason = self.problems().join("; "), "not ready"),
            }
        }
    }

    /// Why the server is not ready; empty when it is.
    pub(crate) fn problems(&self) -> Vec<String> {
        if self.0.health.is_draining() {
            return vec!["shutting down".to_owned()];
        }
        if self.0.health.is_serving() {
            return Vec::new();
        }
        let last = self.0.last.lock().unwrap_or_else(PoisonError::into_inner);
        let failed = self.0.checks.iter().zip(last.iter());
        let problems: Vec<String> = failed
            .filter_map(|(check, outcome)| Some(format!("{}: {}", check.name, outcome.as_ref().err()?)))
            .collect();
        if problems.is_empty() { vec!["starting".to_owned()] } else { problems }
    }
}
