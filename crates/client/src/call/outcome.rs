//! What came back from an attempt.

use std::{sync::Arc, time::Duration};

use http::Response;
use tonic::{Code, Status, body::Body};

use super::{answer::Answer, attempts::Call, retry::Pushback, verdict};
use crate::{Failure, FailureKind, Incoming};

/// How an attempt ended that is not the answer.
pub(super) struct Failed {
    pub(super) code: Code,
    pub(super) pushback: Option<Pushback>,
    /// The server says that it has not begun.
    pub(super) is_refused: bool,
    /// What the caller gets unless there is another attempt.
    pub(super) end: Result<Response<Body>, Status>,
}

impl From<Status> for Box<Failed> {
    /// It came to nobody.
    fn from(status: Status) -> Self {
        Self::new(Failed { code: status.code(), pushback: None, is_refused: false, end: Err(status) })
    }
}

impl Call<'_> {
    /// Judges the server by what came.
    pub(super) fn read(
        &mut self,
        at: usize,
        end: Result<Response<Incoming>, Failure>,
    ) -> Result<Response<Body>, Box<Failed>> {
        let Some(tried) = self.tried.get_mut(at) else {
            return Err(Status::internal("an attempt that nobody made").into());
        };
        let endpoint = &tried.endpoint;
        let since = tried.since.take().unwrap_or_default();
        let now = endpoint.now();
        let took = Duration::from_nanos(now.saturating_sub(since));
        let alarm = &self.calls.alarm;
        let response = match end {
            Ok(response) => response,
            Err(failure) => {
                let is_refused = failure.kind == FailureKind::Refused;
                if matches!(failure.kind, FailureKind::Lost | FailureKind::Reset) {
                    verdict::judge(endpoint, failure.status.code(), took, None, alarm);
                }
                let code = failure.status.code();
                return Err(Box::new(Failed { code, pushback: None, is_refused, end: Err(failure.status) }));
            }
        };
        let ended = verdict::code(response.headers());
        if ended.is_none() && verdict::is_grpc(response.status(), response.headers()) {
            endpoint.answered(now, took);
            self.outgoing.commit();
            if let Some(throttle) = &self.calls.throttle {
                throttle.succeeded();
            }
            let deadline = self.deadline.filter(|deadline| deadline.is_whole);
            let (endpoint, alarm) = (Arc::clone(endpoint), Arc::clone(alarm));
            return Ok(response.map(|body| Body::new(Answer::new(body, endpoint, alarm, deadline))));
        }
        let code = ended.unwrap_or_else(|| verdict::code_of_http(response.status()));
        let pushback = Pushback::of(response.headers());
        let wait = match pushback {
            Some(Pushback::After(wait)) => Some(wait),
            Some(Pushback::Never) | None => None,
        };
        if !verdict::judge(endpoint, code, took, wait, alarm) {
            endpoint.answered(now, took);
        }
        let end = match ended {
            Some(_) => Ok(response.map(Body::new)),
            None => {
                let (address, status) = (endpoint.address(), response.status());
                Err(Status::new(
                    code,
                    format!("{address} answered HTTP {status}, which is no answer of gRPC; is it the right port?"),
                ))
            }
        };
        Err(Box::new(Failed { code, pushback, is_refused: false, end }))
    }
}
