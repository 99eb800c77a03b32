//! Values on their way into a statement.

use rusqlite::types::{ToSqlOutput, ValueRef};

use crate::Value;

pub(super) fn sql_value(value: &Value) -> ToSqlOutput<'_> {
    ToSqlOutput::Borrowed(match value {
        Value::Text(text) => ValueRef::Text(text.as_bytes()),
        Value::Integer(number) => ValueRef::Integer(*number),
    })
}
