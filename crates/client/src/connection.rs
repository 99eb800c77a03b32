//! One connection of HTTP/2 to one server.

use std::io;

use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::{TcpStream, UnixStream};
use tonic::body::Body;

use crate::Address;

/// Connects, and drives the connection in the background until it ends.
pub(crate) async fn connect(address: &Address) -> io::Result<SendRequest<Body>> {
    match address {
        Address::Tcp(address) => {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            handshake(TokioIo::new(stream)).await
        }
        Address::Unix(path) => handshake(TokioIo::new(UnixStream::connect(path).await?)).await,
        Address::InProcess(name) => handshake(TokioIo::new(campus_inprocess::connect(name).await?)).await,
    }
}

async fn handshake<I>(io: I) -> io::Result<SendRequest<Body>>
where
    I: hyper::rt::Read + hyper::rt::Write + Send + Unpin + 'static,
{
    let mut builder = Builder::new(TokioExecutor::new());
    let (sender, connection) = builder.timer(TokioTimer::new()).handshake(io).await.map_err(io::Error::other)?;
    tokio::spawn(connection);
    Ok(sender)
}
