//! Pauses between attempts.

use std::time::Duration;

use super::PoolConfig;

/// Growth and spread of the pauses. Source: gRPC's connection backoff protocol.
const FACTOR: f64 = 1.6;
const JITTER: f64 = 0.2;

/// Ever longer pauses.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
    random: fastrand::Rng,
}

impl Backoff {
    pub(crate) fn new(config: &PoolConfig, random: fastrand::Rng) -> Self {
        Self { first: config.backoff, longest: config.max_backoff, next: config.backoff, random }
    }

    pub(crate) fn reset(&mut self) {
        self.next = self.first;
    }

    pub(crate) fn pause(&mut self) -> Duration {
        let pause = self.next.min(self.longest);
        self.next = pause.mul_f64(FACTOR).min(self.longest);
        pause.mul_f64(1.0 - JITTER + 2.0 * JITTER * self.random.f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_by_a_factor_up_to_the_longest_and_begin_anew_after_a_success() {
        let config = PoolConfig::default();
        let mut backoff = Backoff::new(&config, fastrand::Rng::with_seed(7));
        let near = |pause: Duration, middle: f64| (pause.as_secs_f64() / middle - 1.0).abs() <= JITTER + 1e-9;
        for middle in [1.0, 1.6, 2.56, 4.096, 6.5536] {
            let pause = backoff.pause();
            assert!(near(pause, middle), "{pause:?} instead of {middle}");
        }
        let last = (0..20).map(|_| backoff.pause()).last().unwrap();
        assert!(near(last, 30.0), "{last:?}");
        backoff.reset();
        assert!(near(backoff.pause(), 1.0));
    }

    #[test]
    fn pauses_of_two_endpoints_differ() {
        let of = |seed| Backoff::new(&PoolConfig::default(), fastrand::Rng::with_seed(seed)).pause();
        assert_ne!(of(1), of(2));
        assert_eq!(of(1), of(1), "the same seed tells the same story");
    }
}
