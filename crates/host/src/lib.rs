//! Puts kinds of records on a chassis: configuration, store, API, life cycle.
