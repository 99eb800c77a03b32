use std::path::PathBuf;

use crate::DatabaseUrl;
use serde::{Deserialize, Serialize};

/// How a store keeps its data. Every setting has a default; durations and sizes carry their unit in the name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The database file. Made when it is missing; its folder must exist. Files of the same name with `-wal`, `-shm`
    /// and `.lock` appended stand beside it.
    pub path: PathBuf,
    /// How many operations may wait to be written before further writes are refused as overloaded.
    pub queue_ops: usize,
    /// How many MiB of bodies may wait to be written before further writes are refused as overloaded.
    pub queue_mib: usize,
    /// How many seconds a change stays in the change log. A watcher that was away for longer must start over.
    pub change_age_s: u64,
    /// How many changes the change log keeps at most; the oldest go first.
    pub change_rows: u64,
    /// How many milliseconds to wait for a lock that another process holds on the database.
    pub busy_timeout_ms: u64,
    /// How many queries that filter or order may run at once, each on a thread of its own.
    pub scan_readers: usize,
    /// How many MiB of the database each connection keeps in memory at most. There is one connection for each thread
    /// that reads, one for each of `scan_readers` at work, and one that writes.
    pub cache_mib: u32,
    /// Keeps the data in PostgreSQL, and not in the file.
    pub postgres: Option<PostgresConfig>,
}

/// Where and how a store keeps its data in PostgreSQL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PostgresConfig {
    /// The database.
    pub url: DatabaseUrl,
    /// A file with the password, read whenever a connection is made.
    pub password_file: Option<PathBuf>,
    /// The schema of the tables, made when it is missing: lower-case letters, digits and underscores, a letter first, and not `pg_`.
    pub schema: String,
    /// How many connections there may be: one that writes, one that follows the changes, two that short reads share,
    /// and the rest for a long read each.
    pub connections: usize,
    /// How many connections this process has to be allowed, with those of its other stores.
    pub all_connections: usize,
    /// How many milliseconds a connection may take to be made, and a call waits at most for one.
    pub connect_limit_ms: u64,
    /// How many milliseconds a statement may take when the call has no deadline that comes before.
    pub statement_limit_ms: u64,
}

impl PostgresConfig {
    /// Why a schema cannot have this name, if it cannot.
    #[must_use]
    pub fn schema_fault(name: &str) -> Option<&'static str> {
        let fits = name.len() <= 63
            && !name.starts_with("pg_")
            && name.starts_with(|first: char| first.is_ascii_lowercase())
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        (!fits).then_some(
            "it must be lower-case letters, digits and underscores, a letter first, at most 63, and not begin with pg_, \
             which is PostgreSQL's own",
        )
    }

    /// The defaults for a database.
    #[must_use]
    pub fn new(url: DatabaseUrl) -> Self {
        Self {
            url,
            password_file: None,
            schema: "public".to_owned(),
            connections: 8,
            all_connections: 8,
            connect_limit_ms: 5_000,
            statement_limit_ms: 30_000,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            path: PathBuf::from("campus.db"),
            queue_ops: 4096,
            queue_mib: 64,
            change_age_s: 7 * 24 * 60 * 60,
            change_rows: 10_000_000,
            busy_timeout_ms: 2_000,
            scan_readers: 4,
            cache_mib: 8,
            postgres: None,
        }
    }
}
