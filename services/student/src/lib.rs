//! Keeps the students of the campus.
