//! How many bytes the server holds for its calls: request messages that are not whole yet or were just unpacked, and
//! replies that their clients do not take. Each connection has a share, so that no client takes all.

use crate::status;
use bytes::Bytes;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};
use tonic::Status;

/// Smaller replies are not counted: a connection can hold as many as it may have calls.
const SMALL: usize = 4 << 10;

/// The bytes of the whole server.
#[derive(Debug)]
pub(crate) struct Buffers {
    max: u64,
    held: AtomicU64,
    refused: AtomicU64,
}

impl Buffers {
    pub(crate) fn new(max: u64) -> Arc<Self> {
        Arc::new(Self { max, held: AtomicU64::new(0), refused: AtomicU64::new(0) })
    }

    pub(crate) fn held(&self) -> u64 {
        self.held.load(Relaxed)
    }

    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }
}

/// The bytes of one connection: at most half of all.
#[derive(Debug)]
pub(crate) struct Share {
    server: Arc<Buffers>,
    held: AtomicU64,
}

impl Share {
    pub(crate) fn new(server: &Arc<Buffers>) -> Arc<Self> {
        Arc::new(Self { server: Arc::clone(server), held: AtomicU64::new(0) })
    }

    fn take(&self, bytes: u64) -> Result<(), Status> {
        let add = |max: u64| move |held: u64| held.checked_add(bytes).filter(|sum| *sum <= max);
        let max = self.server.max;
        let taken = self.held.fetch_update(Relaxed, Relaxed, add(max / 2)).is_ok();
        if taken && self.server.held.fetch_update(Relaxed, Relaxed, add(max)).is_ok() {
            return Ok(());
        }
        if taken {
            self.held.fetch_sub(bytes, Relaxed);
        }
        self.server.refused.fetch_add(1, Relaxed);
        Err(status::buffers_full())
    }

    fn give(&self, bytes: u64) {
        self.held.fetch_sub(bytes, Relaxed);
        self.server.held.fetch_sub(bytes, Relaxed);
    }

    /// Counts a reply's bytes until they are on the wire.
    ///
    /// # Errors
    /// RESOURCE_EXHAUSTED when there is no room for them.
    pub(crate) fn until_sent(self: &Arc<Self>, bytes: Bytes) -> Result<Bytes, Status> {
        if bytes.len() < SMALL {
            return Ok(bytes);
        }
        let mut held = Held::nothing(self);
        held.hold(bytes.len())?;
        Ok(Bytes::from_owner(Sent { bytes, _held: held }))
    }
}

/// Bytes that are given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Held {
    share: Arc<Share>,
    bytes: u64,
}

impl Held {
    pub(crate) fn nothing(share: &Arc<Share>) -> Self {
        Self { share: Arc::clone(share), bytes: 0 }
    }

    /// From now on holds `bytes` in all.
    ///
    /// # Errors
    /// RESOURCE_EXHAUSTED when there is no room for them; then it holds what it held.
    pub(crate) fn hold(&mut self, bytes: usize) -> Result<(), Status> {
        let bytes = bytes as u64;
        if bytes > self.bytes {
            self.share.take(bytes - self.bytes)?;
        } else if bytes < self.bytes {
            self.share.give(self.bytes - bytes);
        }
        self.bytes = bytes;
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.share.give(self.bytes);
        }
    }
}

struct Sent {
    bytes: Bytes,
    _held: Held,
}

impl AsRef<[u8]> for Sent {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_holds_half_at_most_and_the_server_no_more_than_all() {
        let server = Buffers::new(100);
        let shares = [(); 3].map(|()| Share::new(&server));
        let mut held = shares.each_ref().map(Held::nothing);
        held[0].hold(50).unwrap();
        held[0].hold(51).unwrap_err();
        held[1].hold(40).unwrap();
        held[2].hold(11).unwrap_err();
        held[2].hold(10).unwrap();
        assert_eq!((server.held(), server.refused()), (100, 2));
        held[1].hold(1).unwrap();
        assert_eq!(server.held(), 61);
        drop(held);
        assert_eq!(server.held(), 0);
    }

    #[test]
    fn a_reply_counts_until_the_last_of_its_bytes_is_gone() {
        let server = Buffers::new(1 << 20);
        let share = Share::new(&server);
        let mut sent = share.until_sent(vec![7; SMALL].into()).unwrap();
        let rest = sent.split_off(1);
        assert_eq!((sent.len() + rest.len(), server.held()), (SMALL, SMALL as u64));
        drop(sent);
        assert_eq!(server.held(), SMALL as u64);
        drop(rest);
        assert_eq!(server.held(), 0);
        let _small = share.until_sent(vec![7; SMALL - 1].into()).unwrap();
        assert_eq!(server.held(), 0);
    }
}
