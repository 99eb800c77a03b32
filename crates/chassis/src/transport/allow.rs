//! Who may call: rules over what is known of the other end of a connection.

use super::{Address, Listen};
use crate::config::{List, OutOfRange};
use campus_call::{Certificate, Peer, Transport};
use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
    str::FromStr,
};

const FORM: &str = "cert:NAME, unix:uid=NUMBER, unix:gid=NUMBER, address:IP/BITS or in-process";

/// One kind of caller that is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// `cert:NAME`: the client's certificate has this DNS name, URI or common name. A first label `*` stands for any one label
    /// of a DNS name.
    Certificate(String),
    /// `unix:uid=1000`: the client's process belongs to this user.
    User(u32),
    /// `unix:gid=100`: the client's process has this group as its first.
    Group(u32),
    /// `address:10.0.0.0/8`: the client's address is in this network; without `/BITS` it is this one.
    Network(IpAddr, u8),
    /// `in-process`: the client is of this process.
    InProcess,
}

/// Callers that are allowed; none: everyone is.
pub type Allow = List<Rule>;

/// A text is no rule; says what is one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRule {
    /// It is nothing like one.
    #[error("expected {FORM}")]
    Form,
    /// A star where it stands for nothing, or for more than it looks like.
    #[error(
        "expected cert:*.NAME, as in cert:*.example.org: a star stands for the whole first label of a DNS name, and nowhere \
         else; to admit every client with a certificate, leave server.allow empty"
    )]
    Star,
    /// An address where a network is expected.
    #[error(
        "{given} is an address within a network; write {network} for the network, or leave out what is behind the slash"
    )]
    Within {
        /// As given.
        given: String,
        /// The rule of the whole network.
        network: Rule,
    },
}

impl FromStr for Rule {
    type Err = BadRule;

    fn from_str(text: &str) -> Result<Self, BadRule> {
        let rule = match text.split_once(':') {
            Some(("cert", name)) if !name.is_empty() => {
                if name.strip_prefix("*.").unwrap_or(name).contains('*') || name == "*." {
                    return Err(BadRule::Star);
                }
                Some(Self::Certificate(name.to_owned()))
            }
            Some(("unix", id)) => match id.split_once('=') {
                Some(("uid", id)) => id.parse().ok().map(Self::User),
                Some(("gid", id)) => id.parse().ok().map(Self::Group),
                _ => None,
            },
            Some(("address", network)) => return network_of(network),
            None if text == "in-process" => Some(Self::InProcess),
            _ => None,
        };
        rule.ok_or(BadRule::Form)
    }
}

fn network_of(text: &str) -> Result<Rule, BadRule> {
    let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
    let address: IpAddr = address.parse().map_err(|_| BadRule::Form)?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits = bits.map_or(Ok(most), str::parse).ok().filter(|bits| *bits <= most).ok_or(BadRule::Form)?;
    let network = Rule::Network(first_of(address, bits), bits);
    if network != Rule::Network(address, bits) {
        return Err(BadRule::Within { given: format!("address:{text}"), network });
    }
    Ok(match (address.to_canonical(), bits.checked_sub(96)) {
        // Callers of version 4 are known by that, however they are written.
        (v4 @ IpAddr::V4(_), Some(bits)) if address.is_ipv6() => Rule::Network(v4, bits),
        _ => network,
    })
}

/// The address with all but its first bits zero.
fn first_of(address: IpAddr, bits: u8) -> IpAddr {
    let rest = |width: u8| u32::from(width.saturating_sub(bits));
    match address {
        IpAddr::V4(v4) => (v4.to_bits() & u32::MAX.checked_shl(rest(32)).unwrap_or(0)).to_be_bytes().into(),
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & u128::MAX.checked_shl(rest(128)).unwrap_or(0)).into(),
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate(name) => write!(f, "cert:{name}"),
            Self::User(id) => write!(f, "unix:uid={id}"),
            Self::Group(id) => write!(f, "unix:gid={id}"),
            Self::Network(address, bits) => write!(f, "address:{address}/{bits}"),
            Self::InProcess => f.write_str("in-process"),
        }
    }
}

