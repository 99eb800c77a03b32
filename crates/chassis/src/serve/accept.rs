//! The accept loop.

use super::Places;
use crate::{run::Closed, transport::Stream};
use campus_call::{Peer, Transport};
use std::{io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::net::{TcpListener, TcpStream};

/// Pause after a failure that the next attempt would meet again, such as too many open files.
const PAUSE: Duration = Duration::from_millis(100);

/// Accepts until it is told to stop, and then what the kernel has accepted already: those clients believe they are
/// connected.
pub(crate) async fn accept(listener: TcpListener, places: Places, mut closed: Closed) {
    let mut failing = false;
    loop {
        let accepted = tokio::select! {
            biased;
            _ = &mut closed => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                failing = false;
                place(&places, stream, peer);
            }
            Err(error) if of_one_connection(&error) => {}
            Err(error) => {
                if !std::mem::replace(&mut failing, true) {
                    tracing::error!(%error, "no connection can be accepted; trying on");
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    // Asked without the event loop, which may not have heard of the last ones yet.
    let waiting =
        listener.into_std().into_iter().flat_map(|listener| std::iter::from_fn(move || listener.accept().ok()));
    for (stream, peer) in waiting {
        match stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream)) {
            Ok(stream) => place(&places, stream, peer),
            Err(error) => tracing::debug!(client.address = %peer, %error, "connection lost before it was served"),
        }
    }
}

fn of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

fn place(places: &Places, stream: TcpStream, peer: SocketAddr) {
    match stream.set_nodelay(true).and_then(|()| stream.into_std()) {
        Ok(stream) => {
            let from = Peer { address: Some(peer), ..Peer::of(Transport::Tcp) };
            places.give(Stream::Tcp(stream), Arc::new(from));
        }
        Err(error) => tracing::debug!(client.address = %peer, %error, "connection lost before it was served"),
    }
}
