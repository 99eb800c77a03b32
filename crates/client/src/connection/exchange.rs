//! A call on a connection: the request on its way out, the answer on its way in.

use std::{
    fmt,
    future::poll_fn,
    pin::Pin,
    sync::{Arc, atomic::Ordering::Relaxed},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use campus_inprocess::Calling;
use h2::{RecvStream, client::ResponseFuture};
use http::{Request, Response};
use http_body::{Body as _, Frame};
use tokio::task::AbortHandle;
use tonic::{Status, body::Body};

use super::{Connection, Failure, FailureKind, Way, here, send::Send};
use crate::pool::Endpoint;

/// A call that has begun: the head of its answer, to be waited for. Dropped before, the call is cancelled.
#[derive(Debug)]
#[must_use = "the request is sent while this is polled"]
pub(crate) struct Begun {
    response: Answering,
    /// What is not sent yet, by whoever waits for the answer;
    send: Option<Send>,
    /// when that takes longer, by a task of its own.
    task: Option<Task>,
    open: Option<Open>,
}

/// An answer that is waited for.
enum Answering {
    Http2(ResponseFuture),
    Here(Calling),
    /// What is wrong with the request.
    Bad(Option<h2::Error>),
}

impl fmt::Debug for Answering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answering")
    }
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
fn name(open: Option<&Open>) -> String {
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
        let (response, send) = match &open.connection.way {
            Way::Http2(sender) => {
                let is_empty = body.is_end_stream();
                match sender.clone().send_request(head, is_empty) {
                    Ok((response, stream)) => {
                        (Answering::Http2(response), (!is_empty).then(|| Send::new(body, stream)))
                    }
                    Err(error) if open.connection.is_leaving() => return Err(error),
                    Err(error) => (Answering::Bad(Some(error)), None),
                }
            }
            Way::Here(connection) => match here::refusal(connection) {
                Some(error) => return Err(error),
                None => (Answering::Here(connection.call(head.map(|()| body))), None),
            },
        };
        if open.counts && !matches!(response, Answering::Bad(_)) {
            open.endpoint.stats().picks.fetch_add(1, Relaxed);
        }
        Ok(Self { response, send, task: None, open: Some(open) })
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
            Answering::Http2(response) => ready!(Pin::new(response).poll(cx)).map(|answer| answer.map(Source::Http2)),
            Answering::Here(calling) => Ok(ready!(calling.as_mut().poll(cx)).map(Source::Here)),
            Answering::Bad(error) => {
                return error.take().map_or(Poll::Pending, |error| Poll::Ready(Err(Failure::request(&error))));
            }
        };
        let open = this.open.take();
        Poll::Ready(match answer {
            Ok(answer) => {
                let task = this.task.take();
                Ok(answer.map(|source| Incoming { first: None, source, _task: task, open }))
            }
            Err(error) => Err(Failure::of(error, &name(open.as_ref()))),
        })
    }
}

/// The body of an answer. Dropped before its end, the call is cancelled.
#[derive(Debug)]
pub(crate) struct Incoming {
    /// What has come of it and nobody has taken.
    first: Option<Frame<Bytes>>,
    source: Source,
    /// What is left of the request is sent as long as this lives.
    _task: Option<Task>,
    open: Option<Open>,
}

/// What an answer comes from.
#[derive(Debug)]
enum Source {
    Http2(RecvStream),
    Here(Body),
    Ended,
}

type Polled = Poll<Option<Result<Frame<Bytes>, h2::Error>>>;

/// The next data, then the trailers.
fn poll_stream(stream: &mut RecvStream, cx: &mut Context<'_>) -> Polled {
    match ready!(stream.poll_data(cx)) {
        Some(Ok(data)) => {
            // Only a window that overflows is refused, which h2 has seen before.
            let _ = stream.flow_control().release_capacity(data.len());
            Poll::Ready(Some(Ok(Frame::data(data))))
        }
        Some(Err(error)) => Poll::Ready(Some(Err(error))),
        None => stream.poll_trailers(cx).map(|trailers| trailers.transpose().map(|end| end.map(Frame::trailers))),
    }
}

impl Incoming {
    /// Waits for what follows the head, and keeps it.
    ///
    /// # Errors
    /// If nothing does, since the connection or the stream ended before.
    pub(crate) async fn follow(&mut self) -> Result<(), Failure> {
        let Source::Http2(stream) = &mut self.source else { return Ok(()) };
        match poll_fn(|cx| poll_stream(stream, cx)).await {
            Some(Ok(frame)) => self.first = Some(frame),
            Some(Err(error)) => return Err(Failure::of(error, &name(self.open.as_ref()))),
            None => {}
        }
        Ok(())
    }
}

impl http_body::Body for Incoming {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        let polled = match (this.first.take(), &mut this.source) {
            (Some(first), _) => Some(Ok(first)),
            (None, Source::Http2(stream)) => ready!(poll_stream(stream, cx))
                .map(|frame| frame.map_err(|error| Failure::of(error, &name(this.open.as_ref())).status)),
            (None, Source::Here(body)) => ready!(Pin::new(body).poll_frame(cx)),
            (None, Source::Ended) => None,
        };
        if !matches!(&polled, Some(Ok(frame)) if frame.is_data()) {
            (this.source, this.open) = (Source::Ended, None);
        }
        Poll::Ready(polled)
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none()
            && match &self.source {
                Source::Http2(stream) => stream.is_end_stream(),
                Source::Here(body) => body.is_end_stream(),
                Source::Ended => true,
            }
    }
}
