//! One comparison: a field, an operator, a value, each held to the type of the field.

use campus_schema::{EnumType, nearest};
use campus_store::{ColumnRef, CompareOp, Expr, Value};

use super::{column_ref, lexer::Comparator};
use crate::{
    kind::{ColumnType, Kind},
    rules::Date,
};

pub(super) fn compile(
    kind: &Kind,
    field: &str,
    comparator: Comparator,
    value: &str,
    quoted: bool,
) -> Result<Expr, String> {
    let column = column_ref(kind, field)?;
    let holds = match column {
        ColumnRef::Key => &ColumnType::Text,
        ColumnRef::Column(at) => kind.columns.get(at).map_or(&ColumnType::Text, |column| &column.holds),
    };
    if comparator == Comparator::Has && value == "*" && !quoted {
        let unset = if holds.is_text() { Value::Text(String::new()) } else { Value::Integer(0) };
        return Ok(Expr::Compare { column, op: CompareOp::Ne, value: unset });
    }
    let number = match holds {
        ColumnType::Text => return text(column, comparator, value),
        ColumnType::Folded => return text(column, comparator, &value.to_ascii_lowercase()),
        ColumnType::Date => return date(field, column, comparator, value),
        ColumnType::Integer => {
            value.parse().map_err(|_| format!("`{field}` is a whole number, for example `{field} > 3`"))?
        }
        ColumnType::Bool => truth(field, comparator, value)?,
        ColumnType::Enum(of) => i64::from(enumerator(field, comparator, value, of)?),
        ColumnType::Time => time(field, value)?,
    };
    Ok(Expr::Compare { column, op: operator(comparator), value: Value::Integer(number) })
}

fn operator(comparator: Comparator) -> CompareOp {
    match comparator {
        Comparator::Eq | Comparator::Has => CompareOp::Eq,
        Comparator::Ne => CompareOp::Ne,
        Comparator::Lt => CompareOp::Lt,
        Comparator::Le => CompareOp::Le,
        Comparator::Gt => CompareOp::Gt,
        Comparator::Ge => CompareOp::Ge,
    }
}

fn text(column: ColumnRef, comparator: Comparator, value: &str) -> Result<Expr, String> {
    let pattern = Pattern::parse(value);
    let plain = |text| Expr::Compare { column, op: operator(comparator), value: Value::Text(text) };
    match comparator {
        Comparator::Has => Ok(Expr::Contains { column, text: pattern.literal() }),
        Comparator::Eq => pattern.matching(column),
        Comparator::Ne => Ok(Expr::Not(Box::new(pattern.matching(column)?))),
        Comparator::Lt | Comparator::Le | Comparator::Gt | Comparator::Ge => Ok(plain(pattern.literal())),
    }
}

/// A day that exists; with `=` and `!=` also none at all, or a part with `*`, such as `1986-*`.
fn date(field: &str, column: ColumnRef, comparator: Comparator, value: &str) -> Result<Expr, String> {
    let equality = matches!(comparator, Comparator::Eq | Comparator::Ne | Comparator::Has);
    if Date::parse(value).is_some() || equality && (value.is_empty() || value.contains('*')) {
        return text(column, comparator, value);
    }
    Err(format!("`{field}` is a date that exists, such as \"1986-06-26\"; `{field} = \"1986-*\"` takes a whole year"))
}

/// A text with `*` at either end, or not; `\*` is a star, `\\` a backslash.
struct Pattern {
    /// The pieces between stars.
    pieces: Vec<String>,
}

impl Pattern {
    fn parse(value: &str) -> Self {
        let (mut pieces, mut piece) = (Vec::new(), String::new());
        let mut letters = value.chars();
        while let Some(letter) = letters.next() {
            match letter {
                '\\' => piece.extend(letters.next()),
                '*' => pieces.push(std::mem::take(&mut piece)),
                c => piece.push(c),
            }
        }
        pieces.push(piece);
        Self { pieces }
    }

    fn literal(self) -> String {
        self.pieces.join("*")
    }

    fn matching(self, column: ColumnRef) -> Result<Expr, String> {
        let pieces: Vec<&str> = self.pieces.iter().map(String::as_str).collect();
        Ok(match *pieces.as_slice() {
            [all] => Expr::Compare { column, op: CompareOp::Eq, value: Value::Text(all.into()) },
            ["", ""] => Expr::Compare { column, op: CompareOp::Ne, value: Value::Text(String::new()) },
            [start, ""] => Expr::Prefix { column, text: start.into() },
            ["", end] => Expr::Suffix { column, text: end.into() },
            ["", inner, ""] => Expr::Contains { column, text: inner.into() },
            _ => {
                return Err(
                    "`*` may stand at the beginning and at the end of a text only; write `\\*` for a star".into()
                );
            }
        })
    }
}

fn truth(field: &str, comparator: Comparator, value: &str) -> Result<i64, String> {
    only_equality(field, comparator)?;
    match value {
        "true" => Ok(1),
        "false" => Ok(0),
        _ => Err(format!("`{field}` is `true` or `false`")),
    }
}

fn enumerator(field: &str, comparator: Comparator, value: &str, of: &EnumType) -> Result<i32, String> {
    only_equality(field, comparator)?;
    of.number(value).ok_or_else(|| {
        let names = || of.values().iter().map(|value| value.name);
        match nearest(value, names()) {
            Some(near) => format!("`{field}` has no such value; did you mean `{near}`?"),
            None => format!("`{field}` is one of {}", names().collect::<Vec<_>>().join(", ")),
        }
    })
}

fn only_equality(field: &str, comparator: Comparator) -> Result<(), String> {
    match comparator {
        Comparator::Eq | Comparator::Ne | Comparator::Has => Ok(()),
        other => Err(format!("`{field}` has no order, so `{}` cannot compare it; use = or !=", other.sign())),
    }
}

/// A time in RFC 3339, or a day, which is its first moment in UTC; as nanoseconds since 1970.
fn time(field: &str, value: &str) -> Result<i64, String> {
    let wrong = || format!("`{field}` is a time such as \"2026-01-31T12:00:00Z\" or a day such as \"2026-01-31\"");
    let full = if value.len() == 10 { format!("{value}T00:00:00Z") } else { value.to_owned() };
    let parsed: prost_types::Timestamp = full.parse().map_err(|_| wrong())?;
    let nanoseconds = parsed.seconds.checked_mul(1_000_000_000).and_then(|n| n.checked_add(i64::from(parsed.nanos)));
    nanoseconds.ok_or_else(wrong)
}
