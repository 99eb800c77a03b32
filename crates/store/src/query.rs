use crate::{ColumnRef, Expr, Rows, Value};

/// Which records to read, in what order, and where to start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// The records to read; `None` for all.
    pub filter: Option<Expr>,
    /// The order. The key always comes last, in the direction of the last term, so that every order is total.
    pub order: Vec<Order>,
    /// Start with the first record behind this place.
    pub after: Option<Position>,
}

impl Query {
    /// Whether the records come in the order of their keys and without a filter, so that as many are looked at as are
    /// read.
    pub(crate) fn is_by_key(&self) -> bool {
        self.filter.is_none() && self.order.first().is_none_or(|first| first.column == ColumnRef::Key)
    }
}

/// One term of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// What to order by.
    pub column: ColumnRef,
    /// Largest first.
    pub descending: bool,
}

/// A place in an ordered listing: that of a record with these values. The record itself need not exist any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// One value for each term of the query's order.
    pub values: Vec<Value>,
    /// The key of the record.
    pub key: String,
}

/// A page of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The records, at most as many as asked for; fewer when their bodies pass 1 MiB.
    pub rows: Rows,
    /// Where the next page starts; `None` when there is nothing more.
    pub next: Option<Position>,
}
