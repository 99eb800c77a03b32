use std::{fmt, net::SocketAddr};

/// Who is at the other end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// How the connection came.
    pub transport: Transport,
    /// The client's address; TCP only.
    pub address: Option<SocketAddr>,
    /// The address of this server that the client has connected to; TCP only.
    pub local: Option<SocketAddr>,
    /// Who the client's process belongs to; Unix sockets only.
    pub unix: Option<UnixCredentials>,
    /// The certificate the client showed and the server has checked; mutual TLS only.
    pub certificate: Option<Certificate>,
    /// Whether the connection is encrypted.
    pub tls: bool,
}

/// How a connection came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// TCP, version 4 or 6 of IP.
    Tcp,
    /// A Unix socket.
    Unix,
    /// Within this process.
    InProcess,
}

/// Who a process belongs to, as the kernel says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnixCredentials {
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Process, where the platform tells it.
    pub pid: Option<i32>,
}

/// The names in a certificate that was checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Certificate {
    /// Common name of the subject, if it has one.
    pub common_name: Option<String>,
    /// Alternative names of type DNS.
    pub dns_names: Vec<String>,
    /// Alternative names of type URI, such as SPIFFE ids.
    pub uris: Vec<String>,
}

impl Peer {
    /// A peer of which only the way it came is known.
    #[must_use]
    pub fn of(transport: Transport) -> Self {
        Self { transport, address: None, local: None, unix: None, certificate: None, tls: false }
    }
}

impl Certificate {
    /// The name to show: the first URI, else the first DNS name, else the common name.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.uris.first().or(self.dns_names.first()).or(self.common_name.as_ref()).map(String::as_str)
    }
}

/// As logs show it: `10.0.0.7:41234`, `unix:uid=1000`, `in-process`, with the certificate's name behind it.
impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.transport, self.address, self.unix) {
            (Transport::Tcp, Some(address), _) => write!(f, "{address}")?,
            (Transport::Tcp, None, _) => f.write_str("tcp")?,
            (Transport::Unix, _, Some(unix)) => write!(f, "unix:uid={}", unix.uid)?,
            (Transport::Unix, _, None) => f.write_str("unix")?,
            (Transport::InProcess, ..) => f.write_str("in-process")?,
        }
        match self.certificate.as_ref().and_then(Certificate::name) {
            Some(name) => write!(f, " ({name})"),
            None => Ok(()),
        }
    }
}
