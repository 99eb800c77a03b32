//! One transaction of the writer: each operation is checked and applied, or leaves nothing behind.

use bytes::Bytes;
use rusqlite::{CachedStatement, Connection, OptionalExtension, Result, params};

use super::bind::sql_value;
use super::errors::is_taken;
use super::read::kind_code;
use super::schema::Head;
use super::sql::Sql;
use crate::{ChangeKind, Expect, Op, Outcome, RequestId, Row, Value};

pub(super) struct Batch<'c> {
    connection: &'c Connection,
    sql: &'c Sql,
    get: CachedStatement<'c>,
    insert: CachedStatement<'c>,
    update: CachedStatement<'c>,
    delete: CachedStatement<'c>,
    log: CachedStatement<'c>,
    head: Head,
}

impl<'c> Batch<'c> {
    /// Begins the transaction. It is undone when the connection is closed without [`Batch::commit`].
    pub(super) fn begin(connection: &'c Connection, sql: &'c Sql, mut head: Head, now: i64) -> Result<Self> {
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        head.at = head.at.max(now);
        Ok(Self {
            connection,
            sql,
            get: connection.prepare_cached(&sql.get)?,
            insert: connection.prepare_cached(&sql.insert)?,
            update: connection.prepare_cached(&sql.update)?,
            delete: connection.prepare_cached(&sql.delete)?,
            log: connection.prepare_cached(&sql.log)?,
            head,
        })
    }

    /// Where the database stands after what was applied so far.
    pub(super) fn head(&self) -> Head {
        self.head
    }

    /// Drops changes before a position.
    pub(super) fn drop_changes(&mut self, before: u64) -> Result<()> {
        self.connection.prepare_cached(&self.sql.prune_excess)?.execute([before.cast_signed()])?;
        self.head.oldest = before;
        Ok(())
    }

    pub(super) fn commit(self) -> Result<Head> {
        self.connection.prepare_cached("COMMIT")?.execute([])?;
        Ok(self.head)
    }

    pub(super) fn apply(&mut self, op: &Op) -> Result<Outcome> {
        match op {
            Op::Put { key, expect, version, body, values, request } => {
                if let Some(request) = request
                    && let Some(outcome) = self.repeated(request)?
                {
                    return Ok(outcome);
                }
                let record = Record { key, version: *version, body, values };
                let outcome = match expect {
                    Expect::Absent => self.create(&record)?,
                    Expect::Version(version) => self.replace(&record, Some(*version))?,
                    Expect::Any => match self.replace(&record, None)? {
                        Outcome::Missing => self.create(&record)?,
                        done => done,
                    },
                };
                if let (Some(request), Outcome::Created | Outcome::Updated) = (request, &outcome) {
                    let mut put = self.connection.prepare_cached(&self.sql.put_request)?;
                    put.execute(params![request.id, request.digest.to_be_bytes(), &**body, self.head.at])?;
                }
                Ok(outcome)
            }
            Op::Delete { key, expect } => self.remove(key, *expect),
        }
    }

    /// The outcome when a request of this id was done before.
    fn repeated(&self, request: &RequestId) -> Result<Option<Outcome>> {
        let mut statement = self.connection.prepare_cached(&self.sql.request)?;
        let mut rows = statement.query([&request.id])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        if row.get_ref(0)?.as_blob()? != request.digest.to_be_bytes() {
            return Ok(Some(Outcome::RequestReused));
        }
        Ok(Some(Outcome::Repeated(Bytes::copy_from_slice(row.get_ref(1)?.as_blob()?))))
    }

    fn create(&mut self, record: &Record<'_>) -> Result<Outcome> {
        record.bind(&mut self.insert, 1, 2)?;
        match self.insert.raw_execute() {
            Ok(_) => {
                self.log(ChangeKind::Created, record.key, record.body, None)?;
                Ok(Outcome::Created)
            }
            Err(error) if is_taken(&error) => match self.current(record.key)? {
                Some(row) => Ok(Outcome::Exists(row)),
                None => self.taken(record, error),
            },
            Err(error) => Err(error),
        }
    }

    fn replace(&mut self, record: &Record<'_>, version: Option<u64>) -> Result<Outcome> {
        let Some(current) = self.current(record.key)? else { return Ok(Outcome::Missing) };
        if version.is_some_and(|version| version != current.version) {
            return Ok(Outcome::Conflict(current));
        }
        record.bind(&mut self.update, record.values.len() + 3, 1)?;
        match self.update.raw_execute() {
            Ok(_) => {
                self.log(ChangeKind::Updated, record.key, record.body, Some(&current.body))?;
                Ok(Outcome::Updated)
            }
            Err(error) if is_taken(&error) => self.taken(record, error),
            Err(error) => Err(error),
        }
    }

    fn remove(&mut self, key: &str, expect: Option<u64>) -> Result<Outcome> {
        let Some(current) = self.current(key)? else { return Ok(Outcome::Missing) };
        if expect.is_some_and(|version| version != current.version) {
            return Ok(Outcome::Conflict(current));
        }
        self.delete.execute([key])?;
        self.log(ChangeKind::Deleted, key, &current.body, None)?;
        Ok(Outcome::Deleted)
    }

    fn current(&mut self, key: &str) -> Result<Option<Row>> {
        let mut rows = self.get.query([key])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let version = row.get::<_, i64>(0)?.cast_unsigned();
        Ok(Some(Row { version, body: Bytes::copy_from_slice(row.get_ref(1)?.as_blob()?) }))
    }

    /// Finds the column whose value another record has; the error itself says so only in words.
    fn taken(&self, record: &Record<'_>, error: rusqlite::Error) -> Result<Outcome> {
        for (column, (sql, value)) in self.sql.taken.iter().zip(record.values).enumerate() {
            let Some(sql) = sql else { continue };
            let mut statement = self.connection.prepare_cached(sql)?;
            if statement.query_row(params![sql_value(value), record.key], |_| Ok(())).optional()?.is_some() {
                return Ok(Outcome::Taken { column });
            }
        }
        Err(error)
    }

    fn log(&mut self, kind: ChangeKind, key: &str, body: &[u8], previous: Option<&[u8]>) -> Result<()> {
        let position = self.head.newest + 1;
        self.log.execute(params![position.cast_signed(), kind_code(kind), key, self.head.at, body, previous])?;
        self.head.newest = position;
        Ok(())
    }
}

/// What a put writes.
struct Record<'a> {
    key: &'a str,
    version: u64,
    body: &'a Bytes,
    values: &'a [Value],
}

impl Record<'_> {
    /// Binds the key at one place, and version, columns and body from another one on.
    fn bind(&self, statement: &mut CachedStatement<'_>, key: usize, rest: usize) -> Result<()> {
        statement.raw_bind_parameter(key, self.key)?;
        statement.raw_bind_parameter(rest, self.version.cast_signed())?;
        for (index, value) in self.values.iter().enumerate() {
            statement.raw_bind_parameter(rest + 1 + index, sql_value(value))?;
        }
        statement.raw_bind_parameter(rest + 1 + self.values.len(), &**self.body)
    }
}
