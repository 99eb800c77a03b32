//! Filters (AIP-160) over declared fields, compiled to the store's expressions.
//!
//! Taken: `=`, `!=`, `<`, `<=`, `>`, `>=`, `:` (has), `AND`, `OR` (binds closer than `AND`, as the AIP says), `NOT` and
//! `-`, parentheses, several terms side by side (which all must hold), `*` at either end of a text that is compared with
//! `=` or `!=`. A text compares by bytes; one that is unset is neither less nor greater than any. A value that stands
//! alone is refused: what it would be looked for in is anybody's guess.

mod lexer;
mod parser;
mod restriction;
#[cfg(test)]
mod tests;

use campus_schema::nearest;
use campus_store::{ColumnRef, Expr};

use crate::{error::Error, kind::Kind};

/// Longest filter that is taken (bytes).
const LONGEST: usize = 8 << 10;

/// Reads a filter; an empty one is none.
///
/// # Errors
/// A violation of `filter` that says where the first fault is and what would be right.
pub(crate) fn parse(kind: &Kind, text: &str) -> Result<Option<Expr>, Error> {
    let wrong = |what: String| Error::invalid("filter", what);
    if text.trim().is_empty() {
        return Ok(None);
    }
    if text.len() > LONGEST {
        return Err(wrong(format!("has {} bytes; at most {LONGEST} are taken", text.len())));
    }
    let tokens = lexer::tokens(text).map_err(wrong)?;
    parser::parse(kind, &tokens).map(Some).map_err(wrong)
}

/// The column of a field.
pub(crate) fn column_ref(kind: &Kind, field: &str) -> Result<ColumnRef, String> {
    if field == "name" {
        return Ok(ColumnRef::Key);
    }
    if let Some(at) = kind.columns.iter().position(|column| column.name == field) {
        return Ok(ColumnRef::Column(at));
    }
    let names = || std::iter::once("name").chain(kind.columns.iter().map(|column| column.name));
    let hint = match nearest(field, names()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the fields are {}", names().collect::<Vec<_>>().join(", ")),
    };
    Err(format!("`{field}` is not a field that can be filtered or ordered by; {hint}"))
}
