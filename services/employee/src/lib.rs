//! Keeps the employees of the campus.
