//! The same work in bare loops over SQLite: one connection, no queue, no conditions, the same tables and settings.

use std::path::Path;
use std::time::Instant;

use rusqlite::{Connection, params};

use super::{BODY, Figure, Result, Rounds, key};

pub(crate) struct Bare {
    connection: Connection,
}

impl Bare {
    pub(crate) fn open(path: &Path, indexes: bool) -> Result<Self> {
        let connection = Connection::open(path)?;
        connection.execute_batch(
            "PRAGMA journal_mode = wal; PRAGMA synchronous = full; PRAGMA cache_size = -8192;
             PRAGMA wal_autocheckpoint = 4000;
             CREATE TABLE t (key TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL, given_name TEXT NOT NULL,
                 family_name TEXT NOT NULL, email TEXT NOT NULL, hired INTEGER NOT NULL, body BLOB NOT NULL)
                 STRICT, WITHOUT ROWID;
             CREATE TABLE t_change (position INTEGER PRIMARY KEY, kind INTEGER, key TEXT, at INTEGER, body BLOB,
                 previous BLOB) STRICT;",
        )?;
        if indexes {
            connection.execute_batch(
                "CREATE INDEX t_family_name ON t (family_name, key);
                 CREATE UNIQUE INDEX t_email ON t (email COLLATE NOCASE) WHERE email <> '';",
            )?;
        }
        Ok(Self { connection })
    }

    fn insert(&self, numbers: std::ops::Range<usize>) -> Result<()> {
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        {
            let mut record = self.connection.prepare_cached("INSERT INTO t VALUES (?, 1, 'Ada', ?, ?, 20000, ?)")?;
            let mut change = self.connection.prepare_cached("INSERT INTO t_change VALUES (?, 1, ?, 0, ?, NULL)")?;
            for number in numbers {
                let (key, body) = (key(number), vec![u8::try_from(number % 251)?; BODY]);
                let family = format!("Family{}", number * 7919 % 1000);
                record.execute(params![key, family, format!("e{number}@example.org"), body])?;
                change.execute(params![i64::try_from(number)?, key, body])?;
            }
        }
        self.connection.execute_batch("COMMIT")?;
        Ok(())
    }

    pub(crate) fn import(&self, records: usize, batch: usize) -> Result<Figure> {
        let start = Instant::now();
        for first in (0..records).step_by(batch) {
            self.insert(first..records.min(first + batch))?;
        }
        Ok((records, start.elapsed()))
    }

    pub(crate) fn writes(&self, next: &mut usize, batch: usize) -> Result<Figure> {
        repeat(|| {
            *next += batch;
            self.insert(*next - batch..*next)?;
            Ok(batch)
        })
    }

    pub(crate) fn gets(&self, records: usize) -> Result<Figure> {
        let keys: Vec<_> = (0..4096).map(|_| key(fastrand::usize(..records))).collect();
        let mut statement = self.connection.prepare("SELECT version, body FROM t WHERE key = ?")?;
        self.connection.execute_batch("BEGIN")?;
        let figure = repeat(|| {
            for key in &keys {
                statement.query_row([key], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?)))?;
            }
            Ok(keys.len())
        })?;
        self.connection.execute_batch("COMMIT")?;
        Ok(figure)
    }

    pub(crate) fn pages(&self, records: usize, size: i64) -> Result<Figure> {
        let mut statement =
            self.connection.prepare("SELECT key, version, body FROM t WHERE key > ? ORDER BY key LIMIT ?")?;
        repeat(|| {
            let mut rows = statement.query(params![key(fastrand::usize(..records)), size + 1])?;
            let mut bytes = Vec::new();
            while let Some(row) = rows.next()? {
                bytes.extend_from_slice(row.get_ref(0)?.as_bytes()?);
                bytes.extend_from_slice(row.get_ref(2)?.as_bytes()?);
            }
            std::hint::black_box(bytes);
            Ok(1)
        })
    }

    pub(crate) fn scan(&self) -> Result<Figure> {
        let mut statement = self.connection.prepare("SELECT key, version, body FROM t ORDER BY key")?;
        repeat(|| {
            let (mut rows, mut count, mut bytes) = (statement.query([])?, 0, Vec::new());
            while let Some(row) = rows.next()? {
                bytes.extend_from_slice(row.get_ref(0)?.as_bytes()?);
                bytes.extend_from_slice(row.get_ref(2)?.as_bytes()?);
                count += 1;
                if bytes.len() > 256 << 10 {
                    bytes.clear();
                }
            }
            Ok(count)
        })
    }
}

fn repeat(mut step: impl FnMut() -> Result<usize>) -> Result<Figure> {
    let mut rounds = Rounds::default();
    while rounds.go_on() {
        rounds.count(step()?);
    }
    Ok(rounds.best)
}
