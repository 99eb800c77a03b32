use std::path::PathBuf;

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
        }
    }
}
