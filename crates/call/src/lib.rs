//! What is known of the call that is being served: who asks, until when, under which id.
//!
//! The chassis makes a [`Call`] for each call, puts it into the extensions of the request, and keeps it at hand in
//! [`current()`] while the handler or the reply's stream is polled; so the store, logs and spans can see it without every
//! function in between passing it on. This crate knows nothing of gRPC, TLS or telemetry.

mod call;
mod current;
mod peer;
mod request_id;
pub mod timeout;
mod trailers;

pub use call::{Call, CallBuilder, Trace};
pub use current::{Entered, current, enter, is_sampled};
/// The target of every `tracing` span that is meant for the collector of traces; log lines have others.
pub const SPANS: &str = "campus.span";

pub use peer::{Certificate, Peer, Transport, UnixCredentials};
pub use request_id::RequestId;
pub use trailers::BadMetadata;
