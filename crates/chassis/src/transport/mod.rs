//! How connections come, before there is HTTP/2 on them: addresses, TLS, and who may call.

mod address;
mod allow;
mod clash;
mod listener;
mod mode;
mod stream;
mod tls;
mod unix;

/// What is spoken at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Port {
    /// gRPC over HTTP/2.
    Grpc,
    /// Whatever else goes over HTTP/1.1 and HTTP/2.
    Web,
}

pub use address::{Address, Listen};
pub use allow::{Allow, Rule};
pub(crate) use listener::{Accepting, Listener, tcp};
pub use mode::SocketMode;
pub(crate) use stream::{Io, Stream};
pub use tls::{ClientCertificate, TlsConfig, TlsVersion};
pub(crate) use tls::{Tls, Watched};
