//! Runs every service on one machine, and is the command-line client.
fn main() {}
