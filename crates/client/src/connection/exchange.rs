//! A call on a connection: the request on its way out, the answer on its way in.

use std::{
    pin::Pin,
    sync::{Arc, atomic::Ordering::Relaxed},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use h2::{RecvStream, client::ResponseFuture};
use http::{HeaderMap, Request, Response};
use http_body::{Body as _, Frame};
use tokio::task::AbortHandle;
use tonic::{Status, body::Body};

use super::{Connection, Failure, FailureKind, send::Send};
use crate::pool::Endpoint;

/// A call that has begun: the head of its answer, to be waited for. Dropped before, the call is cancelled.
#[derive(Debug)]
#[must_use = "the request is sent while this is polled"]
pub(crate) struct Begun {
    /// Or what is wrong with the request.
    response: Result<ResponseFuture, Option<h2::Error>>,
    /// What is not sent yet, by whoever waits for the answer;
    send: Option<Send>,
    /// when that takes longer, by a task of its own.
    task: Option<Task>,
    open: Option<Open>,
}

/// A call on a connection. It is in flight as long as this lives.
#[derive(Debug)]
pub(crate) struct Open {
    endpoint: Arc<Endpoint>,
    /// By how many hold it the connection knows whether it has calls.
    connection: Arc<Connection>,
    counts: bool,
}

impl Open {
    /// `counts` says whether it is one of the channel's calls.
    pub(crate) fn new(endpoint: Arc<Endpoint>, connection: Arc<Connection>, counts: bool) -> Self {
        if counts {
            endpoint.stats().in_flight.fetch_add(1, Relaxed);
        }
        Self { endpoint, connection, counts }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if self.counts {
            self.endpoint.stats().in_flight.fetch_sub(1, Relaxed);
        }
    }
}

/// As errors name it.
fn name(open: Option<Open>) -> String {
    open.map_or_else(String::new, |open| open.endpoint.address().to_string())
}

/// Ends with its owner.
#[derive(Debug)]
struct Task(AbortHandle);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Begun {
    /// Sends the head.
    ///
    /// # Errors
    /// If the connection takes no more calls.
    pub(crate) fn new(open: Open, head: Request<()>, body: Body) -> Result<Self, h2::Error> {
        let is_empty = body.is_end_stream();
        let (response, stream) = match open.connection.sender.clone().send_request(head, is_empty) {
            Ok(sent) => sent,
            Err(error) if open.connection.is_leaving() => {
                return Err(error);
            }
            Err(error) => return Ok(Self { response: Err(Some(error)), send: None, task: None, open: Some(open) }),
        };
        if open.counts {
            open.endpoint.stats().picks.fetch_add(1, Relaxed);
        }
        let send = (!is_empty).then(|| Send::new(body, stream));
        Ok(Self { response: Ok(response), send, task: None, open: Some(open) })
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Result<(), Status> {
        let Some(mut send) = self.send.take() else { return Ok(()) };
        match Pin::new(&mut send).poll(cx) {
            Poll::Ready(sent) => sent,
            Poll::Pending => {
                self.task = Some(Task(tokio::spawn(send).abort_handle()));
                Ok(())
            }
        }
    }
}

impl Future for Begun {
    type Output = Result<Response<Incoming>, Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if let Err(status) = this.poll_send(cx) {
            return Poll::Ready(Err(Failure { kind: FailureKind::Request, status }));
        }
        let answer = match &mut this.response {
            Ok(response) => ready!(Pin::new(response).poll(cx)),
            Err(error) => {
                return error.take().map_or(Poll::Pending, |error| Poll::Ready(Err(Failure::request(&error))));
            }
        };
        let open = this.open.take();
        Poll::Ready(match answer {
            Ok(answer) => {
                let task = this.task.take();
                Ok(answer.map(|stream| Incoming { stream, next: Next::Data, _task: task, open }))
            }
            Err(error) => Err(Failure::of(error, &name(open))),
        })
    }
}

/// The body of an answer. Dropped before its end, the call is cancelled.
#[derive(Debug)]
pub(crate) struct Incoming {
    stream: RecvStream,
    next: Next,
    /// What is left of the request is sent as long as this lives.
    _task: Option<Task>,
    open: Option<Open>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Data,
    Trailers,
    Nothing,
}

impl Incoming {
    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, h2::Error>>> {
        let data = ready!(self.stream.poll_data(cx));
        if let Some(Ok(data)) = &data {
            // Only a window that overflows is refused, which h2 has seen before.
            let _ = self.stream.flow_control().release_capacity(data.len());
        }
        Poll::Ready(data)
    }

    fn failed(&mut self, error: h2::Error) -> Status {
        self.next = Next::Nothing;
        Failure::of(error, &name(self.open.take())).status
    }
}

impl http_body::Body for Incoming {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        if this.next == Next::Data {
            match ready!(this.poll_data(cx)) {
                Some(Ok(data)) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                Some(Err(error)) => return Poll::Ready(Some(Err(this.failed(error)))),
                None => this.next = Next::Trailers,
            }
        }
        if this.next == Next::Trailers {
            let trailers: Result<Option<HeaderMap>, h2::Error> = ready!(this.stream.poll_trailers(cx));
            this.next = Next::Nothing;
            match trailers {
                Ok(trailers) => {
                    this.open = None;
                    return Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))));
                }
                Err(error) => return Poll::Ready(Some(Err(this.failed(error)))),
            }
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.next == Next::Nothing || self.stream.is_end_stream()
    }
}
