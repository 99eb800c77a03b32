use std::fmt;
use std::sync::Arc;

use crate::{Op, OpenError, StoreError};

/// The largest body; SQLite itself ends at a thousand million, PostgreSQL at 1 GiB for all of a message.
const BODY_BYTES: usize = 256 << 20;

/// Gives the column values of a record from its body, in the order of [`Table::columns`].
pub type Derive = Arc<dyn Fn(&[u8]) -> Vec<Value> + Send + Sync>;

/// What a store keeps: the name of its table and the columns beside key, version and body.
#[derive(Clone)]
pub struct Table {
    /// Lower-case letters, digits and underscores, a letter first.
    pub name: &'static str,
    /// The columns that can be filtered and ordered by.
    pub columns: Vec<Column>,
    /// Fills the columns from the bodies when the declared columns differ from those the database has.
    pub derive: Derive,
    /// To be counted up when `derive` gives other values than before for the same columns, so that they are filled anew.
    pub derivation: u32,
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").field("name", &self.name).field("columns", &self.columns).finish_non_exhaustive()
    }
}

/// One column of a [`Table`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Lower-case letters, digits and underscores, a letter first; not `key`, `version` or `body`.
    pub name: &'static str,
    /// What its values are.
    pub kind: ColumnKind,
    /// No two records share a value, upper and lower case of ASCII letters taken as one; unset values do not count.
    pub unique: bool,
    /// Filters and orders by this column use an index.
    pub indexed: bool,
}

/// What the values of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// UTF-8 text, compared by bytes.
    Text,
    /// A signed 64-bit number.
    Integer,
}

/// Names what a filter or an order looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ColumnRef {
    /// The key of the record, a text.
    Key,
    /// The column at this index of [`Table::columns`].
    Column(usize),
}

/// The value of a column. Never null: an unset field is `""` or 0.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// For [`ColumnKind::Text`].
    Text(String),
    /// For [`ColumnKind::Integer`].
    Integer(i64),
}

impl Value {
    /// The kind of column this value fits.
    #[must_use]
    pub fn kind(&self) -> ColumnKind {
        match self {
            Self::Text(_) => ColumnKind::Text,
            Self::Integer(_) => ColumnKind::Integer,
        }
    }
}

/// Shows the kind and size alone: values are contents of records.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Self::Integer(_) => f.write_str("Integer"),
        }
    }
}

impl Table {
    /// The kind of a column, or `None` for a column the table does not have.
    #[must_use]
    pub fn kind(&self, column: ColumnRef) -> Option<ColumnKind> {
        match column {
            ColumnRef::Key => Some(ColumnKind::Text),
            ColumnRef::Column(index) => self.columns.get(index).map(|column| column.kind),
        }
    }

    /// Refuses a declaration that SQL or the store itself would trip over.
    pub(crate) fn check(&self) -> Result<(), OpenError> {
        let fits = |name: &str| {
            name.len() <= 48
                && name.starts_with(|first: char| first.is_ascii_lowercase())
                && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        };
        let bad = |name: &str, why: &str| Err(OpenError::Invalid(format!("table {}: {name:?} {why}", self.name)));
        if !fits(self.name) || self.name.starts_with("sqlite_") {
            return bad(self.name, "must be lower-case letters, digits and underscores, a letter first");
        }
        for (index, column) in self.columns.iter().enumerate() {
            if !fits(column.name) {
                return bad(column.name, "must be lower-case letters, digits and underscores, a letter first");
            }
            if ["key", "version", "body"].contains(&column.name) {
                return bad(column.name, "is a column that every table has");
            }
            if self.columns.iter().take(index).any(|other| other.name == column.name) {
                return bad(column.name, "is declared twice");
            }
        }
        Ok(())
    }

    /// What the columns of a database are held against: when it differs from the one kept there, they are filled anew.
    pub(crate) fn signature(&self) -> String {
        let one = |column: &Column| {
            let flag = |on: bool, name: &'static str| if on { name } else { "" };
            let (unique, indexed) = (flag(column.unique, " unique"), flag(column.indexed, " indexed"));
            let kind = match column.kind {
                ColumnKind::Text => "TEXT",
                ColumnKind::Integer => "INTEGER",
            };
            format!("{} {kind}{unique}{indexed}", column.name)
        };
        let columns = self.columns.iter().map(one).collect::<Vec<_>>().join(", ");
        if self.derivation == 0 { columns } else { format!("{columns}; derivation {}", self.derivation) }
    }

    /// Refuses what the table cannot hold. Gives the bytes of all bodies.
    pub(crate) fn check_ops(&self, ops: &[Op]) -> Result<usize, StoreError> {
        let mut bytes = 0;
        for (index, op) in ops.iter().enumerate() {
            let bad = |why: String| Err(StoreError::Invalid(format!("{} write {index}: {why}", self.name)));
            let (Op::Put { key, .. } | Op::Delete { key, .. }) = op;
            if key.is_empty() {
                return bad("the key is empty".to_owned());
            }
            let Op::Put { body, values, .. } = op else { continue };
            if body.len() > BODY_BYTES {
                return bad(format!("a body of {} bytes is larger than {BODY_BYTES}", body.len()));
            }
            if !values.iter().map(Value::kind).eq(self.columns.iter().map(|column| column.kind)) {
                return bad("the values do not fit the columns".to_owned());
            }
            bytes += body.len();
        }
        Ok(bytes)
    }

    /// What to call a column in an error.
    pub(crate) fn label(&self, column: ColumnRef) -> String {
        let name = match column {
            ColumnRef::Key => "key",
            ColumnRef::Column(index) => match self.columns.get(index) {
                Some(column) => column.name,
                None => return format!("column {index} in {}", self.name),
            },
        };
        format!("{}.{name}", self.name)
    }
}
