//! The same tests again, with the records in PostgreSQL.

#[path = "contract/mod.rs"]
mod contract;
#[path = "model.rs"]
mod model;
#[path = "pages.rs"]
mod pages;
#[path = "people/mod.rs"]
mod people;
#[path = "watch.rs"]
mod watch;

const ENGINE: campus_testkit::Engine = campus_testkit::Engine::Postgres;
