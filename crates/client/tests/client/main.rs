//! The channel against real servers.
