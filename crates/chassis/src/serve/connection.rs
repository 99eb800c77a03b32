//! One connection, from its first byte to its last.

use super::{
    Phase,
    activity::Activity,
    clock::{Act, Clock, after},
    direct,
    dispatch::{Dispatch, DispatchWeb},
    io::Counted,
    shard::{Plan, Shard},
    sniff::{Spoken, sniff},
    stream::Streams,
};
use crate::{
    call::Ending,
    metrics::Closed,
    panics,
    transport::{Io, Port, Stream},
};
use bytes::BytesMut;
use campus_call::Peer;
use hyper::{
    body::{Body, Incoming},
    server::conn::{http1, http2},
    service::HttpService,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{
    future::poll_fn,
    io,
    pin::{Pin, pin},
    sync::{Arc, atomic::Ordering::Relaxed},
    task::{Context, Poll},
};
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, timeout_at},
};

/// Counts a connection while it is open, and holds its place among those allowed.
pub(super) struct Place {
    shard: Arc<Shard>,
    port: Port,
    _permit: OwnedSemaphorePermit,
}

impl Place {
    pub(super) fn new(shard: &Arc<Shard>, port: Port, permit: OwnedSemaphorePermit) -> Self {
        let traffic = shard.traffic(port);
        traffic.open.fetch_add(1, Relaxed);
        traffic.accepted.fetch_add(1, Relaxed);
        if port == Port::Web {
            shard.web_open.send_modify(|open| *open += 1);
        }
        Self { shard: Arc::clone(shard), port, _permit: permit }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shard.traffic(self.port).open.fetch_sub(1, Relaxed);
        if self.port == Port::Web {
            self.shard.web_open.send_modify(|open| *open -= 1);
        }
    }
}

/// Serves `stream` until it is closed by either side.
pub(super) async fn serve(stream: Stream, peer: Arc<Peer>, place: Place) {
    let (shard, port) = (&place.shard, place.port);
    let stream = match stream {
        Stream::InProcess(asked) => return shard.traffic(port).closed(direct::serve(shard, asked, peer).await),
        stream => stream,
    };
    let greeting = after(Instant::now(), shard.plan.handshake_limit);
    let opened = tokio::select! {
        opened = timeout_at(greeting, open(stream, Arc::clone(&peer), port)) => opened.ok(),
        () = leaving(shard) => None,
    };
    let (reason, ended) = match opened {
        Some(Ok(opened)) => {
            opened.io.give_up_after(shard.plan.keepalive.map(|keepalive| keepalive.timeout));
            speak(shard, port, opened, greeting).await
        }
        Some(Err(error)) => (Closed::Handshake, Err(error.to_string())),
        None => (Closed::Handshake, Err("no handshake within the limit".to_owned())),
    };
    shard.traffic(port).closed(reason);
    let (reason, error) = (reason.name(), ended.err());
    tracing::debug!(client.address = %peer, reason, error, "connection closed");
}

/// Ends when a connection on which nothing has begun should not be waited for any more.
async fn leaving(shard: &Shard) {
    // The sender lives as long as the shard.
    let _ = shard.phase.subscribe().wait_for(|phase| *phase >= Phase::Drain).await;
    tokio::time::sleep(shard.plan.flush_limit).await;
}

/// Why a connection is over, and what went wrong if anything did.
type Over = (Closed, Result<(), String>);

/// A connection of which is known who is at the other end, and what is spoken there.
struct Opened {
    io: Io,
    peer: Arc<Peer>,
    spoken: Spoken,
}

async fn open(stream: Stream, peer: Arc<Peer>, port: Port) -> io::Result<Opened> {
    let (mut io, peer) = stream.open(peer, port).await?;
    let spoken = match port {
        // Nothing else is; and hyper says so where it is.
        Port::Grpc => Spoken::Http2(BytesMut::new()),
        Port::Web => sniff(&mut io).await?,
    };
    Ok(Opened { io, peer, spoken })
}

async fn speak(shard: &Arc<Shard>, port: Port, opened: Opened, greeting: Instant) -> Over {
    let Opened { io, peer, spoken } = opened;
    let traffic = Arc::clone(shard.traffic(port));
    let (framed, begun) = match spoken {
        Spoken::Http1(begun) => (false, begun),
        Spoken::Http2(begun) => (true, begun),
    };
    let activity = Activity::new(Arc::clone(shard), traffic, framed, peer);
    let io = TokioIo::new(Counted::new(io, begun, Arc::clone(&activity)));
    let (plan, streams) = (&shard.plan, Streams(Arc::clone(&activity)));
    match (port, &shard.web) {
        (Port::Web, Some(web)) => {
            let dispatch = DispatchWeb(Arc::clone(&activity), Arc::clone(web));
            if framed {
                let connection = builder(plan, streams).auto_date_header(true).serve_connection(io, dispatch);
                drive(&activity, pin!(connection), greeting).await
            } else {
                drive(&activity, pin!(http1_builder(plan).serve_connection(io, dispatch)), greeting).await
            }
        }
        _ => {
            let connection = builder(plan, streams).serve_connection(io, Dispatch(Arc::clone(&activity)));
            drive(&activity, pin!(connection), greeting).await
        }
    }
}

/// A connection of hyper's, whatever is spoken on it.
trait Connection: Future<Output = hyper::Result<()>> {
    /// Asks the client to leave.
    fn graceful_shutdown(self: Pin<&mut Self>);
}

