//! Queries as SQL, for both engines. Operands are bound, never written into the text.

use crate::expr::check_kind;
use crate::{ColumnKind, ColumnRef, CompareOp, Expr, Order, Position, Query, StoreError, Table, Value};

/// What SQL is written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    /// Texts are kept as their bytes there.
    Postgres,
}

/// An operand.
#[derive(Debug)]
pub(crate) enum Param {
    Text(String),
    Integer(i64),
    Bytes(Vec<u8>),
}

/// A statement that gives key, version, body and then the columns of the query's order.
pub(crate) struct Compiled {
    pub(crate) sql: String,
    pub(crate) params: Vec<Param>,
    pub(crate) order: Vec<Order>,
    /// How many records to give; the statement reads one more, to know whether there are more.
    pub(crate) rows: usize,
    /// How many bytes of keys and bodies to give; the first record is given however large it is.
    pub(crate) bytes: usize,
}

/// Compiles a query that gives at most so many records and bytes.
pub(crate) fn compile(
    table: &Table,
    dialect: Dialect,
    query: &Query,
    rows: usize,
    bytes: usize,
) -> Result<Compiled, StoreError> {
    check(table, query)?;
    let mut compiler = Compiler { table, dialect, sql: String::with_capacity(256), params: Vec::new() };
    compiler.push("SELECT key, version, body");
    for (index, order) in query.order.iter().enumerate() {
        compiler.push(", ");
        compiler.column(order.column);
        // One column may be named twice.
        compiler.push(&format!(" AS \"{index}\""));
    }
    compiler.push(" FROM \"");
    compiler.push(table.name);
    compiler.push("\" WHERE ");
    let terms = terms(&query.order);
    match &query.filter {
        Some(filter) => compiler.expr(filter),
        None => compiler.push("TRUE"),
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
    dialect: Dialect,
    sql: String,
    params: Vec<Param>,
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

    fn bind(&mut self, param: Param) {
        self.params.push(param);
        let number = self.params.len();
        match self.dialect {
            Dialect::Sqlite => self.sql.push('?'),
            Dialect::Postgres => self.sql.push_str(&format!("${number}")),
        }
    }

    fn text(&mut self, text: &str) {
        self.bind(match self.dialect {
            Dialect::Sqlite => Param::Text(text.to_owned()),
            Dialect::Postgres => Param::Bytes(text.as_bytes().to_vec()),
        });
    }

    fn integer(&mut self, number: i64) {
        self.bind(Param::Integer(number));
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Text(text) => self.text(text),
            Value::Integer(number) => self.integer(*number),
        }
    }

    fn expr(&mut self, expr: &Expr) {
        match expr {
            Expr::True => self.push("TRUE"),
            Expr::False => self.push("FALSE"),
            Expr::And(parts) => self.joined(parts, " AND ", "TRUE"),
            Expr::Or(parts) => self.joined(parts, " OR ", "FALSE"),
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
            return self.push("TRUE");
        }
        match self.dialect {
            Dialect::Sqlite => {
                self.push("instr(");
                self.column(column);
                self.push(", ");
                self.text(text);
            }
            Dialect::Postgres => {
                self.push("position(");
                self.text(text);
                self.push(" IN ");
                self.column(column);
            }
        }
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
            self.text(&end);
        }
    }

    fn suffix(&mut self, column: ColumnRef, text: &str) {
        if text.is_empty() {
            return self.push("TRUE");
        }
        let length = i64::try_from(text.len()).unwrap_or(i64::MAX);
        match self.dialect {
            // On bytes, because the text functions of SQLite stop at a zero character.
            Dialect::Sqlite => {
                self.push("substr(CAST(");
                self.column(column);
                self.push(" AS BLOB), ");
                self.integer(-length);
                // Not `=`: of an empty text this is null.
                self.push(") IS ");
            }
            Dialect::Postgres => {
                self.push("substr(");
                self.column(column);
                self.push(", greatest(octet_length(");
                self.column(column);
                self.push(") - ");
                self.integer(length - 1);
                self.push("::bigint, 1)::int) = ");
            }
        }
        self.bind(Param::Bytes(text.as_bytes().to_vec()));
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
        let Some((term, rest)) = terms.split_first() else { return self.push("FALSE") };
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
