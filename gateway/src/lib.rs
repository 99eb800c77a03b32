//! REST in front of any gRPC service that the descriptors know.
//!
//! [`route`] finds the method that a request is for, by the rules of `google.api.http`; [`bind`] makes the request message
//! out of path, query and body, and the body of the answer out of the reply message. Both work on a table built at the
//! start and know no service by name.

pub mod bind;
pub mod route;
