//! Where a server listens.

use crate::config::{BadUnit, List};
use std::{fmt, net::SocketAddr, path::PathBuf, str::FromStr};

/// What is listened at from outside: a name within the process is for programs, and not everywhere.
const FORM: &str = "an IP address and a port, for example 127.0.0.1:50051 or [::1]:50051; or unix:/path/of.sock";

/// One place a server listens at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// `127.0.0.1:50051`, `[::1]:50051`; port 0 takes any free one. `[::]` is both versions of IP.
    Tcp(SocketAddr),
    /// `unix:/run/campus.sock`.
    Unix(PathBuf),
    /// `in-process:NAME`, for clients within the process (`campus_inprocess::connect`).
    InProcess(String),
}

/// Where a server listens: one address or several, separated by commas in text.
pub type Listen = List<Address>;

impl FromStr for Address {
    type Err = BadUnit;

    fn from_str(text: &str) -> Result<Self, BadUnit> {
        let text = text.trim();
        if let Some(path) = text.strip_prefix("unix:") {
            // As gRPC names them: unix:path, unix:/absolute, unix:///absolute.
            let path = path.strip_prefix("//").unwrap_or(path);
            return if path.is_empty() { Err(BadUnit(FORM)) } else { Ok(Self::Unix(path.into())) };
        }
        if let Some(name) = text.strip_prefix("in-process:") {
            return if name.is_empty() { Err(BadUnit(FORM)) } else { Ok(Self::InProcess(name.to_owned())) };
        }
        text.parse().map(Self::Tcp).map_err(|_| BadUnit(FORM))
    }
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

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::Tcp(address)
    }
}

impl From<SocketAddr> for Listen {
    fn from(address: SocketAddr) -> Self {
        Self(vec![address.into()])
    }
}

impl Address {
    /// The address, if it is one of TCP.
    #[must_use]
    pub fn tcp(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(address) => Some(*address),
            Self::Unix(_) | Self::InProcess(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written() {
        for text in ["127.0.0.1:50051", "[::]:0", "unix:/run/campus.sock", "in-process:campus"] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        assert_eq!("unix:///run/x".parse::<Address>().unwrap(), Address::Unix("/run/x".into()));
        for text in ["", "localhost:1", "unix:", "in-process:", "127.0.0.1", "http://127.0.0.1:1"] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
