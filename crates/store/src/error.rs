use std::path::PathBuf;
use std::time::Duration;

/// Why a store could not do what it was asked. A write that ends in one of these has left nothing behind, except that
/// after [`StoreError::Disk`] a machine that stops at that very moment may find it done when it starts again, and
/// that after [`StoreError::Unknown`] nobody knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Too many writes are waiting.
    #[error("too many writes are waiting; try again in {} ms", retry_after.as_millis())]
    Overloaded {
        /// When the queue should have room again.
        retry_after: Duration,
    },
    /// The disk or the database is full.
    #[error("the disk is full; make room and try again")]
    Full,
    /// The database cannot be written; says what to do.
    #[error("the database is read-only; {0}")]
    ReadOnly(&'static str),
    /// Another process holds the database.
    #[error("another process holds the database locked; try again")]
    Locked,
    /// The database file is damaged, or is not the one that was opened.
    #[error("the database is damaged or was replaced; restore it from a backup")]
    Corrupt,
    /// Tables that were there are gone; says which.
    #[error("tables of the database are gone: {0}; restore them from a backup")]
    Gone(String),
    /// The machine could not read or write the database file.
    #[error("the database cannot be used: {0}")]
    Disk(String),
    /// The database is away, or does not answer in time.
    #[error("the database cannot be used: {0}")]
    Unavailable(String),
    /// The database refuses this program, and will whenever it is asked.
    #[error("the database refuses this program: {0}")]
    Refused(String),
    /// The database was lost, or did not answer in time, while it wrote: what was asked for is done, or it is not.
    #[error("the database was lost while it wrote; whether that was done is not known")]
    Unknown,
    /// The changes asked for are no longer kept.
    #[error("the change log starts at {oldest}; read the records again and follow from the newest position")]
    Compacted {
        /// The oldest change that is kept.
        oldest: u64,
    },
    /// The position asked for is newer than the newest change.
    #[error("the change log has not reached this position; it belongs to another database")]
    Future,
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// The caller asked for something the table cannot do.
    #[error("{0}")]
    Invalid(String),
    /// A fault of the store itself.
    #[error("internal error of the store: {0}")]
    Internal(String),
}

impl StoreError {
    /// Whether no later try helps unless somebody mends it.
    pub(crate) fn is_lasting(&self) -> bool {
        matches!(self, Self::Corrupt | Self::Gone(_) | Self::Refused(_))
    }
}

/// Why a store could not be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process, or another store of this one, has the database open.
    #[error("{} is in use by another process; stop it, or choose another file", path.display())]
    InUse {
        /// The database file.
        path: PathBuf,
    },
    /// A newer version of this program has written the database.
    #[error(
        "{} has schema version {found}, and this program knows versions up to {supported}; use a newer program",
        path.display()
    )]
    NewerSchema {
        /// The database file.
        path: PathBuf,
        /// The version the database has.
        found: u32,
        /// The newest version this program knows.
        supported: u32,
    },
    /// The file is something else.
    #[error("{} is not a Campus database; choose another file", path.display())]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// The file held a database and is empty now.
    #[error("{} is empty, and held records before; restore it from a backup, or remove it to begin anew", path.display())]
    Emptied {
        /// The file.
        path: PathBuf,
    },
    /// A column was declared unique, and records in the database share a value of it.
    #[error("{}: column {column} must be unique, but record {key} has the same value as another", path.display())]
    Duplicate {
        /// The database file.
        path: PathBuf,
        /// The name of the column.
        column: String,
        /// The key of one of the records.
        key: String,
    },
    /// The declaration of the table or a setting is wrong.
    #[error("{0}")]
    Invalid(String),
    /// Opening failed for a reason that can also stop a store later.
    #[error("{}: {source}", path.display())]
    Store {
        /// The database file.
        path: PathBuf,
        /// What went wrong.
        source: StoreError,
    },
}
