//! The fixed statements of a table. Names come from the program, never from a caller.

use crate::Table;

pub(super) struct Sql {
    pub(super) get: String,
    pub(super) insert: String,
    pub(super) update: String,
    pub(super) delete: String,
    /// One for each column: the key of a record other than this one that has this value, if the column is unique.
    pub(super) taken: Vec<Option<String>>,
    pub(super) log: String,
    pub(super) changes: String,
    pub(super) change_bounds: String,
    pub(super) prune_excess: String,
    pub(super) prune_changes: String,
    pub(super) request: String,
    pub(super) put_request: String,
    pub(super) prune_requests: String,
    pub(super) meta: String,
}

impl Sql {
    pub(super) fn new(table: &Table) -> Self {
        let t = table.name;
        let names: Vec<_> = table.columns.iter().map(|column| format!(r#""{}""#, column.name)).collect();
        let listed: String = names.iter().map(|name| format!(", {name}")).collect();
        let marks = ", ?".repeat(names.len());
        let assigned: String = names.iter().map(|name| format!(", {name} = ?")).collect();
        let taken = table.columns.iter().zip(&names).map(|(column, name)| {
            let unset = if column.kind == crate::ColumnKind::Text { "''" } else { "0" };
            column.unique.then(|| {
                let value = if column.kind == crate::ColumnKind::Text { "? COLLATE NOCASE" } else { "?" };
                format!(r#"SELECT key FROM "{t}" WHERE {name} = {value} AND {name} <> {unset} AND key <> ?"#)
            })
        });
        Self {
            get: format!(r#"SELECT version, body FROM "{t}" WHERE key = ?"#),
            insert: format!(r#"INSERT INTO "{t}" (key, version{listed}, body) VALUES (?, ?{marks}, ?)"#),
            update: format!(r#"UPDATE "{t}" SET version = ?{assigned}, body = ? WHERE key = ?"#),
            delete: format!(r#"DELETE FROM "{t}" WHERE key = ?"#),
            taken: taken.collect(),
            log: format!(
                r#"INSERT INTO "{t}_change" (position, kind, key, at, body, previous) VALUES (?, ?, ?, ?, ?, ?)"#
            ),
            changes: format!(
                r#"SELECT position, kind, key, at, body, previous FROM "{t}_change"
                   WHERE position > ? ORDER BY position LIMIT ?"#
            ),
            change_bounds: format!(
                r#"SELECT (SELECT position FROM "{t}_change" ORDER BY position LIMIT 1), position, at
                   FROM "{t}_change" ORDER BY position DESC LIMIT 1"#
            ),
            prune_excess: format!(r#"DELETE FROM "{t}_change" WHERE position < ?"#),
            prune_changes: format!(r#"DELETE FROM "{t}_change" WHERE position < ? AND at < ?"#),
            request: format!(r#"SELECT digest, body FROM "{t}_request" WHERE id = ?"#),
            put_request: format!(r#"INSERT INTO "{t}_request" (id, digest, body, at) VALUES (?, ?, ?, ?)"#),
            prune_requests: format!(
                r#"DELETE FROM "{t}_request" WHERE id IN
                   (SELECT id FROM "{t}_request" WHERE at < ? ORDER BY at LIMIT ?)"#
            ),
            meta: format!(r#"SELECT value FROM "{t}_meta" WHERE name = ?"#),
        }
    }
}
