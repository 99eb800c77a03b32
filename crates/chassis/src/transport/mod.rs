//! How connections come, before there is HTTP/2 on them.

mod stream;

pub(crate) use stream::{Io, Stream};
