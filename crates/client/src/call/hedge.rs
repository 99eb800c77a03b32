//! A call that is made again before its first attempt has ended (gRFC A6): whichever answers first counts.

use std::sync::atomic::Ordering::Relaxed;

use futures_util::{StreamExt, stream::FuturesUnordered};
use http::Response;
use tokio::time::{Instant, sleep_until};
use tonic::{Status, body::Body};

use super::{
    attempts::{Call, answer_of},
    outcome::Failed,
    retry::{Pushback, Throttle},
    verdict,
};
use crate::{Begun, Failure, Incoming, policy::HedgingPolicy};

impl Call<'_> {
    /// Until an answer begins, or there is no use in another attempt. Those that are too late are cancelled.
    pub(super) async fn hedge(&mut self, policy: &HedgingPolicy) -> Result<Response<Body>, Status> {
        let (at, first) = self.begin().await?;
        let mut open = FuturesUnordered::new();
        open.push(end_of(at, first));
        self.attempts = 1;
        let mut next = Some(Instant::now() + policy.delay);
        loop {
            tokio::select! {
                biased;
                Some((at, end)) = open.next() => {
                    let since = self.tried.get(at).and_then(|tried| tried.since);
                    match self.read(at, end) {
                        Ok(answer) => {
                            self.overtaken(since);
                            return Ok(answer);
                        }
                        Err(failed) => {
                            next = self.after(&failed, policy, next);
                            if next.is_none() && open.is_empty() || !is_left_alone(&failed, policy) {
                                return failed.end;
                            }
                            if let Err(status) = failed.end {
                                self.last = Some(status);
                            }
                        }
                    }
                },
                () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {
                    next = None;
                    if let Some((at, begun)) = self.another() {
                        open.push(end_of(at, begun));
                        self.attempts += 1;
                        next = (self.attempts < policy.max_attempts).then(|| Instant::now() + policy.delay);
                    } else if open.is_empty() {
                        // There is nobody else.
                        return self.make().await;
                    }
                }
            }
        }
    }

    /// One more attempt, at a server that has none, unless too many calls fail or are made again.
    fn another(&mut self) -> Option<(usize, Begun)> {
        let calls = self.calls;
        let is_allowed = calls.throttle.as_ref().is_none_or(Throttle::allows);
        if !is_allowed || !calls.budget.retry(self.pool.shared().now()) {
            return None;
        }
        let begun = self.begin_elsewhere()?;
        self.pool.shared().figures.retries.fetch_add(1, Relaxed);
        Some(begun)
    }

    /// An answer has begun to the attempt of then. Who was asked before, and takes more than twice as long, stands still.
    fn overtaken(&mut self, since: Option<u64>) {
        let now = self.pool.shared().now();
        let took = now.saturating_sub(since.unwrap_or(now));
        for tried in &mut self.tried {
            if tried.since.is_some_and(|since| now.saturating_sub(since) > took.saturating_mul(2)) {
                tried.since = None;
                verdict::overtaken(&tried.endpoint, &self.calls.alarm);
            }
        }
    }

    /// When the next attempt is due after one has failed: at once, unless the server says something else.
    fn after(&self, failed: &Failed, policy: &HedgingPolicy, next: Option<Instant>) -> Option<Instant> {
        let is_allowed = self.calls.throttle.as_ref().is_none_or(Throttle::failed);
        next.filter(|_| is_allowed && self.attempts < policy.max_attempts)?;
        match failed.pushback {
            Some(Pushback::Never) => None,
            Some(Pushback::After(pause)) => Some(Instant::now() + pause),
            None => Some(Instant::now()),
        }
    }
}

async fn end_of(at: usize, begun: Begun) -> (usize, Result<Response<Incoming>, Failure>) {
    (at, answer_of(begun).await)
}

fn is_left_alone(failed: &Failed, policy: &HedgingPolicy) -> bool {
    failed.is_refused || policy.non_fatal.contains(&failed.code)
}
