use std::fmt;

use bytes::Bytes;

use crate::{Row, Value};

/// One change to one record.
#[derive(Clone, PartialEq, Eq)]
pub enum Op {
    /// Writes a record.
    Put {
        /// The key of the record; not empty.
        key: String,
        /// What must be there for the write to happen.
        expect: Expect,
        /// The version the record has after the write.
        version: u64,
        /// The body of the record.
        body: Bytes,
        /// One value for each column of the table.
        values: Vec<Value>,
        /// Makes a repetition of this write answer as the first one did, for at least 24 hours.
        request: Option<RequestId>,
    },
    /// Removes a record.
    Delete {
        /// The key of the record.
        key: String,
        /// The version it must have; `None` for any.
        expect: Option<u64>,
    },
}

/// What a [`Op::Put`] needs to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// No record of that key.
    Absent,
    /// A record of that key with this version.
    Version(u64),
    /// Anything: what is there is replaced.
    Any,
}

/// Names a request, so that its repetition is known as one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId {
    /// Chosen by the client, unique within the table.
    pub id: String,
    /// A digest of what the request asked for.
    pub digest: u128,
}

/// What became of an [`Op`].
#[derive(Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The record is new.
    Created,
    /// The record was replaced.
    Updated,
    /// The record is gone.
    Deleted,
    /// Nothing done: there is no record of that key.
    Missing,
    /// Nothing done: no record was expected, and this one is there.
    Exists(Row),
    /// Nothing done: the record has another version, and is this one.
    Conflict(Row),
    /// Nothing done: another record has the value of this unique column.
    Taken {
        /// Index into the columns of the table.
        column: usize,
    },
    /// Nothing done: the same request was done before and wrote this body.
    Repeated(Bytes),
    /// Nothing done: the request id was used before, for another request.
    RequestReused,
}

impl fmt::Debug for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Put { key, expect, version, body, .. } => {
                write!(f, "Put {{ key: {key:?}, expect: {expect:?}, version: {version}, body: {} bytes }}", body.len())
            }
            Self::Delete { key, expect } => write!(f, "Delete {{ key: {key:?}, expect: {expect:?} }}"),
        }
    }
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Created => f.write_str("Created"),
            Self::Updated => f.write_str("Updated"),
            Self::Deleted => f.write_str("Deleted"),
            Self::Missing => f.write_str("Missing"),
            Self::Exists(row) => write!(f, "Exists({row:?})"),
            Self::Conflict(row) => write!(f, "Conflict({row:?})"),
            Self::Taken { column } => write!(f, "Taken {{ column: {column} }}"),
            Self::Repeated(body) => write!(f, "Repeated({} bytes)", body.len()),
            Self::RequestReused => f.write_str("RequestReused"),
        }
    }
}
