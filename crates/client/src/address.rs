//! Where one server listens.

use std::{fmt, net::SocketAddr, path::PathBuf, str::FromStr};

/// One place where a server listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Address {
    /// Of TCP.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
    /// Of this process, by its name.
    InProcess(String),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::InProcess(name) => write!(f, "in-process:{name}"),
        }
    }
}

impl FromStr for Address {
    type Err = &'static str;

    /// `10.0.0.1:50051`, `[::1]:50051`, `unix:/path`, `unix:///path` or `in-process:NAME`; else why it is none of these.
    fn from_str(text: &str) -> Result<Self, &'static str> {
        let (scheme, rest) = text.split_once(':').unwrap_or_default();
        if scheme.eq_ignore_ascii_case("in-process") {
            return if rest.is_empty() {
                Err("in-process: needs a name")
            } else {
                Ok(Self::InProcess(rest.to_owned()))
            };
        }
        if !scheme.eq_ignore_ascii_case("unix") {
            return text.parse().map(Self::Tcp).map_err(|_| "it is no IP address with a port");
        }
        match rest.strip_prefix("//") {
            None if rest.is_empty() => Err("unix: needs a path"),
            None => Ok(Self::Unix(rest.into())),
            Some(absolute) if absolute.starts_with('/') => Ok(Self::Unix(absolute.into())),
            Some(_) => Err("a Unix socket is on no other machine: after unix:// stands an absolute path"),
        }
    }
}
