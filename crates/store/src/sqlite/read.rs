//! What is read on one connection.

use bytes::Bytes;
use rusqlite::{Connection, Error, Result};

use super::sql::Sql;
use crate::compile::Compiled;
use crate::row::RowsBuilder;
use crate::{Change, ChangeKind, ColumnRef, Page, Position, Row, Value};

/// For how many records of a page room is made before they are read.
const MOST_ROOM: usize = 512;
/// How many changes are read at once, and how many bytes of their bodies.
const CHANGES_ROWS: i64 = 256;
const CHANGES_BYTES: usize = 256 << 10;

pub(super) fn get(connection: &Connection, sql: &Sql, key: &str) -> Result<Option<Row>> {
    let mut statement = connection.prepare_cached(&sql.get)?;
    let mut rows = statement.query([key])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let version = row.get::<_, i64>(0)?.cast_unsigned();
    Ok(Some(Row { version, body: Bytes::copy_from_slice(row.get_ref(1)?.as_blob()?) }))
}

pub(super) fn get_many(connection: &Connection, sql: &Sql, keys: &[String]) -> Result<Vec<Option<Row>>> {
    keys.iter().map(|key| get(connection, sql, key)).collect()
}

pub(super) fn page(connection: &Connection, query: &Compiled) -> Result<Page> {
    let mut statement = connection.prepare_cached(&query.sql)?;
    for (index, param) in query.params.iter().enumerate() {
        statement.raw_bind_parameter(index + 1, param)?;
    }
    let mut found = statement.raw_query();
    let mut rows = RowsBuilder::with_capacity(query.rows.min(MOST_ROOM));
    let mut last: Vec<Value> = Vec::new();
    while let Some(row) = found.next()? {
        let (key, body) = (row.get_ref(0)?.as_str()?, row.get_ref(2)?.as_blob()?);
        let full = rows.len() > 0 && rows.bytes() + body.len() > query.bytes;
        if rows.len() >= query.rows || full {
            let next = rows.last_key().map(|key| Position { values: last, key: key.to_owned() });
            return Ok(Page { rows: rows.finish(), next });
        }
        rows.push(key, row.get::<_, i64>(1)?.cast_unsigned(), body);
        last.clear();
        for (index, order) in query.order.iter().enumerate() {
            last.push(match order.column {
                ColumnRef::Key => Value::Text(key.to_owned()),
                ColumnRef::Column(_) => value(row.get_ref(index + 3)?)?,
            });
        }
    }
    Ok(Page { rows: rows.finish(), next: None })
}

fn value(value: rusqlite::types::ValueRef<'_>) -> Result<Value> {
    if let Ok(number) = value.as_i64() {
        return Ok(Value::Integer(number));
    }
    Ok(Value::Text(value.as_str()?.to_owned()))
}

/// The changes behind a position, as many as are read at once.
pub(super) fn changes(connection: &Connection, sql: &Sql, after: u64) -> Result<Vec<Change>> {
    let mut statement = connection.prepare_cached(&sql.changes)?;
    let mut rows = statement.query([i64::try_from(after).unwrap_or(i64::MAX), CHANGES_ROWS])?;
    let (mut changes, mut bytes) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        let kind = kind(row.get(1)?)?;
        let body = Bytes::copy_from_slice(row.get_ref(4)?.as_blob()?);
        let previous = match kind {
            // Its last body is its previous one, and stored once.
            ChangeKind::Deleted => Some(body.clone()),
            _ => row.get_ref(5)?.as_blob_or_null()?.map(Bytes::copy_from_slice),
        };
        bytes += body.len() + previous.as_ref().map_or(0, Bytes::len);
        let position = row.get::<_, i64>(0)?.cast_unsigned();
        changes.push(Change { position, kind, key: row.get(2)?, at: row.get(3)?, body, previous });
        if bytes >= CHANGES_BYTES {
            break;
        }
    }
    Ok(changes)
}

/// How a kind of change is stored.
pub(super) fn kind_code(kind: ChangeKind) -> i64 {
    match kind {
        ChangeKind::Created => 1,
        ChangeKind::Updated => 2,
        ChangeKind::Deleted => 3,
    }
}

fn kind(code: i64) -> Result<ChangeKind> {
    match code {
        1 => Ok(ChangeKind::Created),
        2 => Ok(ChangeKind::Updated),
        3 => Ok(ChangeKind::Deleted),
        other => Err(Error::IntegralValueOutOfRange(1, other)),
    }
}
