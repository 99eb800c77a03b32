//! The declared columns: made, and filled anew from the bodies when their declaration has changed.
//!
//! Programs that declare them otherwise and still run may read on, but no longer write: each transaction of a writer
//! compares the declaration with its own.

use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error};

use super::schema::{Fault, meta, set_meta};
use super::shared::Shared;
use super::sql::{folded_sql, sql_type, unset};
use crate::{Column, ColumnKind, OpenError, StoreError, Table, Value};

/// How many records are filled at once.
const CHUNK: i64 = 2_000;

/// Makes the columns as declared and fills them, unless they are so already. Gives the number of records.
pub(super) async fn rebuild(client: &Client, shared: &Shared) -> Result<Option<u64>, Fault> {
    let table = &shared.table;
    if meta(client, table, "columns").await?.as_ref() == Some(&shared.signature) {
        return Ok(None);
    }
    let t = table.name;
    let old = "SELECT attname::text FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0
               AND NOT attisdropped AND attname NOT IN ('key', 'version', 'body')";
    for row in client.query(old, &[&format!(r#""{t}""#)]).await? {
        // Takes the indexes of the column with it.
        let drop = format!(r#"ALTER TABLE "{t}" DROP COLUMN "{}""#, row.try_get::<_, String>(0)?);
        client.batch_execute(&drop).await?;
    }
    for Column { name, kind, .. } in &table.columns {
        let (of, unset) = (sql_type(*kind), unset(*kind));
        let add = format!(r#"ALTER TABLE "{t}" ADD COLUMN "{name}" {of} NOT NULL DEFAULT {unset}"#);
        client.batch_execute(&add).await?;
    }
    let records = fill(client, shared).await?;
    for column in &table.columns {
        index(client, shared, column).await?;
    }
    set_meta(client, table, "columns", &shared.signature).await?;
    Ok(Some(records))
}

async fn fill(client: &Client, shared: &Shared) -> Result<u64, Fault> {
    let table = &shared.table;
    let read = format!(r#"SELECT key, body FROM "{}" WHERE key > $1 ORDER BY key LIMIT $2"#, table.name);
    let (read, write) = (client.prepare(&read).await?, client.prepare(&assignment(table)).await?);
    let (mut after, mut records) = (Vec::<u8>::new(), 0);
    loop {
        let rows = client.query(&read, &[&after, &CHUNK]).await?;
        let Some(last) = rows.last() else { return Ok(records) };
        after = last.try_get(0)?;
        let keys = rows.iter().map(|row| row.try_get::<_, &[u8]>(0)).collect::<Result<Vec<_>, Error>>()?;
        let mut derived = Vec::with_capacity(rows.len());
        for row in &rows {
            let values = (table.derive)(row.try_get(1)?);
            if values.len() != table.columns.len() {
                let (count, columns) = (values.len(), table.columns.len());
                let why = format!("{} derives {count} values for {columns} columns", table.name);
                let path = shared.connector.url.place().into();
                return Err(Fault::Open(OpenError::Store { path, source: StoreError::Internal(why) }));
            }
            derived.push(values);
        }
        records += keys.len() as u64;
        if !table.columns.is_empty() {
            let mut params: Vec<Box<dyn ToSql + Sync + Send + '_>> = vec![Box::new(keys)];
            params.extend((0..table.columns.len()).map(|index| {
                array(table.columns.get(index), derived.iter().filter_map(move |values| values.get(index)))
            }));
            let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|param| &**param as &(dyn ToSql + Sync)).collect();
            client.execute(&write, &params).await?;
        }
    }
}

/// Values of one column as an array.
pub(super) fn array<'a>(
    column: Option<&Column>,
    values: impl Iterator<Item = &'a Value>,
) -> Box<dyn ToSql + Sync + Send + 'a> {
    if column.is_some_and(|column| column.kind == ColumnKind::Integer) {
        let number = |value: &Value| if let Value::Integer(number) = value { *number } else { 0 };
        Box::new(values.map(number).collect::<Vec<i64>>())
    } else {
        let text = |value: &'a Value| if let Value::Text(text) = value { text.as_bytes() } else { &[] };
        Box::new(values.map(text).collect::<Vec<&[u8]>>())
    }
}

fn assignment(table: &Table) -> String {
    let each = |one: &dyn Fn(usize, &Column) -> String| {
        let all = table.columns.iter().enumerate().map(|(index, column)| one(index, column));
        all.collect::<Vec<_>>().join(", ")
    };
    let assigned = each(&|_, column| format!(r#""{0}" = u."{0}""#, column.name));
    let arrays = each(&|index, column| format!("${}::{}[]", index + 2, sql_type(column.kind)));
    let names = each(&|_, column| format!(r#""{}""#, column.name));
    let t = table.name;
    if table.columns.is_empty() {
        return "SELECT".to_owned();
    }
    format!(
        r#"UPDATE "{t}" SET {assigned} FROM unnest($1::bytea[], {arrays}) AS u(key, {names}) WHERE "{t}".key = u.key"#
    )
}

async fn index(client: &Client, shared: &Shared, column: &Column) -> Result<(), Fault> {
    let (t, c) = (shared.table.name, column.name);
    if column.indexed {
        client.batch_execute(&format!(r#"CREATE INDEX "{t}_{c}" ON "{t}" ("{c}", key)"#)).await?;
    }
    if !column.unique {
        return Ok(());
    }
    let (folded, unset) = (folded_sql(column), unset(column.kind));
    // Looked for before, since a statement that fails takes the transaction with it.
    let twice = format!(
        r#"SELECT max(encode(key, 'hex')) FROM "{t}" WHERE "{c}" <> {unset}
           GROUP BY {folded} HAVING count(*) > 1 LIMIT 1"#
    );
    if let Some(row) = client.query_opt(&twice, &[]).await? {
        let key = row.try_get::<_, String>(0)?;
        let (path, column) = (shared.connector.url.place().into(), c.to_owned());
        return Err(Fault::Open(OpenError::Duplicate { path, column, key: from_hex(&key) }));
    }
    let sql = format!(r#"CREATE UNIQUE INDEX "{t}_{c}_unique" ON "{t}" ({folded}) WHERE "{c}" <> {unset}"#);
    match client.batch_execute(&sql).await {
        Err(error) if error.code() == Some(&SqlState::PROGRAM_LIMIT_EXCEEDED) => {
            let why = format!("column {c} must be unique, but a record has a value that is too long for that");
            Err(Fault::Open(OpenError::Invalid(why)))
        }
        other => Ok(other?),
    }
}

fn from_hex(text: &str) -> String {
    let pairs = text.as_bytes().chunks(2).filter_map(|pair| std::str::from_utf8(pair).ok());
    let bytes: Vec<u8> = pairs.filter_map(|pair| u8::from_str_radix(pair, 16).ok()).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}
