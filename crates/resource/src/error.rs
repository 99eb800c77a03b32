//! What can go wrong, in the language of records.

use std::time::Duration;

use campus_store::StoreError;

use crate::rules::{Violation, Violations};

/// Why a call, or one item of a call, was not done. What each is called in gRPC and HTTP stands in `status`.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// The request breaks rules; every fault is listed.
    #[error("{}", summary(.0))]
    Invalid(Vec<Violation>),
    /// There is no record of that name.
    #[error("there is no {name}")]
    Missing {
        /// Type of the resource, for example `campus/Employee`.
        resource: String,
        /// Name that was asked for.
        name: String,
    },
    /// The name is taken.
    #[error("{name} exists already; choose another id, or update it")]
    Exists {
        /// Type of the resource.
        resource: String,
        /// Name that is taken.
        name: String,
    },
    /// Another record has the value of a field that must be unique.
    #[error("another record has the same {field}; no two may")]
    Taken {
        /// Type of the resource.
        resource: String,
        /// Name of the record that was to be written; empty if the server was to choose it.
        name: String,
        /// The field, for example `employee.email`.
        field: String,
    },
    /// The record is no longer the one whose etag was sent.
    #[error("{name} has changed since it was read; read it again and repeat the change on the new version")]
    Conflict {
        /// Type of the resource.
        resource: String,
        /// Name of the record.
        name: String,
        /// The etag it has now.
        etag: String,
    },
    /// Other writers were faster, again and again.
    #[error("{name} is being changed by many at once; try again")]
    Contended {
        /// Name of the record.
        name: String,
    },
    /// The changes after a resume token are no longer kept.
    #[error(
        "the changes after this resume_token are no longer kept; read all records again, then watch from a new token"
    )]
    Expired,
    /// More is waiting to be written than the service takes on.
    #[error("too many writes are waiting; try again later")]
    Overloaded {
        /// Time to wait at least.
        retry_after: Duration,
    },
    /// One call asks for more than is done at once; says what the limit is and what to do.
    #[error("{0}")]
    TooMuch(String),
    /// The disk is full.
    #[error("the storage of the service is full; nothing was written")]
    StorageFull,
    /// The storage cannot be reached or written now.
    #[error("the storage of the service cannot be used now ({reason}); nothing was changed, try again")]
    Unavailable {
        /// What is wrong, without paths or data.
        reason: &'static str,
    },
    /// The storage was lost while it wrote.
    #[error(
        "the storage of the service was lost during the write, and whether that was done is not known; \
         look before trying again, unless the request had a request_id"
    )]
    Unknown,
    /// The service is stopping.
    #[error("the service is stopping; try again, a stream from its last resume token")]
    Stopping,
    /// The storage is damaged.
    #[error("the storage of the service is damaged; restore it from a copy")]
    Corrupt,
    /// What the service has stored is gone.
    #[error("what this service has stored is gone from its database; it has to be restored from a copy")]
    Gone,
    /// The storage was lost during an import. What was written of it is found unchanged when it is sent again.
    #[error(
        "the storage of the service cannot be used now ({reason}); a part of the import may be stored, send it again"
    )]
    ImportCut {
        /// What is wrong, without paths or data.
        reason: &'static str,
    },
    /// A fault of the service itself.
    #[error("internal error; the service has logged it")]
    Internal,
}

impl Error {
    /// One violation of one field.
    pub fn invalid(field: impl Into<String>, description: impl Into<String>) -> Self {
        Self::Invalid(vec![Violation { field: field.into(), description: description.into() }])
    }
}

impl From<Violations> for Error {
    fn from(violations: Violations) -> Self {
        Self::Invalid(violations.into_vec())
    }
}

fn summary(violations: &[Violation]) -> String {
    let list: Vec<String> = violations.iter().map(ToString::to_string).collect();
    list.join("; ")
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Overloaded { retry_after } => Self::Overloaded { retry_after },
            StoreError::Full => Self::StorageFull,
            StoreError::ReadOnly(_) => Self::Unavailable { reason: "it is read-only" },
            StoreError::Locked => Self::Unavailable { reason: "another program holds it locked" },
            StoreError::Disk(_) => Self::Unavailable { reason: "its disk cannot be read or written" },
            StoreError::Unavailable(_) => Self::Unavailable { reason: "its database does not answer" },
            StoreError::Refused(_) => Self::Unavailable { reason: "its database refuses it" },
            StoreError::Gone(_) => Self::Gone,
            StoreError::Unknown => Self::Unknown,
            StoreError::Closed => Self::Stopping,
            StoreError::Corrupt => Self::Corrupt,
            StoreError::Compacted { .. } | StoreError::Future => Self::Expired,
            other => {
                tracing::error!(error = %other, "the store failed");
                Self::Internal
            }
        }
    }
}
