//! The attempts of one call.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use http::{HeaderName, HeaderValue, Request, Response, request::Parts};
use tokio::{
    task::yield_now,
    time::{Instant, sleep, timeout},
};
use tonic::{Code, Status, body::Body};

use super::{
    Calls,
    deadline::Deadline,
    outcome::Failed,
    outgoing::Outgoing,
    retry::{Pushback, backoff},
    verdict,
};
use crate::{Begun, Endpoint, Failure, Incoming, NeverSent, Snapshot, pick::latency, policy::MethodConfig, pool::Pool};

const PREVIOUS_ATTEMPTS: HeaderName = HeaderName::from_static("grpc-previous-rpc-attempts");
/// How long after its head the beginning of an answer is waited for. A server that is killed may have sent the head alone; one
/// that streams may have nothing to send yet.
const FOLLOWS: Duration = Duration::from_millis(5);
/// Longest pause of a call that finds connections gone although nobody has noticed.
const NOTICED: Duration = Duration::from_millis(64);

/// A call on its way.
pub(super) struct Call<'a> {
    pub(super) pool: &'a Pool,
    pub(super) calls: &'a Calls,
    method: &'a MethodConfig,
    head: Parts,
    pub(super) outgoing: Outgoing,
    pub(super) deadline: Option<Deadline>,
    /// Attempts that a server may have seen.
    pub(super) attempts: u32,
    since_pushback: u32,
    was_refused: bool,
    /// Times that it did not leave.
    stayed: u32,
    pub(super) tried: Vec<Tried>,
    /// How the last attempt ended.
    pub(super) last: Option<Status>,
}

/// An endpoint that the call was sent to.
pub(super) struct Tried {
    pub(super) endpoint: Arc<Endpoint>,
    /// When, in nanoseconds of the pool; none when it is over.
    pub(super) since: Option<u64>,
}

impl<'a> Call<'a> {
    pub(super) fn new(
        pool: &'a Pool,
        calls: &'a Calls,
        method: &'a MethodConfig,
        head: Parts,
        outgoing: Outgoing,
        deadline: Option<Deadline>,
    ) -> Self {
        if method.retry.is_some() || method.hedging.is_some() {
            calls.budget.call(pool.shared().now());
        }
        Self {
            pool,
            calls,
            method,
            head,
            outgoing,
            deadline,
            attempts: 0,
            since_pushback: 0,
            was_refused: false,
            stayed: 0,
            tried: Vec::new(),
            last: None,
        }
    }

    /// Until an answer begins, or there is no use in another attempt.
    pub(super) async fn make(&mut self) -> Result<Response<Body>, Status> {
        loop {
            let failed = match self.attempt().await {
                Ok(answer) => return Ok(answer),
                Err(failed) => failed,
            };
            let Some(pause) = self.pause(&failed) else { return failed.end };
            self.pool.shared().figures.retries.fetch_add(1, Relaxed);
            self.last = failed.end.err();
            if !pause.is_zero() {
                sleep(pause).await;
            }
        }
    }

    async fn attempt(&mut self) -> Result<Response<Body>, Box<Failed>> {
        let (at, begun) = self.begin().await?;
        let end = if self.method.retry.is_some() { answer_of(begun).await } else { begun.await };
        self.read(at, end)
    }

    /// Sends it to somebody; says who of those tried that is.
    pub(super) async fn begin(&mut self) -> Result<(usize, Begun), Status> {
        loop {
            let endpoint = self.pick().await?;
            match self.begin_at(endpoint) {
                Ok(begun) => return Ok(begun),
                Err(stayed) => self.stay(stayed).await?,
            }
        }
    }

    /// Sends it to one who was not tried, if there is one.
    pub(super) fn begin_elsewhere(&mut self) -> Option<(usize, Begun)> {
        let now = self.pool.snapshot();
        let endpoint = self.pick_other(&now)?;
        self.begin_at(endpoint).ok()
    }

    fn begin_at(&mut self, endpoint: Arc<Endpoint>) -> Result<(usize, Begun), NeverSent> {
        let begun = endpoint.begin(self.request());
        let since = begun.is_ok().then(|| endpoint.now());
        self.tried.push(Tried { endpoint, since });
        Ok((self.tried.len() - 1, begun?))
    }

    /// Somebody who is ready, and not tried yet if there is such a one.
    async fn pick(&self) -> Result<Arc<Endpoint>, Status> {
        loop {
            if let Some(endpoint) = self.pick_from(&self.pool.snapshot()) {
                return Ok(endpoint);
            }
            self.pool.ready(self.method.wait_for_ready).await?;
        }
    }

    fn pick_from(&self, now: &Snapshot) -> Option<Arc<Endpoint>> {
        let other = if self.tried.is_empty() { None } else { self.pick_other(now) };
        other.or_else(|| self.calls.picker.pick(&now.ready, now.is_warming).cloned())
    }

