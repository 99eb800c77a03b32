//! Ways to a server that is reached by bytes: TCP, Unix sockets, or what a test puts in their place.

use std::{fmt, io, pin::Pin, sync::Arc, time::Duration};

use socket2::{SockRef, TcpKeepalive};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
};

use crate::{Address, BadTls, Tls};

/// A dead peer is noticed by TCP too, where there are no calls and so no PINGs.
const PROBE_AFTER: Duration = Duration::from_secs(30);
const PROBE_EVERY: Duration = Duration::from_secs(10);
/// Bytes that were sent and not acknowledged for this long end the connection (gRFC A18).
const UNACKNOWLEDGED: Duration = Duration::from_secs(20);

/// What bytes go over.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

type Dialing = Pin<Box<dyn Future<Output = io::Result<Box<dyn Stream>>> + Send>>;

/// How connections are made.
#[derive(Clone)]
pub(crate) struct Dial {
    /// Perhaps what is wrong with it.
    pub(crate) tls: Option<Result<Tls, Arc<BadTls>>>,
    pub(crate) connector: Option<Connector>,
}

/// Makes connections in place of the sockets of the system.
#[derive(Clone)]
pub(crate) struct Connector(Arc<dyn Fn(Address) -> Dialing + Send + Sync>);

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector")
    }
}

impl fmt::Debug for Dial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dial").field("tls", &self.tls.is_some()).finish_non_exhaustive()
    }
}

impl Connector {
    pub(crate) fn new<F, A, S>(connect: F) -> Self
    where
        F: Fn(Address) -> A + Send + Sync + 'static,
        A: Future<Output = io::Result<S>> + Send + 'static,
        S: Stream + 'static,
    {
        Self(Arc::new(move |address| {
            let connecting = connect(address);
            Box::pin(async move { Ok(Box::new(connecting.await?) as Box<dyn Stream>) })
        }))
    }
}

impl Dial {
    /// Connects, up to where HTTP/2 begins.
    pub(crate) async fn dial(&self, address: &Address) -> io::Result<Box<dyn Stream>> {
        let stream: Box<dyn Stream> = match (&self.connector, address) {
            (Some(connector), address) => (connector.0)(address.clone()).await?,
            (None, Address::Tcp(address)) => Box::new(tcp(TcpStream::connect(address).await?)?),
            (None, Address::Unix(path)) => Box::new(UnixStream::connect(path).await?),
            (None, Address::InProcess(_)) => return Err(io::ErrorKind::Unsupported.into()),
        };
        match (&self.tls, address) {
            // Neither a file nor a name of this process has a network to hide from, or a name to check.
            (None, _) | (_, Address::Unix(_) | Address::InProcess(_)) => Ok(stream),
            (Some(Ok(tls)), Address::Tcp(_)) => Ok(Box::new(tls.shake(stream).await?)),
            (Some(Err(error)), Address::Tcp(_)) => Err(io::Error::other(Arc::clone(error))),
        }
    }
}

fn tcp(stream: TcpStream) -> io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(&stream);
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(PROBE_AFTER).with_interval(PROBE_EVERY))?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED))?;
    Ok(stream)
}
