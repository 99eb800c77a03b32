//! Gives each connection to the shard with the fewest, as long as there is room.

use super::{connection::refusal, shard::Link};
use crate::transport::{Port, Stream};
use campus_call::Peer;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};
use tokio::sync::Semaphore;

/// Where connections go. Clones share the room.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    pub(crate) shards: Vec<Link>,
    /// One permit for each connection there may be.
    pub(crate) free: Arc<Semaphore>,
    pub(crate) refused: Arc<AtomicU64>,
}

impl Places {
    /// Hands over a connection, or tells its client why not.
    pub(crate) fn give(&self, stream: Stream, peer: Arc<Peer>, port: Port) {
        let least = self.shards.iter().min_by_key(|link| link.shard.connections());
        let (Some(link), Ok(permit)) = (least, Arc::clone(&self.free).try_acquire_owned()) else {
            self.refused.fetch_add(1, Relaxed);
            tracing::debug!(client.address = %peer, "connection refused: too many");
            stream.say(&refusal(port));
            return;
        };
        if let Err(peer) = link.give(stream, peer, port, permit) {
            self.refused.fetch_add(1, Relaxed);
            tracing::warn!(client.address = %peer, "connection refused: the shard does not keep up");
        }
    }
}
