//! Taking up again what the way to the server has cut.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tonic::{Code, Status};

use crate::{calls::Deadline, status};

const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
const ATTEMPTS: u32 = 7;

/// Waits between attempts: a quarter of a second, then twice as long each time, about a quarter of a minute in all.
#[derive(Debug, Default)]
pub(crate) struct Patience {
    attempt: u32,
    has_achieved: bool,
}

impl Patience {
    /// Something was achieved: the next cut is the first again.
    pub(crate) fn reset(&mut self) {
        *self = Self { attempt: 0, has_achieved: true };
    }

    /// Whether to try again after a call ended with `status`; waits first.
    pub(crate) async fn again(&mut self, status: &Status, by: Deadline, say: impl Fn(&str)) -> bool {
        let Some(pause) = self.pause(status) else { return false };
        if by.is_some_and(|by| Instant::now() + pause >= by) {
            return false;
        }
        self.attempt += 1;
        let what = status::cut_short(status);
        say(&format!("{what}; trying again in {:.1} s ({} of {ATTEMPTS})", pause.as_secs_f64(), self.attempt));
        sleep(pause).await;
        true
    }

    fn pause(&self, status: &Status) -> Option<Duration> {
        let asked = status::retry_after(status);
        // A server that has answered before may be slow to begin anew; one that never has is not worth the wait.
        let is_slow = self.has_achieved && status.code() == Code::DeadlineExceeded;
        let is_worth_it = asked.is_some() || status::is_cut(status) || is_slow;
        if self.attempt >= ATTEMPTS || status::is_full(status) || !is_worth_it {
            return None;
        }
        let pause = FIRST_PAUSE.saturating_mul(1 << self.attempt).min(LONGEST_PAUSE);
        // Many clients of one server must not come back all at once.
        let pause = pause.mul_f64(0.75 + fastrand::f64() / 2.0);
        Some(pause.max(asked.unwrap_or_default()).min(LONGEST_PAUSE * 2))
    }
}

#[cfg(test)]
mod tests {
    use tonic_types::{ErrorDetails, StatusExt};

    use super::*;

    #[test]
    fn patience_grows_and_ends() {
        let cut = Status::unavailable("gone");
        let mut patience = Patience::default();
        let mut pauses = Vec::new();
        while let Some(pause) = patience.pause(&cut) {
            pauses.push(pause);
            patience.attempt += 1;
        }
        assert_eq!(pauses.len(), 7);
        assert!(pauses[0] < Duration::from_millis(400) && pauses[6] > Duration::from_secs(3), "{pauses:?}");
        patience.reset();
        assert!(patience.pause(&cut).is_some());
    }

    #[test]
    fn silence_is_waited_out_only_where_there_has_been_an_answer() {
        let silence = Status::deadline_exceeded("no answer");
        let mut patience = Patience::default();
        assert!(patience.pause(&silence).is_none());
        patience.reset();
        assert!(patience.pause(&silence).is_some());
    }

    #[test]
    fn an_answer_is_no_reason_to_ask_again() {
        assert!(Patience::default().pause(&Status::not_found("no such record")).is_none());
        assert!(Patience::default().pause(&Status::resource_exhausted("too large")).is_none());
        let exhausted = |reason| {
            let mut details = ErrorDetails::with_error_info(reason, "campus", std::collections::HashMap::new());
            details.set_retry_info(Some(Duration::from_secs(1)));
            Status::with_error_details(Code::ResourceExhausted, "full", details)
        };
        assert!(Patience::default().pause(&exhausted("WRITE_QUEUE_FULL")).is_some());
        assert!(Patience::default().pause(&exhausted("STORAGE_FULL")).is_none(), "somebody has to make room first");
    }
}
