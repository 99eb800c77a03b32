//! The body of an answer, until its end is known.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body::Frame;
use tokio::{
    task::coop,
    time::{Instant, Sleep, sleep_until},
};
use tonic::{Code, Status};

use super::{deadline::Deadline, verdict};
use crate::{Endpoint, Incoming, outlier::Alarm};

/// An answer that has begun. Dropped before its end, the call is cancelled, and says nothing of the server.
#[derive(Debug)]
pub(super) struct Answer {
    /// None after the deadline.
    incoming: Option<Incoming>,
    endpoint: Arc<Endpoint>,
    alarm: Arc<Alarm>,
    deadline: Option<Deadline>,
    /// Set when the answer has to be waited for.
    timer: Option<Pin<Box<Sleep>>>,
    is_judged: bool,
}

impl Answer {
    pub(super) fn new(
        incoming: Incoming,
        endpoint: Arc<Endpoint>,
        alarm: Arc<Alarm>,
        deadline: Option<Deadline>,
    ) -> Self {
        Self { incoming: Some(incoming), endpoint, alarm, deadline, timer: None, is_judged: false }
    }

    fn judge(&mut self, code: Code) {
        // A stream that is open until its deadline is what its caller wants.
        if !std::mem::replace(&mut self.is_judged, true) && code != Code::DeadlineExceeded {
            verdict::judge(&self.endpoint, code, Duration::ZERO, None, &self.alarm);
        }
    }

    /// Whether the time is up.
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<Status> {
        let Some(deadline) = self.deadline else { return Poll::Pending };
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline.at)));
        timer.as_mut().poll(cx).map(|()| self.late(deadline))
    }

    fn late(&mut self, deadline: Deadline) -> Status {
        self.incoming = None;
        self.is_judged = true;
        let (address, after) = (self.endpoint.address(), deadline.after);
        Status::deadline_exceeded(format!("{address} did not end its answer within {after:?}"))
    }
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        // An answer of which there is always more must neither outlast its time nor keep its thread from all else.
        let Poll::Ready(turn) = coop::poll_proceed(cx) else {
            let late = this.deadline.filter(|deadline| this.incoming.is_some() && deadline.at <= Instant::now());
            return late.map_or(Poll::Pending, |deadline| Poll::Ready(Some(Err(this.late(deadline)))));
        };
        let Some(incoming) = &mut this.incoming else { return Poll::Ready(None) };
        match Pin::new(incoming).poll_frame(cx) {
            Poll::Pending => this.poll_deadline(cx).map(|late| Some(Err(late))),
            Poll::Ready(frame) => {
                turn.made_progress();
                match &frame {
                    Some(Ok(frame)) => {
                        if let Some(trailers) = frame.trailers_ref() {
                            this.judge(verdict::code(trailers).unwrap_or(Code::Unknown));
                        }
                    }
                    Some(Err(status)) => this.judge(status.code()),
                    None => this.judge(Code::Unknown),
                }
                Poll::Ready(frame)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.as_ref().is_none_or(http_body::Body::is_end_stream)
    }
}