impl Rule {
    fn admits(&self, peer: &Peer) -> bool {
        match self {
            Self::Certificate(name) => peer.certificate.as_ref().is_some_and(|shown| has_name(shown, name)),
            Self::User(id) => peer.unix.is_some_and(|unix| unix.uid == *id),
            Self::Group(id) => peer.unix.is_some_and(|unix| unix.gid == *id),
            Self::Network(network, bits) => {
                peer.address.is_some_and(|address| is_within(address.ip().to_canonical(), *network, *bits))
            }
            Self::InProcess => peer.transport == Transport::InProcess,
        }
    }

    /// What the rule needs to ever match, if the server does not have it.
    fn lacks(&self, listen: &Listen, checks_certificates: bool) -> Option<&'static str> {
        let has = |wanted: fn(&Address) -> bool| listen.0.iter().any(wanted);
        let (there, needed) = match self {
            Self::Certificate(_) => (
                checks_certificates && has(|address| address.tcp().is_some()),
                "server.tls.client_ca and a TCP address in server.listen",
            ),
            Self::User(_) | Self::Group(_) => {
                (has(|address| matches!(address, Address::Unix(_))), "a Unix socket in server.listen")
            }
            Self::Network(..) => (has(|address| address.tcp().is_some()), "a TCP address in server.listen"),
            Self::InProcess => {
                (has(|address| matches!(address, Address::InProcess(_))), "an in-process name in server.listen")
            }
        };
        (!there).then_some(needed)
    }
}

impl Allow {
    /// Whether this caller may call.
    #[must_use]
    pub fn admits(&self, peer: &Peer) -> bool {
        self.0.is_empty() || self.0.iter().any(|rule| rule.admits(peer))
    }

    /// Refuses rules that no connection could ever match.
    pub(crate) fn check(&self, listen: &Listen, checks_certificates: bool) -> Result<(), OutOfRange> {
        for rule in &self.0 {
            if let Some(needed) = rule.lacks(listen, checks_certificates) {
                let possible = format!("no connection can match it without {needed}").into();
                return Err(OutOfRange { setting: "server.allow", value: format!("\"{rule}\""), possible });
            }
        }
        Ok(())
    }
}

fn has_name(shown: &Certificate, name: &str) -> bool {
    shown.dns_names.iter().any(|dns| is_dns_name(dns, name))
        || shown.uris.iter().any(|uri| uri == name)
        || shown.common_name.as_deref() == Some(name)
}

/// DNS names know no case; `*` is one whole label, the first (as in RFC 9525, 6.3).
fn is_dns_name(shown: &str, name: &str) -> bool {
    match name.strip_prefix("*.") {
        Some(parent) => {
            shown.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && rest.eq_ignore_ascii_case(parent))
        }
        None => shown.eq_ignore_ascii_case(name),
    }
}

