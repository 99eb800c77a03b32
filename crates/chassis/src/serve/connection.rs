//! One connection, from its first byte to its last.

use super::{
    Phase,
    activity::Activity,
    dispatch::Dispatch,
    io::Counted,
    shard::{Plan, Shard},
    stream::Streams,
};
use crate::{
    call::Ending,
    panics,
    transport::{Io, Stream},
};
use campus_call::Peer;
use hyper::server::conn::http2;
use hyper_util::rt::TokioIo;
use std::{
    pin::{Pin, pin},
    sync::{Arc, atomic::Ordering::Relaxed},
    task::{Context, Poll},
};
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, timeout_at},
};

/// The client preface (24 bytes) and an empty SETTINGS frame (9): no HTTP/2 client sends less.
const PREFACE: u64 = 33;

/// Counts a connection while it is open, and holds its place among those allowed.
pub(super) struct Place {
    shard: Arc<Shard>,
    _permit: OwnedSemaphorePermit,
}

impl Place {
    pub(super) fn new(shard: &Arc<Shard>, permit: OwnedSemaphorePermit) -> Self {
        shard.traffic.open.fetch_add(1, Relaxed);
        shard.traffic.accepted.fetch_add(1, Relaxed);
        Self { shard: Arc::clone(shard), _permit: permit }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shard.traffic.open.fetch_sub(1, Relaxed);
    }
}

/// Serves `stream` until it is closed by either side.
pub(super) async fn serve(stream: Stream, peer: Arc<Peer>, place: Place) {
    let (shard, until) = (Arc::clone(&place.shard), Instant::now() + place.shard.plan.handshake_limit);
    match timeout_at(until, stream.open(Arc::clone(&peer))).await {
        Ok(Ok((io, peer))) => match drive(&shard, io, Arc::clone(&peer), until).await {
            Ok(()) => tracing::debug!(client.address = %peer, "connection closed"),
            Err(reason) => tracing::debug!(client.address = %peer, reason, "connection ended"),
        },
        Ok(Err(error)) => tracing::debug!(client.address = %peer, %error, "connection could not be taken over"),
        Err(_) => tracing::debug!(client.address = %peer, "connection ended: no handshake within the limit"),
    }
}

/// What a connection has to do next, and is closed for if it does not.
enum Awaited {
    Preface,
    FirstCall,
    /// It was asked to leave, and goes when its last call has ended.
    Leave,
    Nothing,
}

async fn drive(shard: &Arc<Shard>, stream: Io, peer: Arc<Peer>, handshake: Instant) -> Result<(), String> {
    let plan = &shard.plan;
    let activity = Activity::new(Arc::clone(shard), peer);
    let io = TokioIo::new(Counted::new(stream, Arc::clone(&activity)));
    let builder = builder(plan, Streams(Arc::clone(&activity)));
    let mut connection = pin!(builder.serve_connection(io, Dispatch(Arc::clone(&activity))));
    let (mut phase, mut seen) = (shard.phase.subscribe(), Phase::Serve);
    let (mut patience, mut awaited) = (pin!(tokio::time::sleep_until(handshake)), Awaited::Preface);
    loop {
        tokio::select! {
            biased;
            ended = Contained(connection.as_mut()) => return ended,
            changed = phase.wait_for(|now| *now > seen) => match changed.map(|now| *now) {
                Ok(now) if now < Phase::Close => {
                    seen = now;
                    if now >= Phase::Stop {
                        activity.caller.end(Ending::Stop);
                    }
                    connection.as_mut().graceful_shutdown();
                    awaited = Awaited::Leave;
                    patience.as_mut().reset(Instant::now() + plan.flush_limit);
                }
                _ => return Err("closed at the end of the drain".to_owned()),
            },
            () = &mut patience, if !matches!(awaited, Awaited::Nothing) => {
                awaited = match awaited {
                    Awaited::Preface if activity.received() < PREFACE => {
                        return Err("no HTTP/2 preface within the limit".to_owned());
                    }
                    Awaited::Leave if activity.idle() => return Err("it did not leave when asked to".to_owned()),
                    Awaited::Leave => Awaited::Leave,
                    _ if activity.called() => Awaited::Nothing,
                    Awaited::FirstCall => {
                        connection.as_mut().graceful_shutdown();
                        Awaited::Leave
                    }
                    Awaited::Preface | Awaited::Nothing => Awaited::FirstCall,
                };
                let wait = match awaited {
                    Awaited::FirstCall => plan.first_call_limit.saturating_sub(plan.handshake_limit),
                    _ => plan.flush_limit,
                };
                patience.as_mut().reset(Instant::now() + wait);
            }
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
    builder
}

/// Polls a connection; a panic in it ends it as an error does.
struct Contained<C>(C);

impl<C, E> Future for Contained<Pin<&mut C>>
where
    C: Future<Output = Result<(), E>>,
    E: std::error::Error,
{
    type Output = Result<(), String>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match panics::contain(|| self.0.as_mut().poll(cx)) {
            Ok(polled) => polled.map_err(|e| describe(&e)),
            Err(panic) => {
                tracing::error!(panic.location = panic.place, "serving a connection panicked");
                Poll::Ready(Err("panicked".to_owned()))
            }
        }
    }
}

/// An error with its causes, for the log.
fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

/// What a refused connection is told: HTTP/2 SETTINGS and GOAWAY with ENHANCE_YOUR_CALM (RFC 9113, 6.8), so that the
/// client can say why.
pub(super) fn refusal() -> Vec<u8> {
    const REASON: &[u8; 20] = b"too many connections";
    const GOAWAY: [u8; 17] = [0, 0, 8 + 20, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xb];
    const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    [&SETTINGS[..], &GOAWAY, REASON].concat()
}
