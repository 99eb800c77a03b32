//! One record of the input, on its way to the server.

use bytes::Bytes;
use csv::ByteRecord;

/// One record of the input.
#[derive(Debug)]
pub(crate) struct Row {
    /// The line on which it begins; the first is 1.
    pub(crate) line: u64,
    /// Bytes of the input up to its end.
    pub(crate) end: u64,
    /// The encoded record, or why it cannot be sent.
    pub(crate) record: Result<Bytes, String>,
    /// What stood in the input.
    pub(crate) original: Original,
}

/// What stood in the input, kept for the file of rejects.
#[derive(Debug, Clone)]
pub(crate) enum Original {
    /// Not kept.
    Dropped,
    /// The cells of a CSV record.
    Cells(ByteRecord),
    /// A JSON value, or what should have been one.
    Json(Vec<u8>),
}

impl Row {
    /// Bytes that it takes, roughly.
    pub(crate) fn size(&self) -> usize {
        let original = match &self.original {
            Original::Dropped => 0,
            Original::Cells(cells) => cells.as_slice().len(),
            Original::Json(text) => text.len(),
        };
        original + self.record.as_ref().map_or(0, Bytes::len)
    }
}
