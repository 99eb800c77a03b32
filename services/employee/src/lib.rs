//! Keeps the employees of the campus: the record's rules and its API.

mod api;
mod rules;

pub use api::Employees;
pub use rules::EmployeeRules;