fn is_within(address: IpAddr, network: IpAddr, bits: u8) -> bool {
    address.is_ipv4() == network.is_ipv4() && first_of(address, bits) == first_of(network, bits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use campus_call::UnixCredentials;

    fn allow(rules: &str) -> Allow {
        rules.parse().unwrap()
    }

    fn from(address: &str) -> Peer {
        Peer { address: Some(format!("{address}:1").parse().unwrap()), ..Peer::of(Transport::Tcp) }
    }

    #[test]
    fn an_empty_list_allows_everyone() {
        assert!(allow("").admits(&from("10.1.2.3")));
    }

    #[test]
    fn a_network_is_what_its_first_bits_say() {
        for (rule, address, admitted) in [
            ("address:10.0.0.0/8", "10.255.0.1", true),
            ("address:10.0.0.0/8", "11.0.0.1", false),
            ("address:10.0.0.7", "10.0.0.7", true),
            ("address:10.0.0.7", "10.0.0.6", false),
            ("address:0.0.0.0/0", "192.0.2.1", true),
            ("address:0.0.0.0/0", "[2001:db8::1]", false),
            ("address:::/0", "[2001:db8::1]", true),
            ("address:2001:db8::/32", "[2001:db8:1::1]", true),
            ("address:2001:db8::/32", "[2001:db9::1]", false),
            ("address:10.0.0.0/8", "[::ffff:10.0.0.1]", true),
            ("address:::ffff:10.0.0.7", "10.0.0.7", true),
            ("address:::ffff:10.0.0.0/104", "10.255.0.1", true),
            ("address:::ffff:10.0.0.0/104", "11.0.0.1", false),
        ] {
            assert_eq!(allow(rule).admits(&from(address)), admitted, "{rule} {address}");
        }
    }

    #[test]
    fn a_certificate_is_known_by_any_of_its_names() {
        let shown = Certificate {
            common_name: Some("Old Name".into()),
            dns_names: vec!["web.campus.example".into()],
            uris: vec!["spiffe://campus/web".into()],
        };
        let peer = Peer { certificate: Some(shown), ..Peer::of(Transport::Tcp) };
        for (rule, admitted) in [
            ("cert:web.campus.example", true),
            ("cert:WEB.campus.example", true),
            ("cert:*.campus.example", true),
            ("cert:*.example", false),
            ("cert:*.web.campus.example", false),
            ("cert:spiffe://campus/web", true),
            ("cert:spiffe://campus/", false),
            ("cert:Old Name", true),
            ("cert:other,in-process", false),
            ("cert:other,cert:Old Name", true),
        ] {
            assert_eq!(allow(rule).admits(&peer), admitted, "{rule}");
            assert!(!allow(rule).admits(&from("10.0.0.1")), "{rule}");
        }
    }

    #[test]
    fn the_owner_of_a_process_is_told_by_user_or_group() {
        let unix = Some(UnixCredentials { uid: 1000, gid: 100, pid: None });
        let peer = Peer { unix, ..Peer::of(Transport::Unix) };
        for (rule, admitted) in
            [("unix:uid=1000", true), ("unix:gid=100", true), ("unix:uid=100", false), ("in-process", false)]
        {
            assert_eq!(allow(rule).admits(&peer), admitted, "{rule}");
        }
        assert!(allow("in-process").admits(&Peer::of(Transport::InProcess)));
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        for text in ["cert:", "unix:1", "unix:uid=x", "address:10.0.0.0/33", "address:x", "in-process:x", "everyone"] {
            assert!(text.parse::<Rule>().is_err(), "{text}");
        }
        for text in ["cert:*", "cert:*.", "cert:a.*.org", "cert:**.org", "cert:*.*.org", "cert:*a.org"] {
            let why = text.parse::<Rule>().unwrap_err().to_string();
            assert!(why.starts_with("expected cert:*.NAME, as in cert:*.example.org"), "{text}: {why}");
        }
        for (text, network) in [
            ("address:10.1.2.3/8", "address:10.0.0.0/8"),
            ("address:10.0.0.1/0", "address:0.0.0.0/0"),
            ("address:2001:db8::1/32", "address:2001:db8::/32"),
            ("address:::ffff:1.2.3.4/64", "address:::/64"),
        ] {
            let line = text.parse::<Rule>().unwrap_err().to_string();
            let expected = format!("{text} is an address within a network; write {network} for the network, or ");
            assert!(line.starts_with(&expected), "{line}");
        }
        for text in ["cert:*.a.b", "unix:uid=0", "unix:gid=1", "address:10.0.0.0/8", "in-process"] {
            assert_eq!(text.parse::<Rule>().unwrap().to_string(), text);
        }
    }
}
