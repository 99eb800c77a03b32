//! The pace of lookups, and what is kept between them.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep_until, timeout},
};

use super::{Answer, Resolution, Resolve, ResolveError, ResolverSettings};

/// Growth of the pause while lookups fail (gRPC connection backoff).
const GROWTH: f64 = 1.6;

/// Asks until nobody listens.
pub(super) async fn run(
    source: Arc<dyn Resolve>,
    settings: ResolverSettings,
    mut random: fastrand::Rng,
    sender: watch::Sender<Resolution>,
    wish: Arc<Notify>,
) {
    let mut known = Known { settings, failed: 0, empty_since: None };
    loop {
        let begun = Instant::now();
        let asked = async {
            let limit = known.settings.timeout;
            let late = |_| Err(ResolveError::Failed(format!("no answer within {} s", limit.as_secs_f64())));
            timeout(limit, source.resolve()).await.unwrap_or_else(late)
        };
        let outcome = tokio::select! {
            outcome = asked => outcome,
            () = sender.closed() => return,
        };
        let pause = known.pause(&outcome);
        sender.send_modify(|resolution| known.take_in(outcome, resolution));
        let jitter = 0.9 + 0.2 * random.f64();
        let wished = async {
            wish.notified().await;
            sleep_until(begun + known.settings.min_interval).await;
        };
        tokio::select! {
            () = sleep_until(begun + pause.mul_f64(jitter)) => {}
            () = wished => {}
            () = sender.closed() => return,
        }
    }
}

/// What the answers so far came to.
struct Known {
    settings: ResolverSettings,
    /// Lookups in a row that found nothing.
    failed: u32,
    empty_since: Option<Instant>,
}

impl Known {
    /// From the beginning of this lookup to that of the next one.
    fn pause(&mut self, outcome: &Result<Answer, ResolveError>) -> Duration {
        let ResolverSettings { min_interval, max_interval, retry_after, .. } = self.settings;
        match outcome {
            Ok(answer) => {
                self.failed = 0;
                answer.ttl.max(min_interval).min(max_interval)
            }
            Err(_) => {
                let grown = retry_after.as_secs_f64() * GROWTH.powi(self.failed.try_into().unwrap_or(i32::MAX));
                self.failed = self.failed.saturating_add(1);
                Duration::from_secs_f64(grown.min(max_interval.as_secs_f64()))
            }
        }
    }

    fn take_in(&mut self, outcome: Result<Answer, ResolveError>, resolution: &mut Resolution) {
        resolution.lookups += 1;
        resolution.failures += u64::from(outcome.is_err());
        match outcome {
            Ok(Answer { mut addresses, .. }) => {
                self.empty_since = None;
                addresses.sort();
                addresses.dedup();
                if *resolution.addresses != *addresses {
                    resolution.addresses = addresses.into();
                }
                resolution.error = None;
                resolution.confirmed = Some(SystemTime::now());
            }
            Err(error) => {
                if matches!(error, ResolveError::Empty(_)) {
                    let since = *self.empty_since.get_or_insert_with(Instant::now);
                    if since.elapsed() >= self.settings.keep_limit {
                        resolution.addresses = Arc::default();
                    }
                }
                resolution.error = Some(error);
            }
        }
    }
}

#[cfg(test)]
mod tests;
