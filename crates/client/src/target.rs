//! Whom a channel is for, as somebody writes it.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    str::FromStr,
};

use crate::Address;

/// The port of name servers (RFC 1035, 4.2).
const DNS_PORT: u16 = 53;

/// Whom a channel is for.
///
/// | text | meaning |
/// | --- | --- |
/// | `dns:///host:port`, `dns:host:port`, `host:port` | every address that the name has, asked for again and again |
/// | `dns://10.96.0.10:53/host:port` | the same, from this name server |
/// | `static:///10.0.0.1:50051,[::1]:50051` | these, whatever happens |
/// | `unix:/path`, `unix:///path` | a Unix socket |
/// | `in-process:NAME` | a server of this process |
/// | `http://host:port`, `https://host:port` | as `host:port`, without and with TLS |
///
/// Schemes are the same in capitals (RFC 3986, 3.1). An IP address in place of a name is taken as it is. A name that ends
/// with a dot is looked up as it is, without the search
/// list of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    text: String,
    place: Place,
    tls: Option<bool>,
}

/// What stands behind a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Fixed(Vec<Address>),
    Dns(DnsName),
}

/// A name that addresses are looked up for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DnsName {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// The name server to ask; else those of this machine.
    pub(crate) server: Option<SocketAddr>,
}

/// A text names no target.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no target: {why}")]
pub struct BadTarget {
    text: String,
    why: String,
}

impl BadTarget {
    /// What is wrong with it, without the text itself.
    #[must_use]
    pub fn why(&self) -> &str {
        &self.why
    }
}

impl Target {
    /// Whether the target itself says that connections are encrypted (`https`) or not (`http`, `unix`, `in-process`).
    #[must_use]
    pub fn tls(&self) -> Option<bool> {
        self.tls
    }

    /// The host that a certificate must be for, if it is one: without the dot at the end, and brackets.
    #[must_use]
    pub fn host(&self) -> Option<String> {
        match &self.place {
            Place::Dns(name) => Some(name.host.trim_end_matches('.').to_owned()),
            Place::Fixed(addresses) => match addresses.as_slice() {
                [Address::Tcp(address)] => Some(address.ip().to_string()),
                _ => None,
            },
        }
    }

    /// What calls carry as `:authority`: the name and its port, the first address, or `localhost` where there is no TCP.
    #[must_use]
    pub fn authority(&self) -> String {
        match &self.place {
            Place::Dns(name) => format!("{}:{}", name.host.trim_end_matches('.'), name.port),
            Place::Fixed(addresses) => match addresses.first() {
                Some(Address::Tcp(address)) => address.to_string(),
                _ => "localhost".to_owned(),
            },
        }
    }

