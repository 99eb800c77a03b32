//! Queries as SQL. Operands are bound, never written into the text.

use rusqlite::types::Value as SqlValue;

use crate::expr::check_kind;
use crate::{ColumnKind, ColumnRef, CompareOp, Expr, Order, Position, Query, StoreError, Table, Value};

/// A statement that gives key, version, body and then the columns of the query's order.
pub(super) struct Compiled {
    pub(super) sql: String,
    pub(super) params: Vec<SqlValue>,
    pub(super) order: Vec<Order>,
    /// How many records to give; the statement reads one more, to know whether there are more.
    pub(super) rows: usize,
    /// How many bytes of keys and bodies to give; the first record is given however large it is.
    pub(super) bytes: usize,
}

/// Compiles a query that gives at most so many records and bytes.
pub(super) fn compile(table: &Table, query: &Query, rows: usize, bytes: usize) -> Result<Compiled, StoreError> {
    check(table, query)?;
    let mut compiler = Compiler { table, sql: String::with_capacity(256), params: Vec::new() };
    compiler.push("SELECT key, version, body");
    for order in &query.order {
        compiler.push(", ");
        compiler.column(order.column);
    }
    compiler.push(" FROM \"");
    compiler.push(table.name);
    compiler.push("\" WHERE ");
    let terms = terms(&query.order);
    match &query.filter {
        Some(filter) => compiler.expr(filter),
        None => compiler.push("1"),
    }
    if let Some(after) = &query.after {
        compiler.push(" AND ");
        compiler.after(&terms, after);
    }
    compiler.push(" ORDER BY ");
    for (index, term) in terms.iter().enumerate() {
        compiler.push(if index == 0 { "" } else { ", " });
        compiler.column(term.order.column);
        compiler.push(if term.order.descending { " DESC" } else { "" });
    }
    compiler.push(" LIMIT ");
    compiler.integer(i64::try_from(rows).unwrap_or(i64::MAX).saturating_add(1));
    Ok(Compiled { sql: compiler.sql, params: compiler.params, order: query.order.clone(), rows, bytes })
}

fn check(table: &Table, query: &Query) -> Result<(), StoreError> {
    if let Some(filter) = &query.filter {
        filter.check(table)?;
    }
    for order in &query.order {
        if table.kind(order.column).is_none() {
            return Err(StoreError::Invalid(format!("there is no {}", table.label(order.column))));
        }
    }
    if let Some(after) = &query.after {
        if after.values.len() != query.order.len() {
            let (found, needed) = (after.values.len(), query.order.len());
            return Err(StoreError::Invalid(format!("the position has {found} values for an order of {needed}")));
        }
        for (value, order) in after.values.iter().zip(&query.order) {
            check_kind(table, order.column, value.kind())?;
        }
    }
    Ok(())
}

/// One column that the statement orders by.
struct Term {
    order: Order,
    /// Index into the query's order; `None` for the key that is added.
    index: Option<usize>,
}

/// The order as SQL needs it: what stands behind the key decides nothing, and without the key it is added.
fn terms(order: &[Order]) -> Vec<Term> {
    let mut terms = Vec::with_capacity(order.len() + 1);
    for (index, one) in order.iter().enumerate() {
        terms.push(Term { order: *one, index: Some(index) });
        if one.column == ColumnRef::Key {
            return terms;
        }
    }
    let descending = order.last().is_some_and(|last| last.descending);
    terms.push(Term { order: Order { column: ColumnRef::Key, descending }, index: None });
    terms
}

struct Compiler<'t> {
    table: &'t Table,
    sql: String,
    params: Vec<SqlValue>,
}

