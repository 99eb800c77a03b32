//! Keeps records and their change log, on SQLite.
