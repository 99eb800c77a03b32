//! The bytes of one connection, however it came.

use super::{Port, tls::Tls};
use campus_call::Peer;
use std::{
    fmt,
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpStream, UnixStream},
};
use tokio_rustls::server::TlsStream;

/// Any two-way stream of bytes.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A connection on its way to the event loop that will serve it. What is tied to an event loop is tied by
/// [`open`](Self::open), there. Sockets do not block and are of no event loop yet.
pub(crate) enum Stream {
    Tcp(std::net::TcpStream),
    /// Encrypted, once the handshake is done.
    Tls(std::net::TcpStream, Arc<Tls>),
    Unix(std::os::unix::net::UnixStream),
    /// No bytes: calls of functions.
    InProcess(campus_inprocess::Asked),
    /// Of the event loop that serves it, or of none.
    Other(Box<dyn Duplex>),
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp(_) => "Tcp",
            Self::Tls(..) => "Tls",
            Self::Unix(_) => "Unix",
            Self::InProcess(_) => "InProcess",
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
            Self::Unix(stream) => drop(io::Write::write(&mut &*stream, bytes)),
            Self::Tls(..) | Self::InProcess(_) | Self::Other(_) => {}
        }
    }

    /// Takes the connection over to this thread's event loop, with what is known of its other end by then. The time this
    /// takes counts as part of the handshake.
    ///
    /// # Errors
    /// When the operating system refuses it, or a TLS handshake fails.
    pub(crate) async fn open(self, peer: Arc<Peer>, port: Port) -> io::Result<(Io, Arc<Peer>)> {
        let io = match self {
            Self::Tcp(stream) => Io::Tcp(tcp(stream)?),
            Self::Tls(stream, tls) => {
                let (stream, certificate) = tls.accept(tcp(stream)?, port).await?;
                let peer = Peer { certificate, ..Arc::unwrap_or_clone(peer) };
                return Ok((Io::Tls(Box::new(stream)), Arc::new(peer)));
            }
            Self::Unix(stream) => Io::Unix(UnixStream::from_std(stream)?),
            Self::InProcess(_) => return Err(io::ErrorKind::Unsupported.into()),
            Self::Other(stream) => Io::Other(stream),
        };
        Ok((io, peer))
    }
}

fn tcp(stream: std::net::TcpStream) -> io::Result<TcpStream> {
    let stream = TcpStream::from_std(stream)?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// A connection of this thread's event loop. An enum, so that sockets cost no virtual call.
pub(crate) enum Io {
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    Unix(UnixStream),
    /// Whatever else carries bytes.
    Other(Box<dyn Duplex>),
}

impl Io {
    /// Has the kernel give up a client that leaves what was sent unanswered for this long (gRPC proposal A18): a PING
    /// cannot be sent where nothing can.
    pub(crate) fn give_up_after(&self, limit: Option<Duration>) {
        let stream = match self {
            Self::Tcp(stream) => stream,
            Self::Tls(stream) => stream.get_ref().0,
            Self::Unix(_) | Self::Other(_) => return,
        };
        // Not every platform can; where it cannot, TCP's own patience holds.
        #[cfg(target_os = "linux")]
        drop(socket2::SockRef::from(stream).set_tcp_user_timeout(limit));
    }
}

/// Does the same with whatever is inside.
macro_rules! with {
    ($io:expr, $inner:ident => $do:expr) => {
        match $io {
            Io::Tcp($inner) => $do,
            Io::Tls($inner) => $do,
            Io::Unix($inner) => $do,
            Io::Other($inner) => $do,
        }
    };
}

impl AsyncRead for Io {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        with!(self.get_mut(), inner => Pin::new(inner).poll_read(cx, buf))
    }
}

impl AsyncWrite for Io {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        with!(self.get_mut(), inner => Pin::new(inner).poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        with!(self.get_mut(), inner => Pin::new(inner).poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        with!(self, inner => inner.is_write_vectored())
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        with!(self.get_mut(), inner => Pin::new(inner).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        with!(self.get_mut(), inner => Pin::new(inner).poll_shutdown(cx))
    }
}
