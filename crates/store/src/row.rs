use std::fmt;

use bytes::{Bytes, BytesMut};

/// A stored record without its key.
#[derive(Clone, PartialEq, Eq)]
pub struct Row {
    /// The version given with the last write.
    pub version: u64,
    /// The body as it was last written.
    pub body: Bytes,
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Row {{ version: {}, body: {} bytes }}", self.version, self.body.len())
    }
}

/// Records that were read together. Their bodies lie one after the other in one piece of memory.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Rows {
    keys: String,
    bodies: Bytes,
    entries: Vec<Entry>,
}

/// Where a record ends in `keys` and `bodies`; it starts where the one before it ends.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Entry {
    key_end: usize,
    body_end: usize,
    version: u64,
}

/// One record of [`Rows`].
#[derive(Clone, PartialEq, Eq)]
pub struct RowRef<'a> {
    /// The key of the record.
    pub key: &'a str,
    /// The version given with the last write.
    pub version: u64,
    /// The body: a slice of the memory that all bodies of these rows share.
    pub body: Bytes,
}

impl Rows {
    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The bodies of all records, one after the other without anything between them.
    #[must_use]
    pub fn bodies(&self) -> &Bytes {
        &self.bodies
    }

    /// The records in the order they were read.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = RowRef<'_>> {
        let mut last = Entry::default();
        self.entries.iter().map(move |entry| {
            let row = RowRef {
                key: self.keys.get(last.key_end..entry.key_end).unwrap_or_default(),
                version: entry.version,
                body: self.bodies.slice(last.body_end..entry.body_end),
            };
            last = *entry;
            row
        })
    }
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rows {{ {} records, {} bytes }}", self.entries.len(), self.bodies.len())
    }
}

impl fmt::Debug for RowRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RowRef {{ key: {:?}, version: {}, body: {} bytes }}", self.key, self.version, self.body.len())
    }
}

/// Gathers [`Rows`].
pub(crate) struct RowsBuilder {
    keys: String,
    bodies: BytesMut,
    entries: Vec<Entry>,
}

impl RowsBuilder {
    /// With room for so many records of a usual size.
    pub(crate) fn with_capacity(rows: usize) -> Self {
        Self {
            keys: String::with_capacity(rows * 24),
            bodies: BytesMut::with_capacity(rows * 160),
            entries: Vec::with_capacity(rows),
        }
    }

    pub(crate) fn push(&mut self, key: &str, version: u64, body: &[u8]) {
        self.keys.push_str(key);
        self.bodies.extend_from_slice(body);
        self.entries.push(Entry { key_end: self.keys.len(), body_end: self.bodies.len(), version });
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Bytes of keys and bodies so far.
    pub(crate) fn bytes(&self) -> usize {
        self.keys.len() + self.bodies.len()
    }

    pub(crate) fn last_key(&self) -> Option<&str> {
        let start = self.entries.iter().rev().nth(1).map_or(0, |entry| entry.key_end);
        self.entries.last().and_then(|last| self.keys.get(start..last.key_end))
    }

    pub(crate) fn finish(self) -> Rows {
        Rows { keys: self.keys, bodies: self.bodies.freeze(), entries: self.entries }
    }
}
