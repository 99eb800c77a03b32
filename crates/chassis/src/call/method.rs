//! What the calls of a method share, and how each is measured.

use super::{Caller, Ending, timeout};
use crate::{metrics::Counters, panics::Panic, service::Erased, status};
use http::HeaderMap;
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;
use tonic::{Code, Status};

/// What every call of one method on one shard shares.
pub(crate) struct Method {
    pub(crate) service: Option<Arc<dyn Erased>>,
    pub(crate) service_name: String,
    pub(crate) name: String,
    pub(crate) server_streaming: bool,
    pub(crate) counters: Arc<Counters>,
    pub(crate) limits: Limits,
}

/// What a call may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) message_in: u32,
    pub(crate) message_out: Option<u32>,
    pub(crate) max_deadline: Option<Duration>,
    pub(crate) default_deadline: Option<Duration>,
}

impl Limits {
    /// The time a call with these headers has.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for a malformed `grpc-timeout`, DEADLINE_EXCEEDED for one of zero.
    pub(crate) fn time(&self, headers: &HeaderMap) -> Result<Option<Duration>, Status> {
        let Some(header) = headers.get("grpc-timeout") else { return Ok(self.default_deadline) };
        match timeout::parse(header.as_bytes()) {
            None => Err(status::bad_timeout()),
            Some(Duration::ZERO) => Err(status::deadline_exceeded()),
            Some(asked) => Ok(Some(self.max_deadline.map_or(asked, |cap| asked.min(cap)))),
        }
    }
}

/// Counts one call from its start to its end, whichever way it ends.
pub(crate) struct Meter {
    pub(super) method: Arc<Method>,
    pub(super) caller: Arc<Caller>,
    started: Instant,
    deadline: Option<Instant>,
    ended: bool,
}

impl Meter {
    pub(crate) fn start(method: &Arc<Method>, caller: &Arc<Caller>) -> Self {
        method.counters.start();
        Self {
            method: Arc::clone(method),
            caller: Arc::clone(caller),
            started: Instant::now(),
            deadline: None,
            ended: false,
        }
    }

    /// Sets the time the call has, and gives the moment it ends.
    pub(crate) fn limit(&mut self, time: Option<Duration>) -> Option<Instant> {
        self.deadline = time.and_then(|time| self.started.checked_add(time));
        self.deadline
    }

    /// Whether the deadline has passed.
    pub(super) fn late(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// Why the call has to end before it is done, if it has to.
    pub(super) fn ending(&self) -> Option<Ending> {
        self.caller.ending()
    }

    /// Counts the call as ended; the first end is the one that counts.
    pub(super) fn end(&mut self, code: Code) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        let took = self.started.elapsed();
        self.method.counters.finish(code, took);
        tracing::debug!(
            rpc.service = self.method.service_name,
            rpc.method = self.method.name,
            rpc.grpc.status_code = code as i32,
            rpc.duration_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            "call ended"
        );
    }

    /// Logs and counts a panic.
    pub(super) fn panicked(&self, panic: &Panic) -> Status {
        self.method.counters.panicked();
        tracing::error!(
            rpc.service = self.method.service_name,
            rpc.method = self.method.name,
            panic.location = panic.place,
            "a call panicked"
        );
        status::panicked()
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.end(Code::Cancelled);
    }
}
