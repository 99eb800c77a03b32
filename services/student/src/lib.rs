//! Keeps the students of the campus: the record's rules and its API.

mod api;
mod rules;

pub use api::Students;
pub use rules::StudentRules;
