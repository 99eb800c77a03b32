use std::fmt;
use std::sync::Arc;

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
