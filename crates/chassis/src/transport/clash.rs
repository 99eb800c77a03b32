//! Addresses that cannot be listened on, as far as that can be told before it is tried, and what to do when it fails.

use super::{Address, Listen};
use crate::config::OutOfRange;
use socket2::SockAddr;
use std::{
    io::{self, ErrorKind},
    net::SocketAddr,
    path::Path,
};

impl Listen {
    /// Refuses addresses that take each other's place, and sockets that no file can be made for.
    pub(crate) fn check(&self, setting: &'static str) -> Result<(), OutOfRange> {
        let refuse = |why: String| Err(OutOfRange { setting, value: format!("\"{self}\""), possible: why.into() });
        for (at, address) in self.0.iter().enumerate() {
            let mut others = self.0.iter().skip(at + 1);
            match others.find(|other| address.clashes(self, other, self)) {
                Some(same) if same == address => return refuse(format!("{same} stands in it twice; give it once")),
                Some(other) => return refuse(format!("{address} and {other} take the same port; leave one out")),
                None => {}
            }
            if let Address::Unix(path) = address
                && let Some(why) = unusable(path)
            {
                return refuse(why);
            }
        }
        Ok(())
    }

    /// Refuses addresses that those of another setting take.
    pub(crate) fn check_beside(
        &self,
        setting: &'static str,
        of: &'static str,
        others: &Self,
    ) -> Result<(), OutOfRange> {
        let taken = |own: &Address| others.0.iter().find(|other| own.clashes(self, other, others));
        let Some(other) = self.0.iter().find_map(taken) else { return Ok(()) };
        let possible = format!("{other} of {of} takes it; give one of them another port").into();
        Err(OutOfRange { setting, value: format!("\"{self}\""), possible })
    }

    /// Whether `address`, one of these, is version 6 of IP alone: `[::]` is both, unless the other one is listed as well.
    pub(super) fn is_only_v6(&self, address: SocketAddr) -> bool {
        let is_other =
            |other: SocketAddr| other.is_ipv4() && other.ip().is_unspecified() && other.port() == address.port();
        address.ip().is_unspecified() && self.0.iter().filter_map(Address::tcp).any(is_other)
    }
}

fn unusable(path: &Path) -> Option<String> {
    let text = path.as_os_str().as_encoded_bytes();
    if text.contains(&0) {
        return Some("the path of a socket cannot hold a NUL; leave it out".to_owned());
    }
    if SockAddr::unix(path).is_err() {
        let length = text.len();
        return Some(format!("its path has {length} bytes and a socket's at most 107; choose a shorter one"));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty())?;
    let missing = !folder.is_dir();
    missing.then(|| format!("there is no folder {} for the socket; make it, or choose another path", folder.display()))
}

impl Address {
    /// Whether it and `other` cannot both be listened on; each is one of a list.
    pub(crate) fn clashes(&self, own: &Listen, other: &Self, others: &Listen) -> bool {
        match (self.tcp(), other.tcp()) {
            (Some(a), Some(b)) => a.port() == b.port() && a.port() != 0 && (takes(a, own, b) || takes(b, others, a)),
            _ => self == other,
        }
    }

    /// What to do when it cannot be listened on.
    pub(crate) fn advice(&self, error: &io::Error) -> &'static str {
        let is_file = matches!(self, Self::Unix(_));
        match error.kind() {
            ErrorKind::AddrInUse => "stop what uses it, or choose another address",
            ErrorKind::AddrNotAvailable => {
                "this machine has no such address; choose one that it has, or 0.0.0.0 or [::] for all of them"
            }
            ErrorKind::PermissionDenied if is_file => {
                "this user may not make files in the folder; change that, or choose another path"
            }
            ErrorKind::PermissionDenied => {
                "a port below 1024 takes root or CAP_NET_BIND_SERVICE; choose one from 1024 on"
            }
            ErrorKind::AlreadyExists => "remove that file, or choose another path",
            _ => "choose another address",
        }
    }
}

/// Whether listening on `a` leaves no room for `b`, at the same port.
fn takes(a: SocketAddr, all: &Listen, b: SocketAddr) -> bool {
    let both_versions = a.is_ipv6() && !all.is_only_v6(a);
    a == b || (a.ip().is_unspecified() && (a.is_ipv4() == b.is_ipv4() || both_versions))
}