impl Compiler<'_> {
    fn push(&mut self, text: &str) {
        self.sql.push_str(text);
    }

    fn column(&mut self, column: ColumnRef) {
        let name = match column {
            ColumnRef::Key => "key",
            ColumnRef::Column(index) => self.table.columns.get(index).map_or("", |column| column.name),
        };
        self.sql.push('"');
        self.sql.push_str(name);
        self.sql.push('"');
    }

    fn bind(&mut self, param: SqlValue) {
        self.sql.push('?');
        self.params.push(param);
    }

    fn text(&mut self, text: &str) {
        self.bind(SqlValue::Text(text.to_owned()));
    }

    fn integer(&mut self, number: i64) {
        self.bind(SqlValue::Integer(number));
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Text(text) => self.text(text),
            Value::Integer(number) => self.integer(*number),
        }
    }

    fn expr(&mut self, expr: &Expr) {
        match expr {
            Expr::True => self.push("1"),
            Expr::False => self.push("0"),
            Expr::And(parts) => self.joined(parts, " AND ", "1"),
            Expr::Or(parts) => self.joined(parts, " OR ", "0"),
            Expr::Not(part) => {
                self.push("NOT (");
                self.expr(part);
                self.push(")");
            }
            Expr::Compare { column, op, value } => self.compare(*column, *op, value),
            Expr::Contains { column, text } => self.contains(*column, text),
            Expr::Prefix { column, text } => self.prefix(*column, text),
            Expr::Suffix { column, text } => self.suffix(*column, text),
        }
    }

    fn joined(&mut self, parts: &[Expr], between: &str, none: &str) {
        if parts.is_empty() {
            return self.push(none);
        }
        for (index, part) in parts.iter().enumerate() {
            self.push(if index == 0 { "((" } else { between });
            self.push(if index == 0 { "" } else { "(" });
            self.expr(part);
            self.push(")");
        }
        self.push(")");
    }

    fn compare(&mut self, column: ColumnRef, op: CompareOp, value: &Value) {
        let sign = match op {
            CompareOp::Eq => " = ",
            CompareOp::Ne => " <> ",
            CompareOp::Lt => " < ",
            CompareOp::Le => " <= ",
            CompareOp::Gt => " > ",
            CompareOp::Ge => " >= ",
        };
        self.column(column);
        self.push(sign);
        self.value(value);
        // An empty text is a field that is not set: it is neither less nor greater than anything.
        if self.table.kind(column) == Some(ColumnKind::Text) && op.is_by_size() {
            self.push(" AND ");
            self.column(column);
            self.push(" > ''");
        }
    }

    fn contains(&mut self, column: ColumnRef, text: &str) {
        if text.is_empty() {
            return self.push("1");
        }
        self.push("instr(");
        self.column(column);
        self.push(", ");
        self.text(text);
        self.push(") > 0");
    }

    /// As a range, which an index can answer: bytes of UTF-8 sort as its characters do.
    fn prefix(&mut self, column: ColumnRef, text: &str) {
        self.column(column);
        self.push(" >= ");
        self.text(text);
        if let Some(end) = behind_prefix(text) {
            self.push(" AND ");
            self.column(column);
            self.push(" < ");
            self.bind(SqlValue::Text(end));
        }
    }

    /// On bytes, because the text functions of SQLite stop at a zero character.
    fn suffix(&mut self, column: ColumnRef, text: &str) {
        if text.is_empty() {
            return self.push("1");
        }
        self.push("substr(CAST(");
        self.column(column);
        self.push(" AS BLOB), ");
        self.integer(i64::try_from(text.len()).map_or(i64::MIN, |length| -length));
        // Not `=`: of an empty text this is null.
        self.push(") IS ");
        self.bind(SqlValue::Blob(text.as_bytes().to_vec()));
    }

    /// Everything behind a position: by one comparison of rows where all terms go the same way, which an index can
    /// answer, else term by term.
    fn after(&mut self, terms: &[Term], after: &Position) {
        let descending = terms.first().is_some_and(|term| term.order.descending);
        if terms.iter().any(|term| term.order.descending != descending) {
            return self.after_mixed(terms, after);
        }
        self.push("(");
        for (index, term) in terms.iter().enumerate() {
            self.push(if index == 0 { "" } else { ", " });
            self.column(term.order.column);
        }
        self.push(if descending { ") < (" } else { ") > (" });
        for (index, term) in terms.iter().enumerate() {
            self.push(if index == 0 { "" } else { ", " });
            self.at(term, after);
        }
        self.push(")");
    }

    fn after_mixed(&mut self, terms: &[Term], after: &Position) {
        let Some((term, rest)) = terms.split_first() else { return self.push("0") };
        self.push("(");
        self.column(term.order.column);
        self.push(if term.order.descending { " < " } else { " > " });
        self.at(term, after);
        if !rest.is_empty() {
            self.push(" OR (");
            self.column(term.order.column);
            self.push(" = ");
            self.at(term, after);
            self.push(" AND ");
            self.after_mixed(rest, after);
            self.push(")");
        }
        self.push(")");
    }

    fn at(&mut self, term: &Term, after: &Position) {
        match term.index.and_then(|index| after.values.get(index)) {
            Some(value) => self.value(value),
            None => self.text(&after.key),
        }
    }
}

/// The least text that is greater than every text with this prefix; `None` when there is no such text.
fn behind_prefix(prefix: &str) -> Option<String> {
    let mut end = prefix.to_owned();
    while let Some(last) = end.pop() {
        // What lies between these two is no character.
        let next = if last == '\u{d7ff}' { Some('\u{e000}') } else { char::from_u32(u32::from(last) + 1) };
        if let Some(next) = next {
            end.push(next);
            return Some(end);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_prefix_is_the_next_text_that_does_not_have_it() {
        assert_eq!(behind_prefix("ab").as_deref(), Some("ac"));
        assert_eq!(behind_prefix("a\u{d7ff}").as_deref(), Some("a\u{e000}"));
        assert_eq!(behind_prefix("a\u{10ffff}").as_deref(), Some("b"));
        assert_eq!(behind_prefix("\u{10ffff}"), None);
        assert_eq!(behind_prefix(""), None);
    }
}
