//! How many calls run at once on the whole server, by class. The shards draw places from the server in blocks, so that a
//! call touches memory that no other thread writes to.

use std::sync::{
    Arc,
    atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
};

/// What calls count as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// One message each way.
    Unary,
    /// Any number of messages on a side.
    Stream,
    /// Health and reflection: always let in.
    System,
}

impl Class {
    pub(crate) const ALL: [Self; 3] = [Self::Unary, Self::Stream, Self::System];

    /// As the label `class` has it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Unary => "unary",
            Self::Stream => "stream",
            Self::System => "system",
        }
    }
}

/// The places of one class on the whole server.
#[derive(Debug)]
pub(crate) struct Places {
    max: u32,
    free: AtomicU32,
    refused: AtomicU64,
}

/// The places of all that has a limit.
#[derive(Debug)]
pub(crate) struct Admission {
    unary: Arc<Places>,
    stream: Arc<Places>,
    /// Of requests that are no gRPC.
    web: Arc<Places>,
}

/// What one shard holds of the places of a class.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Desk {
    places: Arc<Places>,
    spare: AtomicU32,
    /// Places drawn at once. Shards never keep more than a 32nd of all from each other.
    block: u32,
}

impl Places {
    fn new(max: u32) -> Arc<Self> {
        Arc::new(Self { max, free: AtomicU32::new(max), refused: AtomicU64::new(0) })
    }

    fn draw(&self, wanted: u32) -> u32 {
        let take = |free: u32| (free > 0).then(|| free.saturating_sub(wanted));
        self.free.fetch_update(Relaxed, Relaxed, take).map_or(0, |free| free.min(wanted))
    }
}

impl Admission {
    pub(crate) fn new(max_unary: u32, max_stream: u32, max_web: u32) -> Arc<Self> {
        let [unary, stream, web] = [max_unary, max_stream, max_web].map(Places::new);
        Arc::new(Self { unary, stream, web })
    }

    fn places(&self, class: Class) -> Option<&Arc<Places>> {
        match class {
            Class::Unary => Some(&self.unary),
            Class::Stream => Some(&self.stream),
            Class::System => None,
        }
    }

    /// The desk of one out of `shards` shards; none for a class without a limit.
    pub(crate) fn desk(&self, class: Class, shards: usize) -> Option<Arc<Desk>> {
        Some(Desk::new(self.places(class)?, shards))
    }

    /// The desk of one shard for requests that are no gRPC.
    pub(crate) fn web_desk(&self, shards: usize) -> Arc<Desk> {
        Desk::new(&self.web, shards)
    }

    /// Requests that are no gRPC and were refused.
    pub(crate) fn web_refused(&self) -> u64 {
        self.web.refused.load(Relaxed)
    }

    /// Calls of this class that were refused.
    pub(crate) fn refused(&self, class: Class) -> u64 {
        self.places(class).map_or(0, |places| places.refused.load(Relaxed))
    }
}

impl Desk {
    fn new(places: &Arc<Places>, shards: usize) -> Arc<Self> {
        let shards = u32::try_from(shards).unwrap_or(u32::MAX);
        let block = (places.max / shards.saturating_mul(64)).min(64);
        Arc::new(Self { places: Arc::clone(places), spare: AtomicU32::new(0), block })
    }

    /// Takes a place for one call, if there is one.
    pub(crate) fn admit(&self) -> bool {
        if self.spare.fetch_update(Relaxed, Relaxed, |spare| spare.checked_sub(1)).is_ok() {
            return true;
        }
        match self.places.draw(self.block + 1) {
            0 => {
                self.places.refused.fetch_add(1, Relaxed);
                false
            }
            drawn => {
                self.spare.fetch_add(drawn - 1, Relaxed);
                true
            }
        }
    }

    /// Gives the place of one call back.
    pub(crate) fn leave(&self) {
        let keep = |spare: u32| (spare < self.block * 2).then_some(spare + 1);
        if self.spare.fetch_update(Relaxed, Relaxed, keep).is_err() {
            self.places.free.fetch_add(1, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_limit_is_exact_however_many_shards_there_are() {
        let admission = Admission::new(1000, 10, 1);
        let desks: Vec<_> = (0..8).filter_map(|_| admission.desk(Class::Stream, 8)).collect();
        assert_eq!((0..20).filter(|n| desks[n % 8].admit()).count(), 10);
        assert_eq!(admission.refused(Class::Stream), 10);
        desks[0].leave();
        assert!(desks[7].admit());
        assert!(!desks[7].admit());
    }

    #[test]
    fn no_more_than_the_limit_is_let_in_and_what_idle_shards_keep_is_little() {
        let admission = Admission::new(10_000, 1, 1);
        let desks: Vec<_> = (0..8).filter_map(|_| admission.desk(Class::Unary, 8)).collect();
        assert_eq!((0..20_000).filter(|n| desks[n % 8].admit()).count(), 10_000);
        // All leave: every desk keeps what it may.
        (0..10_000).for_each(|n| desks[n % 8].leave());
        let alone = (0..20_000).filter(|_| desks[0].admit()).count();
        assert!((10_000 - 10_000 / 32..=10_000).contains(&alone), "{alone}");
    }

    #[test]
    fn health_has_no_limit() {
        assert!(Admission::new(1, 1, 1).desk(Class::System, 1).is_none());
    }
}
