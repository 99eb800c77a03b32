//! The one table from PostgreSQL's codes (<https://www.postgresql.org/docs/current/errcodes-appendix.html>) to
//! [`StoreError`].

use tokio_postgres::Error;

use super::address::cause;
use crate::StoreError;

/// Says what an error of PostgreSQL means to the caller of a store. What the server says in words is left out where it
/// can have contents of records in it.
pub(super) fn store_error(error: &Error) -> StoreError {
    let Some(failure) = error.as_db_error() else {
        return StoreError::Unavailable(cause(error));
    };
    let code = failure.code().code();
    let class = code.get(..2).unwrap_or_default();
    match (class, code) {
        (_, "53100") => StoreError::Full,
        (_, "25006") => StoreError::ReadOnly,
        ("40", _) | (_, "55P03" | "23505") => StoreError::Locked,
        (_, "57014") => StoreError::Unavailable("the database took too long".to_owned()),
        ("XX", "XX001" | "XX002") | (_, "42P01" | "42703" | "3F000") => StoreError::Corrupt,
        (_, "54000") => StoreError::Invalid("a value is too long for an index of the database".to_owned()),
        // Connecting, roles, resources, shutting down: no contents of records in these.
        ("08" | "28" | "3D" | "42" | "53" | "57" | "58", _) => {
            StoreError::Unavailable(format!("{} (SQLSTATE {code})", failure.message()))
        }
        _ => StoreError::Internal(format!("the database answered with SQLSTATE {code}")),
    }
}

/// Whether the same transaction may well succeed when it is tried again: another writer came in between.
pub(super) fn is_retryable(error: &Error) -> bool {
    let code = error.code().map(tokio_postgres::error::SqlState::code);
    // Serialization failure, deadlock, a key or unique value that was free a moment ago, a lock that was not.
    matches!(code, Some("40001" | "40P01" | "23505" | "55P03"))
}

/// Whether no later try will help: the role, its password or the database do not exist, or the server refuses it.
pub(super) fn is_lasting(error: &Error) -> bool {
    let code = error.code().map(tokio_postgres::error::SqlState::code).unwrap_or_default();
    code.starts_with("28") || matches!(code, "3D000" | "42501" | "0A000")
}

/// Whether the connection is of no use any more.
pub(super) fn is_lost(error: &Error) -> bool {
    error.as_db_error().is_none_or(|failure| matches!(failure.severity(), "FATAL" | "PANIC"))
}
