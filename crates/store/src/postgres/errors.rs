//! The one table from PostgreSQL's codes (<https://www.postgresql.org/docs/current/errcodes-appendix.html>) to
//! [`StoreError`].

use tokio_postgres::Error;

use crate::StoreError;

/// Says what an error of PostgreSQL means to the caller of a store. What the server says in words is left out where it
/// can have contents of records in it.
pub(super) fn store_error(error: &Error) -> StoreError {
    let Some(failure) = error.as_db_error() else {
        return refused_here(error).unwrap_or_else(|| StoreError::Unavailable(cause(error)));
    };
    let code = failure.code().code();
    let class = code.get(..2).unwrap_or_default();
    match (class, code) {
        (_, "53100") => StoreError::Full,
        (_, "25006") => StoreError::ReadOnly(
            "look at default_transaction_read_only of the role and the database, and whether the server is a standby",
        ),
        ("40", _) | (_, "55P03" | "23505") => StoreError::Locked,
        (_, "57014") => StoreError::Unavailable("it took too long".to_owned()),
        (_, "42P01") => StoreError::Gone(failure.message().to_owned()),
        ("XX", "XX001" | "XX002") | (_, "42703") => StoreError::Corrupt,
        (_, "54000") => StoreError::Invalid("a value is too long for an index of the database".to_owned()),
        ("28" | "3D", _) | (_, "3F000" | "42501") => {
            StoreError::Refused(format!("{} (SQLSTATE {code}); {}", failure.message(), advice(code)))
        }
        // Connecting, resources, shutting down: no contents of records in these.
        ("08" | "42" | "53" | "57" | "58", _) => {
            StoreError::Unavailable(format!("{} (SQLSTATE {code})", failure.message()))
        }
        _ => StoreError::Internal(format!("the database answered with SQLSTATE {code}")),
    }
}

/// The same for one that came while a connection was set up, when there is no record yet that it could tell of.
pub(super) fn connect_error(error: &Error) -> StoreError {
    match (store_error(error), error.as_db_error()) {
        // A parameter of the address that the server does not know, or whose value it does not take.
        (_, Some(failure)) if ["0A000", "22023", "42601", "42704"].contains(&failure.code().code()) => {
            let (why, code) = (failure.message(), failure.code().code());
            StoreError::Refused(format!("{why} (SQLSTATE {code}); change the parameters in store.url"))
        }
        (StoreError::Internal(_), Some(failure)) => {
            StoreError::Unavailable(format!("{} (SQLSTATE {})", failure.message(), failure.code().code()))
        }
        (why, _) => why,
    }
}

fn advice(code: &str) -> &'static str {
    match code {
        "3D000" => "make the database, or name another in store.url",
        "3F000" | "42501" => {
            "grant the role of store.url USAGE and CREATE on the schema of store.schema, or let it own the tables in it"
        }
        _ => "check the role of store.url and its password (there, in store.password_file or in PGPASSWORD)",
    }
}

/// What does not work between this program and the server, whenever it is tried.
fn refused_here(error: &Error) -> Option<StoreError> {
    let source = std::error::Error::source(error)?;
    // The library tells its kinds of errors apart by their words alone.
    let refused = match error.to_string().as_str() {
        "invalid configuration" if source.to_string() == "password missing" => {
            "it asks for a password; give one in store.url, store.password_file or PGPASSWORD".to_owned()
        }
        "invalid configuration" | "authentication error" => format!("{}; change store.url", cause(error)),
        "error performing TLS handshake" if !source.is::<std::io::Error>() => {
            format!("{}; change sslmode in store.url", cause(error))
        }
        _ if is_tls(source) => format!("{}; see sslmode, sslrootcert and sslcert in store.url", cause(error)),
        _ => return None,
    };
    Some(StoreError::Refused(refused))
}

/// Whether the two ends do not trust or understand each other, other than by a connection that ended.
fn is_tls(error: &(dyn std::error::Error + 'static)) -> bool {
    let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()).is_some()
}

/// What the library says without what surrounds it.
pub(super) fn cause(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), cause)
}

/// Whether the same transaction may well succeed when it is tried again: another writer came in between.
pub(super) fn is_retryable(error: &Error) -> bool {
    let code = error.code().map(tokio_postgres::error::SqlState::code);
    // Serialization failure, deadlock, a key or unique value that was free a moment ago, a lock that was not.
    matches!(code, Some("40001" | "40P01" | "23505" | "55P03"))
}

/// Whether the connection is of no use any more.
pub(super) fn is_lost(error: &Error) -> bool {
    error.as_db_error().is_none_or(|failure| matches!(failure.severity(), "FATAL" | "PANIC"))
}
