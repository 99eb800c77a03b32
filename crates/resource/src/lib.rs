//! The standard methods (AIP-131 to 135, 231, and Stream, Watch, Import, Lookup) over a store, for any kind of record.
//!
//! A kind of record is a protobuf message with a `google.api.resource` option and its rules: a type that implements
//! [`Rules`]. [`Collection`] keeps the records of one kind and speaks of them as bytes; [`Api`] is the same in the
//! terms of tonic, for the adapter between a generated service trait and a collection. Errors are [`Error`] everywhere
//! but in `status`, the one place that knows what they are called in gRPC and HTTP.

mod api;
mod collection;
mod error;
mod filter;
mod import;
mod kind;
mod list;
mod lookup;
mod name;
mod order;
mod record;
mod rules;
mod status;
mod token;
mod watch;
mod write;

pub use api::{Api, Replies, Reply};
pub use collection::{Collection, Limits};
pub use error::Error;
pub use kind::{Declared, Kind, KindError, Rules};
pub use name::{Id, Name};
pub use rules::{Date, Violation, Violations};
pub use status::Row as StatusRow;
