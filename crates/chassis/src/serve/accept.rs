//! The accept loop: each connection goes to the shard with the fewest.

use super::{connection::refuse, shard::Link};
use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};

/// Pause after a failure that the next attempt would meet again, such as too many open files.
const PAUSE: Duration = Duration::from_millis(100);

/// What the accept loop needs.
pub(crate) struct Acceptor {
    pub(crate) listener: TcpListener,
    pub(crate) shards: Vec<Link>,
    /// One permit for each connection there may be.
    pub(crate) places: Arc<Semaphore>,
    pub(crate) refused: Arc<AtomicU64>,
}

/// Accepts until it is dropped.
pub(crate) async fn accept(acceptor: Acceptor) {
    let mut failing = false;
    loop {
        match acceptor.listener.accept().await {
            Ok((stream, peer)) => {
                failing = false;
                acceptor.place(stream, peer);
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
}

fn of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

impl Acceptor {
    fn place(&self, stream: TcpStream, peer: SocketAddr) {
        let least = self.shards.iter().min_by_key(|link| link.shard.traffic.open.load(Relaxed));
        let (Some(link), Ok(permit)) = (least, Arc::clone(&self.places).try_acquire_owned()) else {
            self.refused.fetch_add(1, Relaxed);
            tracing::debug!(client.address = %peer, "connection refused: too many");
            // The client may be gone already; then nobody is left to tell.
            let _ = refuse(&stream);
            return;
        };
        let handed = stream.set_nodelay(true).and_then(|()| stream.into_std());
        match handed.map(|stream| link.give(stream, peer, permit)) {
            Ok(true) => {}
            Ok(false) => {
                self.refused.fetch_add(1, Relaxed);
                tracing::warn!(client.address = %peer, "connection refused: the shard does not keep up");
            }
            Err(error) => tracing::debug!(client.address = %peer, %error, "connection lost before it was served"),
        }
    }
}
