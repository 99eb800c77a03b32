//! A connection within the process: no bytes, calls of functions on the thread of whoever calls.

use super::{
    Phase,
    activity::{Activity, Open},
    dispatch::Dispatch,
    shard::Shard,
};
use crate::{
    call::{Call, Caller, Ending, ReplyBody, Source},
    metrics::Closed,
    transport::Port,
};
use bytes::Bytes;
use campus_call::Peer;
use campus_inprocess::{Asked, Calling, Serve, State};
use http::{Request, Response};
use http_body::{Frame, SizeHint};
use std::{
    future::ready,
    pin::{Pin, pin},
    sync::Arc,
    task::{self, Context, Poll},
};
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};
use tonic::{Status, body::Body};

/// Serves who asked until there is nobody left, or the server stops and the last call has ended.
pub(super) async fn serve(shard: &Arc<Shard>, asked: Asked, peer: Arc<Peer>) -> Closed {
    let activity = Activity::new(Arc::clone(shard), Arc::clone(shard.traffic(Port::Grpc)), true, peer);
    let (state, changes) = watch::channel(State::Open);
    let mut gone = pin!(asked.answer(Box::new(Door(Dispatch(Arc::clone(&activity)))), changes));
    let (mut phase, mut seen) = (shard.phase.subscribe(), Phase::Serve);
    let mut waits = false;
    loop {
        let leaves = tokio::select! {
            biased;
            () = &mut gone => return if seen == Phase::Serve { Closed::Client } else { Closed::Drain },
            changed = phase.wait_for(|now| *now > seen) => {
                seen = changed.map_or(Phase::Close, |now| *now);
                // What answers at the web port may ask the services of this process.
                waits = shard.web.is_some() && seen == Phase::Drain;
                if seen >= Phase::Stop {
                    activity.caller.end(Ending::Stop);
                }
                seen >= Phase::Drain && !waits
            }
            () = shard.web_is_over(), if waits => {
                waits = false;
                true
            }
            () = activity.quiet() => true,
        };
        if leaves {
            activity.leave();
            state.send_replace(State::Leaving);
        }
        // Whoever calls may have no time to let go.
        if seen == Phase::Close || (leaves && activity.idle()) {
            activity.caller.end(Ending::Stop);
            return Closed::Drain;
        }
    }
}

/// Where the calls of a connection come in.
struct Door(Dispatch);

impl Serve for Door {
    fn call(&self, request: Request<Body>) -> Calling {
        let open = Open::new(&self.0.0);
        if let Some(why) = self.0.0.caller.ending() {
            return Box::pin(ready(why.status().into_http()));
        }
        let (call, deadline) = self.0.begin(request.map(Source::Here));
        Box::pin(Answering { call, open: Some(Held { open, deadline, alarm: Alarm::NotYet }) })
    }
}

/// A call that is there until its answer has ended.
struct Held {
    open: Open,
    deadline: Option<Instant>,
    alarm: Alarm,
}

/// When a call is to be looked at though nothing has come.
enum Alarm {
    /// A call that is done at its first poll needs none.
    NotYet,
    Set(Pin<Box<dyn Future<Output = ()> + Send>>),
    Rung,
}

impl Held {
    /// Ready once, when the call's time is up or the server stops: it sees for itself which, and ends.
    fn poll_alarm(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if matches!(self.alarm, Alarm::NotYet) {
            self.alarm = Alarm::Set(Box::pin(alarm(Arc::clone(self.open.caller()), self.deadline)));
        }
        let Alarm::Set(alarm) = &mut self.alarm else { return Poll::Pending };
        task::ready!(alarm.as_mut().poll(cx));
        self.alarm = Alarm::Rung;
        Poll::Ready(())
    }
}

async fn alarm(caller: Arc<Caller>, deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => drop(timeout_at(deadline, caller.ended()).await),
        None => caller.ended().await,
    }
}

/// A call until the head of its answer.
struct Answering {
    call: Call,
    /// Gone once the answer has it.
    open: Option<Held>,
}

impl Future for Answering {
    type Output = Response<Body>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Response<Body>> {
        let this = &mut *self;
        let mut polled = Pin::new(&mut this.call).poll(cx);
        if polled.is_pending() && this.open.as_mut().is_some_and(|open| open.poll_alarm(cx).is_ready()) {
            polled = Pin::new(&mut this.call).poll(cx);
        }
        let Ok(response) = task::ready!(polled);
        let open = this.open.take();
        Poll::Ready(response.map(|body| Body::new(Answer { body, open })))
    }
}

/// The body of an answer.
struct Answer {
    body: ReplyBody,
    /// Gone at its end.
    open: Option<Held>,
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        let mut polled = Pin::new(&mut this.body).poll_frame(cx);
        if polled.is_pending() && this.open.as_mut().is_some_and(|open| open.poll_alarm(cx).is_ready()) {
            polled = Pin::new(&mut this.body).poll_frame(cx);
        }
        if matches!(&polled, Poll::Ready(frame) if frame.as_ref().is_none_or(|f| f.as_ref().map_or(true, Frame::is_trailers)))
        {
            this.open = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
