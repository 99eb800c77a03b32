//! Taking up again what the way to the server has cut.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tonic::Status;

use crate::{calls::Deadline, status};

const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
const ATTEMPTS: u32 = 7;

/// Waits between attempts: a quarter of a second, then twice as long each time, about a quarter of a minute in all.
#[derive(Debug, Default)]
pub(crate) struct Patience {
    attempt: u32,
}

impl Patience {
    /// Something was achieved: the next cut is the first again.
    pub(crate) fn reset(&mut self) {
        self.attempt = 0;
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
        if self.attempt >= ATTEMPTS || status::is_full(status) || (asked.is_none() && !status::is_cut(status)) {
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
    use tonic::Code;
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