    /// A text as it may be shown: what stands before an `@` may be a password.
    #[must_use]
    pub fn shown(text: &str) -> String {
        let Some((before, host)) = text.rsplit_once('@').filter(|_| has_login(text)) else { return text.to_owned() };
        let scheme = before.find("://").and_then(|end| before.get(..end + 3)).unwrap_or_default();
        format!("{scheme}...@{host}")
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Target {
    type Err = BadTarget;

    fn from_str(text: &str) -> Result<Self, BadTarget> {
        let (place, tls) = parse(text).map_err(|why| BadTarget { text: Self::shown(text), why })?;
        Ok(Self { text: text.to_owned(), place, tls })
    }
}

fn parse(text: &str) -> Result<(Place, Option<bool>), String> {
    if has_login(text) {
        return Err("gRPC takes no user or password in an address; leave out what stands before the @".to_owned());
    }
    let known = |scheme: &str| SCHEMES.into_iter().find(|known| known.eq_ignore_ascii_case(scheme));
    let Some((scheme, rest)) = text.split_once(':').and_then(|(scheme, rest)| Some((known(scheme)?, rest))) else {
        return match text.split_once("://") {
            Some((scheme, _)) => Err(format!("there is no scheme {scheme}; give one of {}", SCHEMES.join(", "))),
            None => Ok((host_and_port(text, None)?, None)),
        };
    };
    match scheme {
        "unix" | "in-process" => {
            let address = text.parse().map_err(|why| format!("{why}, as in unix:/run/campus.sock"))?;
            Ok((Place::Fixed(vec![address]), Some(false)))
        }
        "static" => Ok((list(rest)?, None)),
        "dns" => Ok((dns(rest)?, None)),
        _ => {
            let authority = rest.strip_prefix("//").ok_or_else(|| format!("{scheme}: is followed by //host:port"))?;
            let authority = authority.strip_suffix('/').unwrap_or(authority);
            if authority.contains(['/', '?', '#']) {
                return Err(format!("{scheme}://{EXAMPLE} is followed by no path"));
            }
            Ok((host_and_port(authority, None)?, Some(scheme == "https")))
        }
    }
}

/// Whether it has an `@` that is in no path.
fn has_login(text: &str) -> bool {
    let is_path = |part: &str| part.split_once(':').is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case("unix"));
    let list = text.split_once(":///").map_or(text, |(_, list)| list);
    text.contains('@') && !is_path(text) && list.split(',').any(|part| part.contains('@') && !is_path(part))
}

const SCHEMES: [&str; 6] = ["dns", "static", "unix", "in-process", "http", "https"];
const EXAMPLE: &str = "campus.example:50051";

fn list(rest: &str) -> Result<Place, String> {
    let list = rest.strip_prefix("///").ok_or("static: is followed by ///, as in static:///10.0.0.1:50051")?;
    let mut addresses = Vec::new();
    for part in list.split(',') {
        let address = part.parse().map_err(|why| match host_and_port(part, None) {
            Ok(Place::Dns(_)) => format!("{part} is a name, which is for dns:///{part}; here stand IP addresses"),
            _ => format!("of {part:?} among its addresses: {why}, as in static:///10.0.0.1:50051,[::1]:50051"),
        })?;
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    Ok(Place::Fixed(addresses))
}

fn dns(rest: &str) -> Result<Place, String> {
    let Some(rest) = rest.strip_prefix("//") else { return host_and_port(rest, None) };
    let Some((server, name)) = rest.split_once('/') else {
        return Err(format!("after dns:// stands a name server; give dns:///{rest}, or dns://10.96.0.10/{rest}"));
    };
    if server.is_empty() {
        return host_and_port(name, None);
    }
    let ip = server.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let with_port = ip.map(|ip| SocketAddr::new(ip, DNS_PORT)).or_else(|_| server.parse());
    let server = with_port.map_err(|_| {
        format!(
            "the name server {server:?} is no IP address, as in dns://10.96.0.10/{EXAMPLE} or dns://[::1]:53/{EXAMPLE}"
        )
    })?;
    host_and_port(name, Some(server))
}

fn host_and_port(text: &str, server: Option<SocketAddr>) -> Result<Place, String> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return if address.port() == 0 { Err(bad_port("0")) } else { Ok(Place::Fixed(vec![Address::Tcp(address)])) };
    }
    let no_port = || format!("{text:?} has no port, as in {EXAMPLE}");
    let (host, port) = text.rsplit_once(':').ok_or_else(no_port)?;
    if [text, host].iter().any(|ip| ip.parse::<Ipv6Addr>().is_ok()) {
        return Err("an IPv6 address stands in brackets before its port, as in [::1]:50051".to_owned());
    }
    if host.is_empty() {
        return Err(format!("there is no host before :{port}, as in {EXAMPLE}"));
    }
    if port.is_empty() {
        return Err(no_port());
    }
    let number = port.parse().ok().filter(|number| *number != 0).ok_or_else(|| bad_port(port))?;
    check_name(host)?;
    Ok(Place::Dns(DnsName { host: host.to_owned(), port: number, server }))
}

fn bad_port(port: &str) -> String {
    format!("{port:?} is no port; ports go from 1 to 65535")
}

/// Limits of RFC 1035, 2.3.4, and the letters of names of hosts, with the underscore that is in use.
fn check_name(host: &str) -> Result<(), String> {
    let name = host.strip_suffix('.').unwrap_or(host);
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    if let Some(other) = host.chars().find(|letter| !is_letter(*letter) && *letter != '.') {
        return Err(format!("{other:?} is in no name of a host; give a name or an IP address, as in {EXAMPLE}"));
    }
    if name.len() > 253 || name.split('.').any(|label| label.is_empty() || label.len() > 63) {
        return Err(format!("{host} is no name of a host: between its dots stand 1 to 63 letters, 253 in all"));
    }
    let last = name.rsplit('.').next().unwrap_or(name);
    if last.bytes().all(|letter| letter.is_ascii_digit()) {
        return Err(format!("{host} is no IP address, as in 10.0.0.1:50051"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
