use std::fmt;

use crate::{ColumnRef, StoreError, Table, Value};

/// A condition on records.
///
/// Text is compared by bytes. A comparison by size (`Lt`, `Le`, `Gt`, `Ge`) never matches an empty text, which is a
/// field that is not set. An operand that does not fit its column matches nothing here, and is refused in a query.
#[derive(Clone, PartialEq, Eq)]
pub enum Expr {
    /// Every record.
    True,
    /// No record.
    False,
    /// Those that match each part.
    And(Vec<Expr>),
    /// Those that match any part.
    Or(Vec<Expr>),
    /// Those that do not match.
    Not(Box<Expr>),
    /// Compares a column with a value.
    Compare {
        /// What to look at.
        column: ColumnRef,
        /// How to compare.
        op: CompareOp,
        /// What to compare with.
        value: Value,
    },
    /// The text of the column has this text in it.
    Contains {
        /// A text column.
        column: ColumnRef,
        /// What to look for; case counts.
        text: String,
    },
    /// The text of the column starts with this text.
    Prefix {
        /// A text column.
        column: ColumnRef,
        /// What to look for; case counts.
        text: String,
    },
    /// The text of the column ends with this text.
    Suffix {
        /// A text column.
        column: ColumnRef,
        /// What to look for; case counts.
        text: String,
    },
}

/// How [`Expr::Compare`] compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CompareOp {
    /// Equal.
    Eq,
    /// Not equal.
    Ne,
    /// Less.
    Lt,
    /// Less or equal.
    Le,
    /// Greater.
    Gt,
    /// Greater or equal.
    Ge,
}

/// Shows the shape alone: operands are contents of records.
impl fmt::Debug for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::True => f.write_str("True"),
            Self::False => f.write_str("False"),
            Self::And(parts) => f.debug_tuple("And").field(parts).finish(),
            Self::Or(parts) => f.debug_tuple("Or").field(parts).finish(),
            Self::Not(part) => f.debug_tuple("Not").field(part).finish(),
            Self::Compare { column, op, value } => write!(f, "{op:?}({column:?}, {value:?})"),
            Self::Contains { column, text } => write!(f, "Contains({column:?}, {} bytes)", text.len()),
            Self::Prefix { column, text } => write!(f, "Prefix({column:?}, {} bytes)", text.len()),
            Self::Suffix { column, text } => write!(f, "Suffix({column:?}, {} bytes)", text.len()),
        }
    }
}

impl Expr {
    /// How many terms an expression may have.
    pub const MAX_TERMS: usize = 512;
    /// How deep an expression may be nested.
    pub const MAX_DEPTH: usize = 64;

    /// Whether a record matches: the same answer as the database gives.
    #[must_use]
    pub fn matches(&self, key: &str, values: &[Value]) -> bool {
        match self {
            Self::True => true,
            Self::False => false,
            Self::And(parts) => parts.iter().all(|part| part.matches(key, values)),
            Self::Or(parts) => parts.iter().any(|part| part.matches(key, values)),
            Self::Not(part) => !part.matches(key, values),
            Self::Compare { column, op, value } => match (Operand::of(*column, key, values), value) {
                (Some(Operand::Text(left)), Value::Text(right)) => {
                    op.holds(left, right.as_str()) && !(op.is_by_size() && left.is_empty())
                }
                (Some(Operand::Integer(left)), Value::Integer(right)) => op.holds(&left, right),
                _ => false,
            },
            Self::Contains { column, text } => has_text(*column, key, values, |own| own.contains(text.as_str())),
            Self::Prefix { column, text } => has_text(*column, key, values, |own| own.starts_with(text.as_str())),
            Self::Suffix { column, text } => has_text(*column, key, values, |own| own.ends_with(text.as_str())),
        }
    }

    /// Refuses an expression that is too large or nested too deep, that names a column the table does not have, or
    /// whose operand is of another kind than its column.
    ///
    /// # Errors
    /// [`StoreError::Invalid`].
    pub fn check(&self, table: &Table) -> Result<(), StoreError> {
        let mut terms = 0;
        self.check_at(table, &mut terms, 1)
    }

    fn check_at(&self, table: &Table, terms: &mut usize, depth: usize) -> Result<(), StoreError> {
        *terms += 1;
        if *terms > Self::MAX_TERMS {
            return Err(StoreError::Invalid(format!("the filter has more than {} terms", Self::MAX_TERMS)));
        }
        if depth > Self::MAX_DEPTH {
            return Err(StoreError::Invalid(format!("the filter is nested deeper than {}", Self::MAX_DEPTH)));
        }
        match self {
            Self::True | Self::False => Ok(()),
            Self::And(parts) | Self::Or(parts) => {
                parts.iter().try_for_each(|part| part.check_at(table, terms, depth + 1))
            }
            Self::Not(part) => part.check_at(table, terms, depth + 1),
            Self::Compare { column, value, .. } => check_kind(table, *column, value.kind()),
            Self::Contains { column, .. } | Self::Prefix { column, .. } | Self::Suffix { column, .. } => {
                check_kind(table, *column, crate::ColumnKind::Text)
            }
        }
    }
}

/// Refuses a column the table does not have, or one of another kind.
pub(crate) fn check_kind(table: &Table, column: ColumnRef, kind: crate::ColumnKind) -> Result<(), StoreError> {
    match table.kind(column) {
        Some(own) if own == kind => Ok(()),
        Some(own) => Err(StoreError::Invalid(format!("{} is {own:?}, not {kind:?}", table.label(column)))),
        None => Err(StoreError::Invalid(format!("there is no {}", table.label(column)))),
    }
}

enum Operand<'a> {
    Text(&'a str),
    Integer(i64),
}

impl<'a> Operand<'a> {
    fn of(column: ColumnRef, key: &'a str, values: &'a [Value]) -> Option<Self> {
        match column {
            ColumnRef::Key => Some(Self::Text(key)),
            ColumnRef::Column(index) => values.get(index).map(|value| match value {
                Value::Text(text) => Self::Text(text),
                Value::Integer(number) => Self::Integer(*number),
            }),
        }
    }
}

fn has_text(column: ColumnRef, key: &str, values: &[Value], test: impl Fn(&str) -> bool) -> bool {
    matches!(Operand::of(column, key, values), Some(Operand::Text(text)) if test(text))
}

impl CompareOp {
    fn holds<T: Ord + ?Sized>(self, left: &T, right: &T) -> bool {
        match self {
            Self::Eq => left == right,
            Self::Ne => left != right,
            Self::Lt => left < right,
            Self::Le => left <= right,
            Self::Gt => left > right,
            Self::Ge => left >= right,
        }
    }

    pub(crate) fn is_by_size(self) -> bool {
        !matches!(self, Self::Eq | Self::Ne)
    }
}
