//! The declared columns: made, and filled anew from the bodies when their declaration has changed.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, Transaction};

use super::bind::sql_value;
use super::errors::is_taken;
use super::schema::{meta, set_meta};
use super::sql::Sql;
use crate::{Column, ColumnKind, OpenError, StoreError, Table};

/// Makes the columns as declared and fills them, unless they are so already. Gives the number of records.
pub(super) fn rebuild(
    transaction: &Transaction<'_>,
    table: &Table,
    path: &Path,
    failed: &dyn Fn(&rusqlite::Error) -> OpenError,
) -> Result<Option<u64>, OpenError> {
    let declared = table.signature();
    if meta(transaction, table, "columns").map_err(|error| failed(&error))?.as_ref() == Some(&declared) {
        return Ok(None);
    }
    let name = table.name;
    let defined: String = table.columns.iter().map(|column| format!(", {}", definition(column))).collect();
    let create = format!(
        r#"ALTER TABLE "{name}" RENAME TO "{name}_before";
           CREATE TABLE "{name}" (key TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL, body BLOB NOT NULL{defined})
           STRICT, WITHOUT ROWID;"#
    );
    transaction.execute_batch(&create).map_err(|error| failed(&error))?;
    let records = copy(transaction, table).map_err(|error| match error {
        CopyError::Sql(error) => failed(&error),
        CopyError::Derived(count) => OpenError::Store {
            path: path.to_owned(),
            source: StoreError::Internal(format!("{name} derives {count} values for {} columns", table.columns.len())),
        },
    })?;
    // This drops the indexes of before too, whose names the new ones take.
    transaction.execute_batch(&format!(r#"DROP TABLE "{name}_before""#)).map_err(|error| failed(&error))?;
    for column in &table.columns {
        index(transaction, table, column, path, failed)?;
    }
    set_meta(transaction, table, "columns", &declared).map_err(|error| failed(&error))?;
    Ok(Some(records))
}

fn sql_type(kind: ColumnKind) -> &'static str {
    match kind {
        ColumnKind::Text => "TEXT",
        ColumnKind::Integer => "INTEGER",
    }
}

fn definition(column: &Column) -> String {
    format!(r#""{}" {} NOT NULL"#, column.name, sql_type(column.kind))
}

enum CopyError {
    Sql(rusqlite::Error),
    Derived(usize),
}

impl From<rusqlite::Error> for CopyError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

fn copy(connection: &Connection, table: &Table) -> Result<u64, CopyError> {
    let mut read = connection.prepare(&format!(r#"SELECT key, version, body FROM "{}_before""#, table.name))?;
    let mut write = connection.prepare(&Sql::new(table).insert)?;
    let mut rows = read.query([])?;
    let mut records = 0;
    while let Some(row) = rows.next()? {
        let body = row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?;
        let values = (table.derive)(body);
        if values.len() != table.columns.len() {
            return Err(CopyError::Derived(values.len()));
        }
        write.raw_bind_parameter(1, row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?)?;
        write.raw_bind_parameter(2, row.get::<_, i64>(1)?)?;
        for (index, value) in values.iter().enumerate() {
            write.raw_bind_parameter(index + 3, sql_value(value))?;
        }
        write.raw_bind_parameter(values.len() + 3, body)?;
        write.raw_execute()?;
        records += 1;
    }
    Ok(records)
}

fn index(
    transaction: &Transaction<'_>,
    table: &Table,
    column: &Column,
    path: &Path,
    failed: &dyn Fn(&rusqlite::Error) -> OpenError,
) -> Result<(), OpenError> {
    let (t, c) = (table.name, column.name);
    if column.indexed {
        let sql = format!(r#"CREATE INDEX "{t}_{c}" ON "{t}" ("{c}", key)"#);
        transaction.execute_batch(&sql).map_err(|error| failed(&error))?;
    }
    if !column.unique {
        return Ok(());
    }
    let (folded, unset) = match column.kind {
        ColumnKind::Text => (format!(r#""{c}" COLLATE NOCASE"#), "''"),
        ColumnKind::Integer => (format!(r#""{c}""#), "0"),
    };
    let sql = format!(r#"CREATE UNIQUE INDEX "{t}_{c}_unique" ON "{t}" ({folded}) WHERE "{c}" <> {unset}"#);
    match transaction.execute_batch(&sql) {
        Err(error) if is_taken(&error) => {
            let sql = format!(
                r#"SELECT max(key) FROM "{t}" WHERE "{c}" <> {unset} GROUP BY {folded} HAVING count(*) > 1 LIMIT 1"#
            );
            let key: Option<String> =
                transaction.query_row(&sql, [], |row| row.get(0)).optional().map_err(|error| failed(&error))?;
            Err(OpenError::Duplicate { path: path.to_owned(), column: c.to_owned(), key: key.unwrap_or_default() })
        }
        other => other.map_err(|error| failed(&error)),
    }
}
