//! Where servers are, as somebody writes it.

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

/// Whom a channel is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// `static:///a,b,c`, `unix:/path`, `in-process:NAME`: these, whatever happens.
    Static(Vec<Address>),
}

/// A text names no target.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text} is no target: {why}")]
pub struct BadTarget {
    text: String,
    why: String,
}

impl FromStr for Target {
    type Err = BadTarget;

    fn from_str(text: &str) -> Result<Self, BadTarget> {
        let bad = |why: &str| BadTarget { text: text.to_owned(), why: why.to_owned() };
        if let Some(name) = text.strip_prefix("in-process:") {
            return Ok(Self::Static(vec![Address::InProcess(name.to_owned())]));
        }
        if let Some(path) = text.strip_prefix("unix:") {
            return Ok(Self::Static(vec![Address::Unix(path.into())]));
        }
        let list = text.strip_prefix("static:///").or_else(|| text.strip_prefix("http://")).unwrap_or(text);
        let parse = |part: &str| part.parse().map(Address::Tcp).map_err(|_| bad("give static:///ADDRESS:PORT,..."));
        list.split(',').map(parse).collect::<Result<_, _>>().map(Self::Static)
    }
}
