//! The standard methods over a store, for any kind of record.
