//! The bytes of one connection, however it came.

use campus_call::Peer;
use std::{
    fmt,
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Any two-way stream of bytes.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A connection on its way to the event loop that will serve it. What is tied to an event loop is tied by
/// [`open`](Self::open), there.
pub(crate) enum Stream {
    /// Not blocking, and of no event loop yet.
    Tcp(std::net::TcpStream),
    /// Of the event loop that serves it, or of none.
    Other(Box<dyn Duplex>),
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp(_) => "Tcp",
            Self::Other(_) => "Other",
        })
    }
}

impl Stream {
    /// Writes this if it can be written at once: to a client that is refused. It may be gone already; then nobody is left
    /// to tell.
    pub(crate) fn say(&self, bytes: &[u8]) {
        match self {
            Self::Tcp(stream) => drop(io::Write::write(&mut &*stream, bytes)),
            Self::Other(_) => {}
        }
    }

    /// Takes the connection over to this thread's event loop, with what is known of its other end by then. The time this
    /// takes counts as part of the handshake.
    ///
    /// # Errors
    /// When the operating system refuses it.
    #[expect(clippy::unused_async, reason = "a handshake below HTTP/2 waits for its peer")]
    pub(crate) async fn open(self, peer: Arc<Peer>) -> io::Result<(Io, Arc<Peer>)> {
        let io = match self {
            Self::Tcp(stream) => Io::Tcp(tokio::net::TcpStream::from_std(stream)?),
            Self::Other(stream) => Io::Other(stream),
        };
        Ok((io, peer))
    }
}

/// A connection of this thread's event loop. An enum, so that TCP costs no virtual call.
pub(crate) enum Io {
    /// Plain.
    Tcp(tokio::net::TcpStream),
    /// Whatever else carries bytes.
    Other(Box<dyn Duplex>),
}

impl Io {
    /// Has the kernel give up a client that leaves what was sent unanswered for this long (gRPC proposal A18): a PING
    /// cannot be sent where nothing can.
    pub(crate) fn give_up_after(&self, limit: Option<Duration>) {
        match self {
            // Not every platform can; where it cannot, TCP's own patience holds.
            #[cfg(target_os = "linux")]
            Self::Tcp(stream) => drop(socket2::SockRef::from(stream).set_tcp_user_timeout(limit)),
            _ => {}
        }
    }
}

/// Does the same with whatever is inside.
macro_rules! with {
    ($io:expr, $inner:ident => $do:expr) => {
        match $io.get_mut() {
            Io::Tcp($inner) => $do,
            Io::Other($inner) => $do,
        }
    };
}

impl AsyncRead for Io {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        with!(self, inner => Pin::new(inner).poll_read(cx, buf))
    }
}

impl AsyncWrite for Io {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        with!(self, inner => Pin::new(inner).poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        with!(self, inner => Pin::new(inner).poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tcp(inner) => inner.is_write_vectored(),
            Self::Other(inner) => inner.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        with!(self, inner => Pin::new(inner).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        with!(self, inner => Pin::new(inner).poll_shutdown(cx))
    }
}
