//! Moves the bytes of a connection, and tells what becomes of it.

use std::{
    error::Error,
    fmt, io,
    pin::Pin,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use h2::{Reason, client};
use tokio::sync::watch;

use super::{Connection, heard::Heard, keepalive::Keepalive};

/// Bytes of the head of a frame. A server's first are its SETTINGS (RFC 9113, 3.4).
const FRAME_HEAD: u64 = 9;

/// What came was no HTTP/2.
const NONSENSE: &str = "protocol error";

/// How far a connection has come.
#[derive(Clone, Debug, Default)]
pub(crate) enum Progress {
    /// The server has not said anything.
    #[default]
    Greeting,
    /// Calls can be sent.
    Open,
    /// The server takes no more calls (GOAWAY); those that it has may end.
    Leaving(Arc<Parting>),
    /// It is over.
    Ended(Arc<Parting>),
}

/// Why a connection ends.
#[derive(Debug)]
pub(crate) struct Parting {
    /// As metrics name it (gRFC A94).
    pub(crate) label: &'static str,
    /// Of the network or of HTTP/2.
    pub(crate) error: Option<h2::Error>,
}

impl Parting {
    /// Whether the server ended it in order.
    pub(crate) fn is_orderly(&self) -> bool {
        self.error.as_ref().is_none_or(|error| error.reason() == Some(Reason::NO_ERROR))
    }

    /// Whether the server finds that it was asked for signs of life too often.
    pub(crate) fn is_too_many_pings(&self) -> bool {
        self.error.as_ref().is_some_and(|error| {
            error.is_go_away() && error.is_remote() && error.reason() == Some(Reason::ENHANCE_YOUR_CALM)
        })
    }

    /// Whether what came was no HTTP/2.
    pub(crate) fn is_nonsense(&self) -> bool {
        self.label == NONSENSE
    }

    fn new(error: h2::Error) -> Self {
        let of_io = |error: &io::Error| match error.kind() {
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => "connection reset",
            io::ErrorKind::TimedOut => "connection timed out",
            io::ErrorKind::ConnectionAborted => "connection aborted",
            _ => "socket error",
        };
        let label = match error.get_io() {
            Some(error) => of_io(error),
            None if error.is_go_away() && error.is_remote() => "GOAWAY",
            None => NONSENSE,
        };
        Self { label, error: Some(error) }
    }
}

impl fmt::Display for Parting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.error {
            Some(error) => write!(f, "{}: {error}", self.label),
            None => f.write_str(self.label),
        }
    }
}

impl Error for Parting {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error.as_ref().map(|error| error as _)
    }
}

/// The task of a connection.
pub(super) struct Drive {
    pub(super) h2: client::Connection<Heard, Bytes>,
    pub(super) heard: Arc<AtomicU64>,
    /// What of it was seen.
    pub(super) seen: u64,
    pub(super) keepalive: Option<Keepalive>,
    /// Gone when no more calls will come.
    pub(super) connection: Weak<Connection>,
    pub(super) progress: watch::Sender<Progress>,
}

impl Future for Drive {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        if let Poll::Ready(ended) = Pin::new(&mut this.h2).poll(cx) {
            let parting = match ended {
                Ok(()) => Parting { label: "closed", error: None },
                Err(error) => Parting::new(error),
            };
            return this.end(parting);
        }
        let heard = this.heard.load(Relaxed);
        if heard != this.seen {
            this.listen(cx, heard);
        }
        let news = std::mem::replace(&mut this.seen, heard) != heard;
        let (connection, progress) = (&this.connection, &this.progress);
        // Each call holds it, and its endpoint until it leaves.
        let is_busy = || {
            let is_leaving = matches!(*progress.borrow(), Progress::Leaving(_));
            connection.strong_count() > usize::from(!is_leaving)
        };
        match this.keepalive.as_mut().map(|keepalive| keepalive.poll(cx, news, is_busy)) {
            Some(Poll::Ready(())) => this.end(Parting { label: "connection timed out", error: None }),
            _ => Poll::Pending,
        }
    }
}

impl Drive {
    fn end(&self, parting: Parting) -> Poll<()> {
        tracing::debug!(target: "campus_client", reason = %parting, "connection ended");
        self.progress.send_replace(Progress::Ended(Arc::new(parting)));
        Poll::Ready(())
    }

    /// Something came: perhaps the greeting, or a GOAWAY.
    fn listen(&self, cx: &mut Context<'_>, heard: u64) {
        if matches!(*self.progress.borrow(), Progress::Leaving(_)) {
            return;
        }
        let Some(connection) = self.connection.upgrade() else { return };
        connection.limit.store(self.h2.max_concurrent_send_streams(), Relaxed);
        if let Some(error) = connection.refusal(cx) {
            self.progress.send_replace(Progress::Leaving(Arc::new(Parting::new(error))));
        } else if heard >= FRAME_HEAD && matches!(*self.progress.borrow(), Progress::Greeting) {
            self.progress.send_replace(Progress::Open);
        }
    }
}
