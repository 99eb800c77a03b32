//! REST in front of any gRPC service that the descriptors know.
//!
//! [`route`] finds the method that a request is for, by the rules of `google.api.http`; [`bind`] makes the request message
//! out of path, query and body, and the body of the answer out of the reply message. Both work on a table built at the
//! start and know no service by name. A [`Gateway`] is what `campus_chassis::AppBuilder::web` takes: it sends the messages
//! to its [`Backend`]s and speaks HTTP as people expect it.

mod answer;
mod backend;
pub mod bind;
mod code;
mod fault;
mod gateway;
mod grpc;
mod openapi;
mod page;
mod program;
mod request;
pub mod route;
mod settings;
mod stream;
mod trouble;
mod unary;
mod web;

pub use backend::{Backend, BackendError};
pub use gateway::{BuildError, Gateway};
pub use program::main;
pub use settings::{BadOrigin, CorsConfig, Origin, RestConfig};
