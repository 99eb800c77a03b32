//! Asks a silent server for a sign of life.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use h2::{Ping, PingPong};
use tokio::time::{Instant, Sleep, sleep};

/// PINGs on a connection (gRFC A8).
#[derive(Debug)]
pub(crate) struct Keepalive {
    pings: PingPong,
    timer: Pin<Box<Sleep>>,
    interval: Duration,
    timeout: Duration,
    is_waiting: bool,
    /// Whether something came since the timer was set.
    heard: bool,
}

impl Keepalive {
    pub(crate) fn new(pings: PingPong, interval: Duration, timeout: Duration) -> Self {
        Self { pings, timer: Box::pin(sleep(interval)), interval, timeout, is_waiting: false, heard: false }
    }

    /// Ready when the server is taken for gone. `heard` says that something came, `is_busy` whether there are calls.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, heard: bool, is_busy: impl Fn() -> bool) -> Poll<()> {
        self.heard |= heard;
        if self.is_waiting && self.pings.poll_pong(cx).is_ready() {
            self.is_waiting = false;
            self.set(self.interval);
        }
        while self.timer.as_mut().poll(cx).is_ready() {
            let is_silent = !std::mem::take(&mut self.heard);
            if self.is_waiting && is_silent {
                return Poll::Ready(());
            }
            let asks = !self.is_waiting && is_silent && is_busy() && self.pings.send_ping(Ping::opaque()).is_ok();
            if asks {
                self.is_waiting = true;
                // Nothing is known of the answer before it was asked for once.
                let _ = self.pings.poll_pong(cx);
            }
            self.set(if self.is_waiting { self.timeout } else { self.interval });
        }
        Poll::Pending
    }

    fn set(&mut self, wait: Duration) {
        self.timer.as_mut().reset(Instant::now() + wait);
    }
}
