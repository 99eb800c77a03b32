//! Sockets that are listened on.

use super::{
    Address, Listen, Port, Stream,
    tls::Tls,
    unix::{self, SocketFile},
};
use campus_call::{Peer, Transport, UnixCredentials};
use socket2::{Domain, Protocol, Type};
use std::{io, net::SocketAddr, sync::Arc};

/// Connections the kernel keeps until they are accepted.
const BACKLOG: i32 = 1024;

/// An address that is bound; connections wait until it is [started](Listener::start).
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) address: Address,
    pub(crate) port: Port,
    socket: Bound,
}

#[derive(Debug)]
enum Bound {
    Tcp(std::net::TcpListener, Option<Arc<Tls>>),
    // The file goes first, while nobody else can have its number.
    Unix(SocketFile, std::os::unix::net::UnixListener),
    InProcess(campus_inprocess::Listener),
}

impl Listener {
    /// Binds `address`, one of `all`. TCP connections are encrypted if there is `tls`; a Unix socket gets the `mode`.
    pub(crate) fn bind(
        port: Port,
        address: &Address,
        all: &Listen,
        tls: Option<&Arc<Tls>>,
        mode: u32,
    ) -> io::Result<Self> {
        let (address, socket) = match address {
            Address::Tcp(address) => {
                let listener = tcp(*address, all)?;
                (Address::Tcp(listener.local_addr()?), Bound::Tcp(listener, tls.cloned()))
            }
            Address::Unix(path) => {
                let (listener, file) = unix::listen(path, mode, BACKLOG)?;
                (address.clone(), Bound::Unix(file, listener))
            }
            Address::InProcess(name) => (address.clone(), Bound::InProcess(campus_inprocess::Listener::bind(name)?)),
        };
        Ok(Self { address, port, socket })
    }

    /// Begins to accept, on this thread's event loop.
    pub(crate) fn start(self) -> io::Result<Accepting> {
        let socket = match self.socket {
            Bound::Tcp(listener, tls) => Socket::Tcp(tokio::net::TcpListener::from_std(listener)?, tls),
            Bound::Unix(file, listener) => Socket::Unix(file, tokio::net::UnixListener::from_std(listener)?),
            Bound::InProcess(listener) => Socket::InProcess(listener),
        };
        Ok(Accepting { port: self.port, socket })
    }
}

/// Binds `address` and listens on it, without blocking.
pub(crate) fn tcp(address: SocketAddr, all: &Listen) -> io::Result<std::net::TcpListener> {
    let socket = socket2::Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A restarted server must not wait for old connections to be forgotten.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(all.is_only_v6(address))?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// An address whose connections are accepted.
#[derive(Debug)]
pub(crate) struct Accepting {
    pub(crate) port: Port,
    pub(crate) socket: Socket,
}

/// A socket whose connections are accepted.
#[derive(Debug)]
pub(crate) enum Socket {
    /// Encrypted if there is something to do so with.
    Tcp(tokio::net::TcpListener, Option<Arc<Tls>>),
    /// With its file, which goes first.
    Unix(SocketFile, tokio::net::UnixListener),
    /// Of this process.
    InProcess(campus_inprocess::Listener),
}

impl Socket {
    /// The next connection, and what is known of its other end.
    pub(crate) async fn accept(&mut self) -> io::Result<(Stream, Peer)> {
        match self {
            Self::Tcp(listener, tls) => {
                let (stream, address) = listener.accept().await?;
                Ok(of_tcp(stream.into_std()?, address, tls.as_ref()))
            }
            Self::Unix(file, listener) => loop {
                tokio::select! {
                    biased;
                    accepted = listener.accept() => return of_unix(accepted?.0),
                    // Nobody waits at the former one any more.
                    anew = file.made_anew(BACKLOG) => *listener = tokio::net::UnixListener::from_std(anew)?,
                }
            },
            Self::InProcess(listener) => Ok(of_process(listener.accept().await)),
        }
    }

    /// Accepts no more, but for what waits already; asked without the event loop, which may not have heard of the last ones
    /// yet.
    pub(crate) fn close(self) -> Vec<(Stream, Peer)> {
        match self {
            Self::Tcp(listener, tls) => {
                let accept = |listener: &std::net::TcpListener| {
                    let (stream, address) = listener.accept()?;
                    stream.set_nonblocking(true)?;
                    Ok(of_tcp(stream, address, tls.as_ref()))
                };
                listener.into_std().map(|listener| all(|| accept(&listener))).unwrap_or_default()
            }
            Self::Unix(file, listener) => {
                // From here on nobody finds the way.
                drop(file);
                let accept = |listener: &std::os::unix::net::UnixListener| {
                    let (stream, _) = listener.accept()?;
                    stream.set_nonblocking(true)?;
                    of_unix(tokio::net::UnixStream::from_std(stream)?)
                };
                listener.into_std().map(|listener| all(|| accept(&listener))).unwrap_or_default()
            }
            Self::InProcess(listener) => listener.close().into_iter().map(of_process).collect(),
        }
    }
}

fn all<T>(accept: impl Fn() -> io::Result<T>) -> Vec<T> {
    std::iter::from_fn(|| accept().ok()).collect()
}

fn of_tcp(stream: std::net::TcpStream, address: SocketAddr, tls: Option<&Arc<Tls>>) -> (Stream, Peer) {
    // Over a socket for both versions of IP, version 4 comes in the clothes of 6.
    let canonical = |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
    let (address, local) = (Some(canonical(address)), stream.local_addr().ok().map(canonical));
    let peer = Peer { address, local, tls: tls.is_some(), ..Peer::of(Transport::Tcp) };
    let stream = match tls {
        Some(tls) => Stream::Tls(stream, Arc::clone(tls)),
        None => Stream::Tcp(stream),
    };
    (stream, peer)
}

fn of_unix(stream: tokio::net::UnixStream) -> io::Result<(Stream, Peer)> {
    let of = |who: tokio::net::unix::UCred| UnixCredentials { uid: who.uid(), gid: who.gid(), pid: who.pid() };
    let peer = Peer { unix: stream.peer_cred().ok().map(of), ..Peer::of(Transport::Unix) };
    Ok((Stream::Unix(stream.into_std()?), peer))
}

fn of_process(asked: campus_inprocess::Asked) -> (Stream, Peer) {
    (Stream::InProcess(asked), Peer::of(Transport::InProcess))
}
