//! What is read, row by row.

use bytes::Bytes;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row as SqlRow};

use crate::compile::{Compiled, Param};
use crate::row::RowsBuilder;
use crate::{Change, ChangeKind, ColumnKind, ColumnRef, Page, Position, Row, StoreError, Table, Value};

pub(super) fn row(found: &SqlRow, first: usize) -> Result<Row, Error> {
    let version = found.try_get::<_, i64>(first)?.cast_unsigned();
    Ok(Row { version, body: Bytes::copy_from_slice(found.try_get(first + 1)?) })
}

pub(super) fn text(found: &SqlRow, index: usize) -> Result<String, Error> {
    // What is stored was UTF-8 when it was written.
    Ok(String::from_utf8_lossy(found.try_get(index)?).into_owned())
}

/// Cuts a query off behind the row after the first that passes the limit of bytes: large records are not sent
/// only to be thrown away, and whether there are more is known.
pub(super) fn bounded(query: &Compiled) -> String {
    format!(
        "SELECT * FROM (SELECT q.*, sum(octet_length(q.key) + octet_length(q.body))
         OVER (ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING) AS before FROM ({}) q) w
         WHERE before IS NULL OR before <= {}",
        query.sql,
        i64::try_from(query.bytes).unwrap_or(i64::MAX)
    )
}

pub(super) fn page(table: &Table, query: &Compiled, found: &[SqlRow]) -> Result<Page, Error> {
    let mut rows = RowsBuilder::with_capacity(found.len().min(query.rows));
    let mut last: Vec<Value> = Vec::new();
    for row in found {
        let (key, body) = (text(row, 0)?, row.try_get::<_, &[u8]>(2)?);
        let full = rows.len() > 0 && rows.bytes() + body.len() > query.bytes;
        if rows.len() >= query.rows || full {
            let next = rows.last_key().map(|key| Position { values: last, key: key.to_owned() });
            return Ok(Page { rows: rows.finish(), next });
        }
        rows.push(&key, row.try_get::<_, i64>(1)?.cast_unsigned(), body);
        last.clear();
        for (index, order) in query.order.iter().enumerate() {
            last.push(match (order.column, table.kind(order.column)) {
                (ColumnRef::Key, _) => Value::Text(key.clone()),
                (_, Some(ColumnKind::Integer)) => Value::Integer(row.try_get(index + 3)?),
                _ => Value::Text(text(row, index + 3)?),
            });
        }
    }
    Ok(Page { rows: rows.finish(), next: None })
}

/// The operands of a query.
pub(super) fn params(query: &Compiled) -> Vec<&(dyn ToSql + Sync)> {
    query
        .params
        .iter()
        .map(|param| -> &(dyn ToSql + Sync) {
            match param {
                Param::Text(text) => text,
                Param::Integer(number) => number,
                Param::Bytes(bytes) => bytes,
            }
        })
        .collect()
}

pub(super) fn change(row: &SqlRow) -> Result<Change, StoreError> {
    let sql = |error: Error| super::errors::store_error(&error);
    let kind = match row.try_get::<_, i16>(1).map_err(sql)? {
        1 => ChangeKind::Created,
        2 => ChangeKind::Updated,
        3 => ChangeKind::Deleted,
        _ => return Err(StoreError::Corrupt),
    };
    let body = Bytes::copy_from_slice(row.try_get(4).map_err(sql)?);
    let previous = match kind {
        // Its last body is its previous one, and stored once.
        ChangeKind::Deleted => Some(body.clone()),
        _ => row.try_get::<_, Option<&[u8]>>(5).map_err(sql)?.map(Bytes::copy_from_slice),
    };
    let position = row.try_get::<_, i64>(0).map_err(sql)?.cast_unsigned();
    let (key, at) = (text(row, 2).map_err(sql)?, row.try_get(3).map_err(sql)?);
    Ok(Change { position, kind, key, at, body, previous })
}
