//! Keeps records and their change log, on SQLite or PostgreSQL.
//!
//! A store holds one [`Table`] of records: a key, a version, a body of bytes and one column for each field that can be
//! filtered or ordered by. It knows nothing of messages or calls. Every write goes through one writer that commits
//! whatever waits as one transaction, together with its change log; an answered write is on disk.
//!
//! ```no_run
//! # async fn example(table: campus_store::Table) -> Result<(), Box<dyn std::error::Error>> {
//! use campus_store::{Config, Store};
//!
//! let store = Store::open(Config { path: "employee.db".into(), ..Config::default() }, table).await?;
//! let row = store.get("employees/10001").await?;
//! # store.close().await?;
//! # Ok(())
//! # }
//! ```

mod change;
mod clock;
mod compile;
mod config;
mod error;
mod expr;
mod postgres;
mod query;
mod queue;
mod row;
mod span;
mod sqlite;
mod store;
mod table;
mod write;

pub use change::{Change, ChangeKind};
pub use config::{Config, PostgresConfig};
pub use error::{OpenError, StoreError};
pub use expr::{CompareOp, Expr};
pub use postgres::DatabaseUrl;
pub use query::{Order, Page, Position, Query};
pub use row::{Row, RowRef, Rows};
pub use store::{Changes, Scan, Stats, Store};
pub use table::{Column, ColumnKind, ColumnRef, Derive, Table, Value};
pub use write::{Expect, Op, Outcome, RequestId};