impl<I, S, B> Connection for http1::Connection<I, S>
where
    Self: Future<Output = hyper::Result<()>>,
    S: HttpService<Incoming, ResBody = B, Error: Into<Box<dyn std::error::Error + Send + Sync>>>,
    I: hyper::rt::Read + hyper::rt::Write + Unpin,
    B: Body<Error: Into<Box<dyn std::error::Error + Send + Sync>>> + 'static,
{
    fn graceful_shutdown(self: Pin<&mut Self>) {
        Self::graceful_shutdown(self);
    }
}

impl<I, S, B> Connection for http2::Connection<I, S, Streams>
where
    Self: Future<Output = hyper::Result<()>>,
    S: HttpService<Incoming, ResBody = B, Error: Into<Box<dyn std::error::Error + Send + Sync>>>,
    I: hyper::rt::Read + hyper::rt::Write + Unpin,
    B: Body<Error: Into<Box<dyn std::error::Error + Send + Sync>>> + 'static,
    Streams: hyper::rt::bounds::Http2ServerConnExec<S::Future, B>,
{
    fn graceful_shutdown(self: Pin<&mut Self>) {
        Self::graceful_shutdown(self);
    }
}

async fn drive<C: Connection>(activity: &Activity, mut connection: Pin<&mut C>, greeting: Instant) -> Over {
    let shard = &activity.shard;
    let (mut phase, mut seen) = (shard.phase.subscribe(), Phase::Serve);
    let mut clock = Clock::new(&shard.plan, greeting);
    let mut alarm = pin!(tokio::time::sleep_until(clock.alarm));
    loop {
        let act = tokio::select! {
            biased;
            ended = Contained(connection.as_mut()) => return over(clock.why(), ended),
            // It happens while the connection is polled, right before this.
            () = flooded(activity), if clock.why() != Some(Closed::PingFlood) => clock.flooded(),
            changed = phase.wait_for(|now| *now > seen) => {
                seen = changed.map_or(Phase::Close, |now| *now);
                if seen >= Phase::Stop {
                    activity.caller.end(Ending::Stop);
                }
                match seen {
                    Phase::Close => Act::Close,
                    _ => clock.leave(Closed::Drain),
                }
            }
            () = &mut alarm => clock.ring(activity),
        };
        match act {
            Act::Nothing => {}
            Act::Leave => {
                activity.leave();
                connection.as_mut().graceful_shutdown();
            }
            Act::EndCalls => activity.caller.end(Ending::Age),
            Act::Close => return (clock.why().unwrap_or(Closed::Drain), Err("it did not leave in time".to_owned())),
        }
        alarm.as_mut().reset(clock.alarm);
    }
}

fn flooded(activity: &Activity) -> impl Future<Output = ()> {
    poll_fn(|_| if activity.flooded() { Poll::Ready(()) } else { Poll::Pending })
}

fn over(why: Option<Closed>, ended: Result<(), Failure>) -> Over {
    match (why, ended) {
        (why, Ok(())) => (why.unwrap_or(Closed::Client), Ok(())),
        (why, Err(failure)) => {
            let found = if failure.timed_out { Closed::Keepalive } else { Closed::Error };
            (why.unwrap_or(found), Err(failure.text))
        }
    }
}

fn builder(plan: &Plan, streams: Streams) -> http2::Builder<Streams> {
    let mut builder = http2::Builder::new(streams);
    builder
        .auto_date_header(false)
        .initial_stream_window_size(plan.stream_window)
        .initial_connection_window_size(plan.connection_window)
        .max_send_buf_size(plan.send_buffer as usize)
        .max_concurrent_streams(plan.max_streams)
        .max_frame_size(plan.max_frame)
        .max_header_list_size(plan.max_header_list)
        .max_pending_accept_reset_streams(plan.max_pending_resets);
    if let Some(keepalive) = plan.keepalive {
        builder.timer(TokioTimer::new()).keep_alive_interval(keepalive.interval).keep_alive_timeout(keepalive.timeout);
    }
    builder
}

/// hyper's own limit of the time a head may take holds between requests too; the [`Clock`] tells them apart.
fn http1_builder(plan: &Plan) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(None)
        .max_header_size(plan.max_header_list as usize)
        .max_buf_size(plan.send_buffer as usize);
    builder
}

/// How a connection ended that did not end well.
struct Failure {
    text: String,
    /// The client answered neither a PING nor a byte of TCP.
    timed_out: bool,
}

/// Polls a connection; a panic in it ends it as an error does.
struct Contained<C>(C);

impl<C> Future for Contained<Pin<&mut C>>
where
    C: Future<Output = Result<(), hyper::Error>>,
{
    type Output = Result<(), Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match panics::contain(|| self.0.as_mut().poll(cx)) {
            Ok(polled) => polled.map_err(|error| describe(&error)),
            Err(panic) => {
                tracing::error!(panic.location = panic.place, "serving a connection panicked");
                Poll::Ready(Err(Failure { text: "panicked".to_owned(), timed_out: false }))
            }
        }
    }
}

/// An error with its causes, for the log.
fn describe(error: &hyper::Error) -> Failure {
    let (mut text, mut timed_out) = (error.to_string(), error.is_timeout());
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        timed_out |= inner.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::TimedOut);
        cause = inner.source();
    }
    Failure { text, timed_out }
}

/// What a refused connection is told: on a web port HTTP 503, in the version that all know; else HTTP/2 SETTINGS and GOAWAY with ENHANCE_YOUR_CALM (RFC 9113, 6.8), so that the
/// client can say why.
pub(super) fn refusal(port: Port) -> Vec<u8> {
    if port == Port::Web {
        let head =
            "HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n";
        return head.into();
    }
    const REASON: &[u8; 20] = b"too many connections";
    const GOAWAY: [u8; 17] = [0, 0, 8 + 20, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xb];
    const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    [&SETTINGS[..], &GOAWAY, REASON].concat()
}
