//! Brings a database up to date, and reads where its change log stands.

use std::path::Path;
use std::time::Instant;

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::columns;
use super::errors::store_error;
use super::sql::Sql;
use crate::{OpenError, StoreError, Table};

/// Marks a database as one of ours: "CAMP".
const APPLICATION: i32 = 0x4341_4d50;
/// Each brings the schema from the version of its index to the next.
const MIGRATIONS: &[&str] = &[include_str!("../../migrations/0001_records.sql")];

/// Where a database stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) id: u64,
    /// Position of the newest change, 0 when there was none.
    pub(super) newest: u64,
    /// Position of the oldest change kept, one more than `newest` when there was none.
    pub(super) oldest: u64,
    /// Time of the newest change, in nanoseconds since 1970.
    pub(super) at: i64,
}

/// Makes what is missing and migrates, all in one transaction.
pub(super) fn prepare(connection: &mut Connection, table: &Table, path: &Path) -> Result<(), OpenError> {
    let failed = |error: &rusqlite::Error| OpenError::Store { path: path.to_owned(), source: store_error(error) };
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(|error| failed(&error))?;
    let found = found_version(&transaction, table).map_err(|error| failed(&error))?;
    let Some(found) = found else { return Err(OpenError::NotADatabase { path: path.to_owned() }) };
    let supported = u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX);
    if found > supported {
        return Err(OpenError::NewerSchema { path: path.to_owned(), found, supported });
    }
    migrate(&transaction, table, found).map_err(|error| failed(&error))?;
    let started = Instant::now();
    let rebuilt = columns::rebuild(&transaction, table, path, &failed)?;
    transaction.commit().map_err(|error| failed(&error))?;
    if let Some(records) = rebuilt.filter(|records| *records > 0) {
        let seconds = started.elapsed().as_secs_f64();
        tracing::info!(table = table.name, records, seconds, "filled the columns anew: their declaration has changed");
    }
    Ok(())
}

/// The version of the schema, 0 for an empty database, `None` for somebody else's.
fn found_version(transaction: &Transaction<'_>, table: &Table) -> rusqlite::Result<Option<u32>> {
    let application: i32 = transaction.pragma_query_value(None, "application_id", |row| row.get(0))?;
    if application != APPLICATION {
        let objects: i64 = transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        return Ok((objects == 0 && application == 0).then_some(0));
    }
    let own = format!("{}_meta", table.name);
    let exists = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?";
    if transaction.query_row(exists, [own], |_| Ok(())).optional()?.is_none() {
        return Ok(Some(0));
    }
    meta(transaction, table, "schema").map(|value| value.map_or(Some(0), |version| version.parse().ok()))
}

fn migrate(transaction: &Transaction<'_>, table: &Table, found: u32) -> rusqlite::Result<()> {
    let pending = MIGRATIONS.get(found as usize..).unwrap_or_default();
    if pending.is_empty() {
        return Ok(());
    }
    if found == 0 {
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        let name = table.name;
        transaction.execute_batch(&format!(
            r#"CREATE TABLE "{name}_meta" (name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID"#
        ))?;
        set_meta(transaction, table, "id", &fastrand::u64(1..).to_string())?;
    }
    for migration in pending {
        transaction.execute_batch(&migration.replace("{table}", table.name))?;
    }
    set_meta(transaction, table, "schema", &MIGRATIONS.len().to_string())
}

pub(super) fn meta(connection: &Connection, table: &Table, name: &str) -> rusqlite::Result<Option<String>> {
    let sql = format!(r#"SELECT value FROM "{}_meta" WHERE name = ?"#, table.name);
    connection.query_row(&sql, [name], |row| row.get(0)).optional()
}

pub(super) fn set_meta(connection: &Connection, table: &Table, name: &str, value: &str) -> rusqlite::Result<()> {
    let sql = format!(r#"INSERT OR REPLACE INTO "{}_meta" (name, value) VALUES (?, ?)"#, table.name);
    connection.execute(&sql, params![name, value]).map(|_| ())
}

/// Reads where the database stands. It must have been prepared before; one that was not is not ours.
pub(super) fn head(connection: &Connection, sql: &Sql) -> Result<Head, StoreError> {
    let id = id(connection, sql)?;
    let bounds: Option<(i64, i64, i64)> = connection
        .query_row(&sql.change_bounds, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()
        .map_err(|error| store_error(&error))?;
    let (oldest, newest, at) = bounds.unwrap_or((1, 0, 0));
    Ok(Head { id, newest: newest.cast_unsigned(), oldest: oldest.cast_unsigned(), at })
}

/// The random number made with the database; the file is damaged or somebody else's when there is none.
pub(super) fn id(connection: &Connection, sql: &Sql) -> Result<u64, StoreError> {
    let text = connection.query_row(&sql.meta, ["id"], |row| row.get::<_, String>(0));
    match text {
        Ok(text) => text.parse().map_err(|_| StoreError::Corrupt),
        Err(error) => match store_error(&error) {
            // A sound database without our tables.
            StoreError::Internal(_) => Err(StoreError::Corrupt),
            other => Err(other),
        },
    }
}
