//! The database file: who may open it, whether it still is the one that was opened, and how a connection is set up.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags, config::DbConfig, ffi};

use super::errors::READ_ONLY;
use crate::{Config, OpenError, StoreError};

/// How long a read on an event loop waits for a lock. Readers of a write-ahead log meet one only in rare moments.
const READ_BUSY: Duration = Duration::from_millis(100);
/// The longest wait that can be set.
const MOST_BUSY: Duration = Duration::from_secs(3600);
/// Statements kept ready on one connection.
const STATEMENTS: usize = 64;
/// The largest cache that SQLite can be told of.
const MOST_CACHE_MIB: u32 = 1 << 20;
/// The write-ahead log is cut back to this many bytes when it starts over.
const WAL_KEEP: i64 = 64 << 20;

/// What a connection is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Writer,
    /// Called in place on an event loop.
    Reader,
    /// Called on a thread that may wait.
    Scanner,
}

pub(super) struct DatabaseFile {
    path: PathBuf,
    busy: Duration,
    cache_mib: u32,
    identity: Mutex<Option<Identity>>,
    made: AtomicBool,
}

/// What tells a file from another one at the same path.
type Identity = (u64, u64);

impl DatabaseFile {
    /// Takes the lock and makes the file when it is missing. The lock holds until the returned file is dropped.
    pub(super) fn open(config: &Config) -> Result<(Self, File), OpenError> {
        let path = resolve(&config.path).map_err(|error| unavailable(&config.path, &error))?;
        let busy = Duration::from_millis(config.busy_timeout_ms).min(MOST_BUSY);
        let lock = lock(&path, busy)?;
        // SQLite takes an empty file for a new database. One that had been made lost what it held.
        if is_empty(&path) && lock.metadata().is_ok_and(|lock| lock.len() > 0) {
            return Err(OpenError::Emptied { path });
        }
        match private().create_new(true).open(&path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(unavailable(&path, &error)),
            _ => {}
        }
        let identity = Mutex::new(identity(&path));
        Ok((Self { path, busy, cache_mib: config.cache_mib, identity, made: AtomicBool::new(false) }, lock))
    }

    /// Notes, also in the file of the lock, that the database is made.
    pub(super) fn made(&self, mut lock: &File) {
        self.made.store(true, Ordering::Relaxed);
        if lock.metadata().is_ok_and(|lock| lock.len() == 0) {
            // Without the note, an empty file is taken for a new one.
            let _ = lock.write_all(b"made\n");
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn connect(&self, role: Role) -> rusqlite::Result<Connection> {
        if self.made.load(Ordering::Relaxed) && is_empty(&self.path) {
            // Opening it would make it a new database.
            return Err(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_CORRUPT), None));
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        connection.busy_timeout(if role == Role::Reader { READ_BUSY } else { self.busy })?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        // A plan that looked at the parameters would be made anew for each call.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        // Below zero, the figure is in KiB. The file is not mapped into memory: that would save a microsecond where the
        // cache does not hold it, but counts as memory in use, and a file cut short would end the process.
        connection.pragma_update(None, "cache_size", -1024 * i64::from(self.cache_mib.min(MOST_CACHE_MIB)))?;
        connection.pragma_update(None, "temp_store", "memory")?;
        if role == Role::Writer {
            let mode: String = connection.query_row("PRAGMA journal_mode = wal", [], |row| row.get(0))?;
            if mode != "wal" {
                return Err(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_CANTOPEN), None));
            }
            connection.pragma_update(None, "synchronous", "full")?;
            connection.pragma_update(None, "wal_autocheckpoint", 0)?;
            connection.pragma_update(None, "journal_size_limit", WAL_KEEP)?;
        } else {
            connection.pragma_update(None, "query_only", true)?;
        }
        Ok(connection)
    }

    /// Whether another file stands at the path than the one known.
    pub(super) fn is_other(&self) -> Result<bool, StoreError> {
        let now = self.present()?;
        Ok(*self.known() != Some(now))
    }

    /// Like [`DatabaseFile::is_other`], and takes the file that is there as the known one from now on.
    pub(super) fn take_other(&self) -> Result<bool, StoreError> {
        let now = self.present();
        let before = std::mem::replace(&mut *self.known(), now.as_ref().ok().copied());
        Ok(before != Some(now?))
    }

    /// The file at the path. Without one, what is written to the file that was there is lost.
    fn present(&self) -> Result<Identity, StoreError> {
        identity(&self.path).ok_or_else(|| StoreError::Disk(format!("{} is gone", self.path.display())))
    }

    fn known(&self) -> MutexGuard<'_, Option<Identity>> {
        self.identity.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The path without links, so that one file has one lock.
fn resolve(path: &Path) -> io::Result<PathBuf> {
    match path.canonicalize() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let folder = match path.parent() {
                Some(folder) if !folder.as_os_str().is_empty() => folder,
                _ => Path::new("."),
            };
            let name = path.file_name().ok_or(io::ErrorKind::IsADirectory)?;
            Ok(folder.canonicalize()?.join(name))
        }
        found => found,
    }
}

fn lock(path: &Path, patience: Duration) -> Result<File, OpenError> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".lock");
    let file = private().create(true).open(&beside).map_err(|error| unavailable(path, &error))?;
    let deadline = Instant::now() + patience;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            // The one before us may be about to end.
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                std::thread::park_timeout(Duration::from_millis(10));
            }
            Err(TryLockError::WouldBlock) => return Err(OpenError::InUse { path: path.to_owned() }),
            Err(TryLockError::Error(error)) => return Err(unavailable(path, &error)),
        }
    }
}

/// Opens for writing; what is made is for its owner alone.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn unavailable(path: &Path, error: &io::Error) -> OpenError {
    let source = match error.kind() {
        io::ErrorKind::NotFound => StoreError::Disk("its folder does not exist; make it first".to_owned()),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => READ_ONLY,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full,
        _ => StoreError::Disk(error.to_string()),
    };
    OpenError::Store { path: path.to_owned(), source }
}

fn is_empty(path: &Path) -> bool {
    path.metadata().is_ok_and(|file| file.len() == 0)
}

#[cfg(unix)]
fn identity(path: &Path) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt;
    path.metadata().ok().map(|file| (file.dev(), file.ino()))
}

#[cfg(not(unix))]
fn identity(path: &Path) -> Option<Identity> {
    path.metadata().ok().map(|_| (0, 0))
}
