//! The fixed statements of a table. Names come from the program, never from a caller; the schema is set on each
//! connection. Keys and texts are kept as their bytes: they sort as the contract says whatever the database's locale,
//! and a zero character is one like any other.

use std::fmt::Write;

use crate::{Column, ColumnKind, Table};

pub(super) struct Sql {
    pub(super) get: String,
    pub(super) get_many: String,
    pub(super) lock: String,
    /// One for each column: the keys of the records that have one of these values, if the column is unique.
    pub(super) holders: Vec<Option<String>>,
    pub(super) requests: String,
    pub(super) insert: String,
    pub(super) update: String,
    pub(super) delete: String,
    pub(super) put_requests: String,
    pub(super) advance: String,
    pub(super) log: String,
    pub(super) drop_changes: String,
    pub(super) written: String,
    pub(super) head: String,
    pub(super) state: String,
    pub(super) changes: String,
    pub(super) prune_changes: String,
    pub(super) prune_oldest: String,
    pub(super) prune_requests: String,
    pub(super) channel: String,
    pub(super) gone: String,
}

/// The SQL type of a column.
pub(super) fn sql_type(kind: ColumnKind) -> &'static str {
    match kind {
        ColumnKind::Text => "bytea",
        ColumnKind::Integer => "bigint",
    }
}

/// The value of a field that is not set.
pub(super) fn unset(kind: ColumnKind) -> &'static str {
    match kind {
        ColumnKind::Text => "''::bytea",
        ColumnKind::Integer => "0",
    }
}

/// What two values of a unique column have in common when they count as the same: see [`folded`](super::plan::folded).
pub(super) fn folded_sql(column: &Column) -> String {
    match column.kind {
        ColumnKind::Text => format!(r#"lower(encode("{}", 'escape') COLLATE "C")"#, column.name),
        ColumnKind::Integer => format!(r#"("{}"::text)"#, column.name),
    }
}

/// The same, and null for an unset one.
fn set_folded_sql(column: &Column) -> String {
    let unset = if column.kind == ColumnKind::Text { "" } else { "0" };
    format!("nullif({}, '{unset}')", folded_sql(column))
}

impl Sql {
    pub(super) fn new(table: &Table) -> Self {
        let t = table.name;
        let list = |one: &dyn Fn(&Column) -> String| table.columns.iter().map(one).collect::<String>();
        let names = list(&|column| format!(r#", "{}""#, column.name));
        let assigned = list(&|column| format!(r#", "{0}" = u."{0}""#, column.name));
        let unique = table.columns.iter().filter(|column| column.unique);
        let unique: String = unique.map(|column| format!(", {}", set_folded_sql(column))).collect();
        let mut arrays = "$1::bytea[], $2::bigint[], $3::bytea[]".to_owned();
        for (index, column) in table.columns.iter().enumerate() {
            // Writing to a text does not fail.
            let _ = write!(arrays, ", ${}::{}[]", index + 4, sql_type(column.kind));
        }
        let holders = table.columns.iter().map(|column| {
            let (name, folded, unset) = (column.name, folded_sql(column), unset(column.kind));
            column
                .unique
                .then(|| format!(r#"SELECT {folded}, key FROM "{t}" WHERE {folded} = ANY($1) AND "{name}" <> {unset}"#))
        });
        Self {
            get: format!(r#"SELECT version, body FROM "{t}" WHERE key = $1"#),
            get_many: format!(r#"SELECT key, version, body FROM "{t}" WHERE key = ANY($1)"#),
            lock: format!(
                r#"SELECT key, version, body{unique} FROM "{t}" WHERE key = ANY($1) ORDER BY key FOR UPDATE"#
            ),
            holders: holders.collect(),
            requests: format!(r#"SELECT id, digest, body FROM "{t}_request" WHERE id = ANY($1)"#),
            insert: format!(r#"INSERT INTO "{t}" (key, version, body{names}) SELECT * FROM unnest({arrays})"#),
            update: format!(
                r#"UPDATE "{t}" SET version = u.version, body = u.body{assigned}
                   FROM unnest({arrays}) AS u(key, version, body{names}) WHERE "{t}".key = u.key"#
            ),
            delete: format!(r#"DELETE FROM "{t}" WHERE key = ANY($1)"#),
            put_requests: format!(
                r#"INSERT INTO "{t}_request" (id, digest, body, at)
                   SELECT id, digest, body, $4 FROM unnest($1::bytea[], $2::bytea[], $3::bytea[]) AS u(id, digest, body)"#
            ),
            advance: format!(
                r#"UPDATE "{t}_head" SET newest = newest + $1, oldest = greatest(oldest, $2), at = greatest(at, $3)
                   RETURNING newest, oldest"#
            ),
            log: format!(
                r#"INSERT INTO "{t}_change" (position, kind, key, at, body, previous, batch)
                   SELECT h.newest - $1 + u.number, u.kind, u.key, h.at, u.body, u.previous, $2 FROM "{t}_head" h,
                   unnest($3::smallint[], $4::bytea[], $5::bytea[], $6::bytea[])
                   WITH ORDINALITY AS u(kind, key, body, previous, number)"#
            ),
            drop_changes: format!(r#"DELETE FROM "{t}_change" WHERE position < $1"#),
            written: format!(
                r#"SELECT EXISTS (SELECT FROM "{t}_change" WHERE position > $1 AND batch = $2),
                   oldest <= $1 + 1, newest, oldest FROM "{t}_head""#
            ),
            head: format!(r#"SELECT newest, oldest FROM "{t}_head""#),
            state: format!(
                r#"SELECT newest, oldest, (SELECT value FROM "{t}_meta" WHERE name = 'columns') FROM "{t}_head""#
            ),
            changes: format!(
                r#"SELECT position, kind, key, at, body, previous FROM (
                       SELECT c.*, sum(size) OVER (ORDER BY position ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
                       AS before FROM (
                           SELECT *, octet_length(body) + coalesce(octet_length(previous), 0) AS size
                           FROM "{t}_change" WHERE position > $1 ORDER BY position LIMIT $2
                       ) c
                   ) w WHERE before IS NULL OR before < $3 ORDER BY position"#
            ),
            prune_changes: format!(r#"DELETE FROM "{t}_change" WHERE position < $1 AND at < $2"#),
            prune_oldest: format!(r#"UPDATE "{t}_head" SET oldest = greatest(oldest, $1) RETURNING newest, oldest"#),
            prune_requests: format!(
                r#"DELETE FROM "{t}_request" WHERE id IN
                   (SELECT id FROM "{t}_request" WHERE at < $1 ORDER BY at LIMIT $2)"#
            ),
            channel: format!("{t}_change"),
            // By their names: a table that somebody holds locked is there.
            gone: format!(
                r#"SELECT string_agg(name, ', ') FROM unnest(ARRAY['{t}', '{t}_change', '{t}_head', '{t}_meta',
                   '{t}_request']) AS names(name) WHERE to_regclass('"' || name || '"') IS NULL"#
            ),
        }
    }
}
