//! One connection to one server: of HTTP/2, or within this process.
//!
//! Over HTTP/2, calls write into the connection's buffers themselves, and one task a connection moves the bytes. So a call costs no message
//! to another task, and what many calls write goes out together.

mod dial;
mod drive;
mod exchange;
mod failure;
mod heard;
mod here;
mod keepalive;
mod send;

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use h2::client::{self, SendRequest};
use tokio::{sync::watch, task::AbortHandle};

pub use self::dial::Stream;
pub(crate) use self::{
    dial::{Connector, Dial},
    drive::{Parting, Progress},
    exchange::{Begun, Incoming, Open},
    failure::{Failure, FailureKind, NeverSent},
};
use self::{drive::Drive, heard::Heard, keepalive::Keepalive};
use crate::{Address, pool::PoolConfig};

/// Of HTTP/2 (RFC 9113, 6.9.1).
const MAX_WINDOW: u32 = (1 << 31) - 1;

/// Where calls are sent. When the last one that knows it lets go, it ends after its calls.
#[derive(Debug)]
pub(crate) struct Connection {
    way: Way,
    /// Calls at once that the server takes.
    limit: AtomicUsize,
}

#[derive(Debug)]
enum Way {
    Http2(SendRequest<Bytes>),
    /// The server is in this process: a call is a call of a function.
    Here(campus_inprocess::Connection),
}

/// What the owner of a connection sees of it.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) progress: watch::Receiver<Progress>,
    /// Cuts it.
    pub(crate) task: AbortHandle,
}

/// Connects; the server has not said anything yet. `keepalive` is when it is asked for a sign of life.
pub(crate) async fn connect(
    dial: &Dial,
    address: &Address,
    config: &PoolConfig,
    keepalive: Option<Duration>,
) -> io::Result<(Arc<Connection>, Opened)> {
    if let (None, Address::InProcess(name)) = (&dial.connector, address) {
        return here::connect(name).await;
    }
    let (stream, heard) = Heard::new(dial.dial(address).await?);
    let mut builder = client::Builder::new();
    builder
        .initial_window_size(config.stream_window.min(MAX_WINDOW))
        .initial_connection_window_size(config.connection_window.min(MAX_WINDOW))
        .max_header_list_size(config.max_header_list)
        .enable_push(false);
    let (sender, mut h2) = builder.handshake(stream).await.map_err(io::Error::other)?;
    let pings = keepalive.and_then(|interval| Some((interval, h2.ping_pong()?)));
    let keepalive = pings.map(|(interval, pings)| Keepalive::new(pings, interval, config.keepalive_timeout));
    let connection = Arc::new(Connection { way: Way::Http2(sender), limit: AtomicUsize::new(usize::MAX) });
    let (sent, progress) = watch::channel(Progress::default());
    let drive = Drive { h2, heard, seen: 0, keepalive, connection: Arc::downgrade(&connection), progress: sent };
    Ok((connection, Opened { progress, task: tokio::spawn(drive).abort_handle() }))
}

impl Connection {
    /// Whether a further call would wait for the end of another. Its endpoint holds it, and each call.
    pub(crate) fn is_full(self: &Arc<Self>) -> bool {
        Arc::strong_count(self) > self.limit.load(Relaxed)
    }

    /// Whether it takes no more calls.
    pub(crate) fn is_leaving(&self) -> bool {
        self.refusal(&mut Context::from_waker(Waker::noop())).is_some()
    }

    /// Why it takes no more calls.
    fn refusal(&self, cx: &mut Context<'_>) -> Option<h2::Error> {
        match &self.way {
            Way::Http2(sender) => match sender.clone().poll_ready(cx) {
                Poll::Ready(Err(error)) => Some(error),
                _ => None,
            },
            Way::Here(connection) => here::refusal(connection),
        }
    }
}
