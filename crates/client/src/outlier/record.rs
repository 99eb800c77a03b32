//! What is remembered of an endpoint between ejections.

use std::time::Duration;

use tokio::time::Instant;

use crate::policy::{Consecutive, Outliers};

/// The ejections of one endpoint.
#[derive(Debug, Default)]
pub(super) struct Record {
    /// When it comes back, while it is out.
    until: Option<Instant>,
    /// How long it was out the last time, by a row of failures, and when that was over.
    last: Option<(Duration, Instant)>,
    /// Ejections by rate; it forgets one each calm interval (gRFC A50).
    times: u32,
    ended: u64,
    failures: u64,
}

impl Record {
    pub(super) fn until(&self) -> Option<Instant> {
        self.until
    }

    /// Takes it out, for twice as long as the last time if that was not long ago. Says for how long.
    pub(super) fn take_by_row(&mut self, now: Instant, rule: &Consecutive, spread: f64) -> Duration {
        let out = match self.last {
            Some((last, back)) if now < back + last => (last * 2).min(rule.max_ejection_time),
            _ => rule.base_ejection_time,
        };
        let until = now + out.mul_f64(spread);
        (self.until, self.last) = (Some(until), Some((out, until)));
        out
    }

    /// Takes it out, for longer each time. Says for how long.
    pub(super) fn take_by_rate(&mut self, now: Instant, rules: &Outliers) -> Duration {
        self.times += 1;
        let out = (rules.base_ejection_time * self.times).min(rules.max_ejection_time.max(rules.base_ejection_time));
        self.until = Some(now + out);
        out
    }

    /// It stays out until then.
    pub(super) fn ask_again(&mut self, at: Instant) {
        self.until = Some(at);
    }

    /// An interval has passed in which it was not out.
    pub(super) fn calm(&mut self) {
        self.times = self.times.saturating_sub(1);
    }

    /// Whether its time has come, which is said once.
    pub(super) fn is_over(&mut self, now: Instant) -> bool {
        let is_over = self.until.is_some_and(|until| until <= now);
        if is_over {
            self.until = None;
        }
        is_over
    }

    /// Calls and failures since this was last asked.
    pub(super) fn interval(&mut self, ended: u64, failures: u64) -> (u64, u64) {
        let since = (ended.saturating_sub(self.ended), failures.saturating_sub(self.failures));
        (self.ended, self.failures) = (ended, failures);
        since
    }
}
