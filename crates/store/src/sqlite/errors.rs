//! The one table from SQLite's result codes (<https://sqlite.org/rescode.html>) to [`StoreError`].

use rusqlite::{Error, ffi};

use crate::StoreError;

pub(super) const READ_ONLY: StoreError = StoreError::ReadOnly("check the permissions of its file and folder");

/// Says what an error of SQLite means to the caller of a store.
pub(super) fn store_error(error: &Error) -> StoreError {
    match error {
        Error::SqliteFailure(failure, _) => from_code(failure.extended_code),
        Error::SqlInputError { error, .. } => from_code(error.extended_code),
        // A row that holds something else than the store ever wrote.
        Error::FromSqlConversionFailure(..)
        | Error::IntegralValueOutOfRange(..)
        | Error::Utf8Error(..)
        | Error::InvalidColumnType(..)
        | Error::QueryReturnedNoRows => StoreError::Corrupt,
        other => StoreError::Internal(other.to_string()),
    }
}

fn from_code(extended: i32) -> StoreError {
    match extended {
        ffi::SQLITE_READONLY_DBMOVED | ffi::SQLITE_IOERR_CORRUPTFS | ffi::SQLITE_IOERR_DATA => {
            return StoreError::Corrupt;
        }
        _ => {}
    }
    match extended & 0xff {
        ffi::SQLITE_FULL => StoreError::Full,
        ffi::SQLITE_READONLY => READ_ONLY,
        ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED | ffi::SQLITE_PROTOCOL => StoreError::Locked,
        ffi::SQLITE_CORRUPT | ffi::SQLITE_NOTADB | ffi::SQLITE_FORMAT => StoreError::Corrupt,
        ffi::SQLITE_IOERR | ffi::SQLITE_CANTOPEN | ffi::SQLITE_NOMEM | ffi::SQLITE_PERM | ffi::SQLITE_NOLFS => {
            StoreError::Disk(describe(extended))
        }
        _ => StoreError::Internal(describe(extended)),
    }
}

fn describe(extended: i32) -> String {
    format!("{} (SQLite code {extended})", ffi::code_to_str(extended))
}

/// Whether a statement was refused because a value of a primary key or unique index is there already.
pub(super) fn is_taken(error: &Error) -> bool {
    let code = error.sqlite_error().map(|failure| failure.extended_code);
    matches!(code, Some(ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_sqlite_becomes_its_error() {
        let disk = |code| StoreError::Disk(describe(code));
        let internal = |code| StoreError::Internal(describe(code));
        let table = [
            (ffi::SQLITE_FULL, StoreError::Full),
            (ffi::SQLITE_READONLY, READ_ONLY),
            (ffi::SQLITE_READONLY_DIRECTORY, READ_ONLY),
            (ffi::SQLITE_READONLY_DBMOVED, StoreError::Corrupt),
            (ffi::SQLITE_BUSY, StoreError::Locked),
            (ffi::SQLITE_BUSY_SNAPSHOT, StoreError::Locked),
            (ffi::SQLITE_LOCKED, StoreError::Locked),
            (ffi::SQLITE_PROTOCOL, StoreError::Locked),
            (ffi::SQLITE_CORRUPT, StoreError::Corrupt),
            (ffi::SQLITE_CORRUPT_INDEX, StoreError::Corrupt),
            (ffi::SQLITE_NOTADB, StoreError::Corrupt),
            (ffi::SQLITE_FORMAT, StoreError::Corrupt),
            (ffi::SQLITE_IOERR_DATA, StoreError::Corrupt),
            (ffi::SQLITE_IOERR_CORRUPTFS, StoreError::Corrupt),
            (ffi::SQLITE_IOERR, disk(ffi::SQLITE_IOERR)),
            (ffi::SQLITE_IOERR_FSYNC, disk(ffi::SQLITE_IOERR_FSYNC)),
            (ffi::SQLITE_CANTOPEN, disk(ffi::SQLITE_CANTOPEN)),
            (ffi::SQLITE_NOMEM, disk(ffi::SQLITE_NOMEM)),
            (ffi::SQLITE_PERM, disk(ffi::SQLITE_PERM)),
            (ffi::SQLITE_NOLFS, disk(ffi::SQLITE_NOLFS)),
            (ffi::SQLITE_ERROR, internal(ffi::SQLITE_ERROR)),
            (ffi::SQLITE_MISUSE, internal(ffi::SQLITE_MISUSE)),
            (ffi::SQLITE_CONSTRAINT_NOTNULL, internal(ffi::SQLITE_CONSTRAINT_NOTNULL)),
        ];
        for (code, expected) in table {
            assert_eq!(store_error(&Error::SqliteFailure(ffi::Error::new(code), None)), expected, "code {code}");
        }
    }

    #[test]
    fn a_row_of_the_wrong_type_is_a_damaged_file() {
        let error = Error::InvalidColumnType(1, "version".to_owned(), rusqlite::types::Type::Text);
        assert_eq!(store_error(&error), StoreError::Corrupt);
    }

    #[test]
    fn only_uniqueness_counts_as_taken() {
        let of = |code| Error::SqliteFailure(ffi::Error::new(code), None);
        assert!(is_taken(&of(ffi::SQLITE_CONSTRAINT_UNIQUE)));
        assert!(is_taken(&of(ffi::SQLITE_CONSTRAINT_PRIMARYKEY)));
        assert!(!is_taken(&of(ffi::SQLITE_CONSTRAINT_NOTNULL)));
        assert!(!is_taken(&of(ffi::SQLITE_FULL)));
    }
}