    fn pick_other(&self, now: &Snapshot) -> Option<Arc<Endpoint>> {
        let is_new = |other: &&Arc<Endpoint>| !self.tried.iter().any(|tried| Arc::ptr_eq(&tried.endpoint, other));
        let others: Vec<_> = now.ready.iter().filter(is_new).cloned().collect();
        self.calls.picker.pick(&others, now.is_warming).cloned()
    }

    fn request(&self) -> Request<Body> {
        let mut request = Request::new(self.outgoing.body());
        *request.method_mut() = self.head.method.clone();
        *request.uri_mut() = self.head.uri.clone();
        *request.headers_mut() = self.head.headers.clone();
        let is_said = |deadline: &Deadline| !deadline.is_whole || deadline.is_said && self.tried.is_empty();
        if let Some(deadline) = self.deadline.filter(|deadline| !is_said(deadline)) {
            deadline.tell(request.headers_mut(), Instant::now());
        }
        if self.attempts > 0 {
            request.headers_mut().insert(PREVIOUS_ATTEMPTS, HeaderValue::from(self.attempts));
        }
        request
    }

    /// It did not leave: the connection is gone, which the pool is about to notice.
    async fn stay(&mut self, stayed: NeverSent) -> Result<(), Status> {
        if stayed.status.code() != Code::Unavailable || !self.outgoing.can_be_sent() {
            return Err(stayed.status);
        }
        self.last = Some(stayed.status);
        self.stayed += 1;
        match self.stayed {
            ..3 => yield_now().await,
            more => sleep(Duration::from_millis(1 << more.min(6)).min(NOTICED)).await,
        }
        Ok(())
    }

    /// After which pause the call is made again; none if it is not.
    fn pause(&mut self, failed: &Failed) -> Option<Duration> {
        let can_be_sent = self.outgoing.can_be_sent();
        if failed.is_refused && can_be_sent && !std::mem::replace(&mut self.was_refused, true) {
            return Some(Duration::ZERO);
        }
        self.attempts += 1;
        self.since_pushback += 1;
        let policy = self.method.retry.as_ref()?;
        let is_retryable = policy.codes.contains(&failed.code);
        let is_allowed = match &self.calls.throttle {
            Some(throttle) if is_retryable || failed.pushback == Some(Pushback::Never) => throttle.failed(),
            _ => true,
        };
        if !is_retryable || !is_allowed || !can_be_sent || self.attempts >= policy.max_attempts {
            return None;
        }
        let pause = match failed.pushback {
            Some(Pushback::Never) => return None,
            Some(Pushback::After(pause)) => {
                self.since_pushback = 0;
                pause
            }
            None => backoff(policy, self.since_pushback, self.calls.chance.share()),
        };
        let in_time = self.deadline.is_none_or(|deadline| Instant::now() + pause < deadline.at);
        (in_time && self.calls.budget.retry(self.pool.shared().now())).then_some(pause)
    }

    /// The time is up.
    pub(super) fn too_late(&mut self, deadline: Deadline) -> Status {
        let after = deadline.after;
        let mut silent = Vec::new();
        for Tried { endpoint, since } in &mut self.tried {
            if let Some(since) = since.take() {
                let took = Duration::from_nanos(endpoint.now().saturating_sub(since));
                verdict::judge(endpoint, Code::DeadlineExceeded, took, None, &self.calls.alarm);
                silent.push(endpoint.address().to_string());
            }
        }
        if !silent.is_empty() {
            return Status::deadline_exceeded(format!("no answer from {} within {after:?}", silent.join(", ")));
        }
        let now = self.pool.snapshot();
        let last = self.last.take().unwrap_or_else(|| now.unavailable(&self.pool.shared().target));
        let mut status = Status::deadline_exceeded(format!("no answer within {after:?}: {}", last.message()));
        status.set_source(Arc::new(last));
        status
    }
}

/// The answer, with its beginning if that comes with its head. What ends in between has brought nothing that its caller could
/// have seen, and may be asked for again.
pub(super) async fn answer_of(begun: Begun) -> Result<Response<Incoming>, Failure> {
    let mut answer = begun.await?;
    match timeout(FOLLOWS, answer.body_mut().follow()).await {
        Ok(Err(failure)) => Err(failure),
        Ok(Ok(())) | Err(_) => Ok(answer),
    }
}

impl Drop for Call<'_> {
    /// Whoever goes while it waits has seen how long an answer takes at least.
    fn drop(&mut self) {
        for Tried { endpoint, since } in &self.tried {
            if let Some(since) = since {
                latency::at_least(endpoint.stats(), endpoint.now(), *since);
            }
        }
    }
}
