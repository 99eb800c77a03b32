use std::fmt;

use bytes::Bytes;

/// One entry of the change log.
#[derive(Clone, PartialEq, Eq)]
pub struct Change {
    /// Its place in the log: 1 for the first, each one more than the one before, never used again.
    pub position: u64,
    /// What happened.
    pub kind: ChangeKind,
    /// The key of the record.
    pub key: String,
    /// When it was written, in nanoseconds since 1970 UTC. Never less than that of the change before.
    pub at: i64,
    /// The body as the change left it; for a deletion, the last one.
    pub body: Bytes,
    /// The body before the change; `None` for a creation.
    pub previous: Option<Bytes>,
}

/// What a [`Change`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    /// The record is new.
    Created,
    /// The record was replaced.
    Updated,
    /// The record is gone.
    Deleted,
}

impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { position, kind, key, .. } = self;
        write!(f, "Change {{ position: {position}, kind: {kind:?}, key: {key:?} }}")
    }
}
