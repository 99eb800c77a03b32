//! `order_by` (AIP-132): fields, each with an optional ` desc`, compiled to the store's order.

use campus_store::{ColumnRef, Order};

use crate::{error::Error, filter::column_ref, kind::Kind};

const MOST: usize = 8;

/// Reads an `order_by`.
///
/// # Errors
/// A violation of `order_by` that names the first fault.
pub(crate) fn parse(kind: &Kind, text: &str) -> Result<Vec<Order>, Error> {
    let wrong = |what: String| Error::invalid("order_by", what);
    let mut orders: Vec<Order> = Vec::new();
    if text.trim().is_empty() {
        return Ok(orders);
    }
    for part in text.split(',') {
        let mut words = part.split_ascii_whitespace();
        let field = words.next().ok_or_else(|| wrong("has an empty place between commas".into()))?;
        let descending = match words.next() {
            None | Some("asc") => false,
            Some("desc") => true,
            Some(other) => return Err(wrong(format!("`{other}` after `{field}` is neither `asc` nor `desc`"))),
        };
        if words.next().is_some() {
            return Err(wrong(format!("has more than a direction after `{field}`; fields are separated by commas")));
        }
        let column = column_ref(kind, field).map_err(wrong)?;
        if orders.iter().any(|order| order.column == column) {
            return Err(wrong(format!("`{field}` stands in it twice")));
        }
        orders.push(Order { column, descending });
    }
    if orders.len() > MOST {
        return Err(wrong(format!("has {} fields; at most {MOST} are taken", orders.len())));
    }
    // Names are unique: what comes after one decides nothing.
    if let Some(at) = orders.iter().position(|order| order.column == ColumnRef::Key) {
        orders.truncate(at + 1);
    }
    Ok(orders)
}
