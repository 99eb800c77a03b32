//! Whether and when a call that failed is made again (gRFC A6).

use std::{
    sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use http::HeaderMap;

use crate::policy::{RetryPolicy, Throttling};

/// How far a pause may be from its middle.
const JITTER: f64 = 0.2;

/// The pause after so many attempts. `chance` is from 0 to 1.
pub(super) fn backoff(policy: &RetryPolicy, attempts: u32, chance: f64) -> Duration {
    let growth = policy.multiplier.powi(i32::try_from(attempts).unwrap_or(i32::MAX).saturating_sub(1));
    let pause = (policy.initial_backoff.as_secs_f64() * growth).min(policy.max_backoff.as_secs_f64());
    Duration::try_from_secs_f64(pause * (1.0 - JITTER + 2.0 * JITTER * chance)).unwrap_or(policy.max_backoff)
}

/// What a server says about trying again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pushback {
    /// After this.
    After(Duration),
    /// Not at all.
    Never,
}

impl Pushback {
    /// Of `grpc-retry-pushback-ms`. What is no number means never, as gRFC A6 says.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let value = headers.get("grpc-retry-pushback-ms")?;
        let wait = value.to_str().ok().and_then(|text| text.parse::<u32>().ok());
        Some(wait.map_or(Self::Never, |wait| Self::After(Duration::from_millis(wait.into()))))
    }
}

/// A bucket of tokens in thousandths. Failures take, successes give, and below half of it nothing is repeated.
#[derive(Debug)]
pub(super) struct Throttle {
    tokens: AtomicI64,
    most: i64,
    gain: i64,
}

impl Throttle {
    #[expect(clippy::cast_possible_truncation, reason = "of at most a thousand tokens")]
    pub(super) fn new(throttling: Throttling) -> Self {
        let most = (throttling.max_tokens * 1000.0) as i64;
        Self { tokens: AtomicI64::new(most), most, gain: (throttling.token_ratio * 1000.0) as i64 }
    }

    fn add(&self, tokens: i64) {
        let add = |now: i64| Some((now.saturating_add(tokens)).clamp(0, self.most));
        let _ = self.tokens.fetch_update(Relaxed, Relaxed, add);
    }

    pub(super) fn succeeded(&self) {
        if self.tokens.load(Relaxed) < self.most {
            self.add(self.gain);
        }
    }

    /// Says whether the call may be made again.
    pub(super) fn failed(&self) -> bool {
        self.add(-1000);
        self.allows()
    }

    /// Whether calls may be made again.
    pub(super) fn allows(&self) -> bool {
        self.tokens.load(Relaxed) > self.most / 2
    }
}

/// Length of a window, in nanoseconds: 10 s.
const WINDOW: u64 = 10_000_000_000;
/// Retries that a window always has: 10 a second.
const RESERVE: u64 = 100;

/// At most a fifth of the calls, and ten a second, are retries. They are counted in windows of ten seconds, of which the
/// last counts too; at its edges the count is off by what other threads do, which changes nothing.
#[derive(Debug, Default)]
pub(super) struct Budget {
    window: AtomicU64,
    calls: AtomicU64,
    retries: AtomicU64,
    calls_before: AtomicU64,
}

impl Budget {
    /// Counts a call, at a time in nanoseconds.
    pub(super) fn call(&self, now: u64) {
        self.turn(now);
        self.calls.fetch_add(1, Relaxed);
    }

    /// Takes a retry, if there is one.
    pub(super) fn retry(&self, now: u64) -> bool {
        self.turn(now);
        let calls = self.calls.load(Relaxed) + self.calls_before.load(Relaxed);
        let there_is = self.retries.load(Relaxed) < calls / 5 + RESERVE;
        self.retries.fetch_add(u64::from(there_is), Relaxed);
        there_is
    }

    fn turn(&self, now: u64) {
        let (window, last) = (now / WINDOW, self.window.load(Relaxed));
        if window != last && self.window.compare_exchange(last, window, Relaxed, Relaxed).is_ok() {
            let calls = self.calls.swap(0, Relaxed);
            self.calls_before.store(if window == last + 1 { calls } else { 0 }, Relaxed);
            self.retries.store(0, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> RetryPolicy {
        let (initial_backoff, max_backoff) = (Duration::from_millis(100), Duration::from_secs(1));
        RetryPolicy { max_attempts: 5, initial_backoff, max_backoff, multiplier: 2.0, codes: vec![] }
    }

    #[test]
    fn pauses_grow_up_to_the_longest_and_are_spread() {
        let millis = |attempts, chance| backoff(&policy(), attempts, chance).as_millis();
        assert_eq!([1, 2, 3, 4, 5].map(|attempts| millis(attempts, 0.5)), [100, 200, 400, 800, 1000]);
        assert_eq!((millis(1, 0.0), millis(1, 1.0)), (80, 120));
        assert_eq!(millis(4_000_000_000, 0.5), 1000, "no number of attempts is too large");
    }

    #[test]
    fn a_pushback_that_is_no_number_means_never() {
        let of = |value: &'static str| {
            Pushback::of(&HeaderMap::from_iter([("grpc-retry-pushback-ms".parse().unwrap(), value.parse().unwrap())]))
        };
        assert_eq!(of("250"), Some(Pushback::After(Duration::from_millis(250))));
        assert_eq!(of("0"), Some(Pushback::After(Duration::ZERO)));
        for never in ["-1", "soon", "", "1.5"] {
            assert_eq!(of(never), Some(Pushback::Never), "{never:?}");
        }
        assert_eq!(Pushback::of(&HeaderMap::new()), None);
    }

    #[test]
    fn nothing_is_repeated_below_half_of_the_tokens_until_enough_succeeds() {
        let throttle = Throttle::new(Throttling { max_tokens: 10.0, token_ratio: 0.5 });
        let allowed = (0..20).take_while(|_| throttle.failed()).count();
        assert_eq!(allowed, 4, "of ten tokens, the fifth failure leaves five");
        throttle.succeeded();
        throttle.succeeded();
        assert!(!throttle.failed(), "6 - 1 is not above five");
        (0..4).for_each(|_| throttle.succeeded());
        assert!(throttle.failed(), "7 - 1 is");
    }

    #[test]
    fn a_fifth_of_the_calls_and_ten_a_second_may_be_repeated() {
        let budget = Budget::default();
        (0..1000).for_each(|_| budget.call(0));
        let taken = |now| (0..10_000).take_while(|_| budget.retry(now)).count();
        assert_eq!(taken(0), 200 + 100);
        assert_eq!(taken(WINDOW), 200 + 100, "the calls of the last window count");
        assert_eq!(taken(WINDOW * 2), 100, "those before do not");
    }
}
