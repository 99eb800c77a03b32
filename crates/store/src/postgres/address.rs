//! Where a PostgreSQL server is, and how it is spoken to.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tokio_postgres::config::{Host, SslMode};

use super::errors::cause;

/// How far the server has to prove who it is, as in libpq
/// (<https://www.postgresql.org/docs/current/libpq-ssl.html#LIBPQ-SSL-PROTECTION>).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// Not at all: who listens in learns nothing, but who stands in between does.
    Any,
    /// By a certificate of a known authority.
    Authority,
    /// By a certificate of a known authority for the name that was asked for.
    Name,
}

/// The address of a PostgreSQL database: `postgres://user:password@host:port/database?sslmode=verify-full`.
///
/// Everything but the password is shown by `Display`, `Debug` and `Serialize`.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl {
    shown: String,
    pub(super) config: tokio_postgres::Config,
    pub(super) trust: Trust,
    /// `sslrootcert`; `None` for the certificates of the system.
    pub(super) roots: Option<PathBuf>,
    /// `sslcert` and `sslkey`.
    pub(super) own: Option<(PathBuf, PathBuf)>,
}

impl FromStr for DatabaseUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if !["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme)) {
            return Err("it must begin with postgres://, for example postgres://user@host:5432/database".to_owned());
        }
        let (base, query) = text.split_once('?').unwrap_or((text, ""));
        if base.matches('@').count() > 1 || query.contains('@') {
            return Err("a ? or @ in a name or password must be written as %3F or %40".to_owned());
        }
        let (mut rest, mut tls) = (Vec::new(), Tls::default());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                return Err(format!("{name:?} is no name of a parameter"));
            }
            let value = percent_decode_str(value).decode_utf8().map_err(|_| format!("{name} is not UTF-8"))?;
            if !tls.take(name, &value)? {
                if !PARAMETERS.contains(&name) {
                    return Err(format!(
                        "{name} cannot be set; what can be: {}, {}",
                        TLS.join(", "),
                        PARAMETERS.join(", ")
                    ));
                }
                rest.push(pair);
            }
        }
        let (mode, trust) = tls.mode()?;
        let plain = if rest.is_empty() { base.to_owned() } else { format!("{base}?{}", rest.join("&")) };
        let mut config = tokio_postgres::Config::from_str(&plain).map_err(|error| cause(&error))?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err("it names no host".to_owned());
        }
        config.ssl_mode(mode);
        let own = match (tls.cert, tls.key) {
            (None, None) => None,
            (Some(cert), Some(key)) => Some((cert, key)),
            _ => return Err("sslcert and sslkey go together".to_owned()),
        };
        Ok(Self { shown: masked(base, query), config, trust, roots: tls.roots, own })
    }
}

/// The parameters that are honoured here, and those that tokio-postgres honours. What it takes beyond them is set
/// otherwise (time limits) or not done.
const TLS: [&str; 4] = ["sslmode", "sslrootcert", "sslcert", "sslkey"];
const PARAMETERS: [&str; 11] = [
    "application_name",
    "channel_binding",
    "dbname",
    "host",
    "hostaddr",
    "load_balance_hosts",
    "options",
    "password",
    "port",
    "target_session_attrs",
    "user",
];

/// What tokio-postgres leaves to its caller.
#[derive(Default)]
struct Tls {
    mode: Option<String>,
    roots: Option<PathBuf>,
    cert: Option<PathBuf>,
    key: Option<PathBuf>,
    system: bool,
}

impl Tls {
    fn take(&mut self, name: &str, value: &str) -> Result<bool, String> {
        match name {
            "sslmode" => self.mode = Some(value.to_owned()),
            "sslrootcert" if value == "system" => self.system = true,
            "sslrootcert" => self.roots = Some(value.into()),
            "sslcert" => self.cert = Some(value.into()),
            "sslkey" => self.key = Some(value.into()),
            _ => return Ok(false),
        }
        if value.is_empty() { Err(format!("{name} is empty")) } else { Ok(true) }
    }

    fn mode(&self) -> Result<(SslMode, Trust), String> {
        let rooted = self.roots.is_some() || self.system;
        match self.mode.as_deref() {
            Some("disable") => Ok((SslMode::Disable, Trust::Any)),
            None | Some("prefer") => Ok((SslMode::Prefer, Trust::Any)),
            Some("require") if rooted => Ok((SslMode::Require, Trust::Authority)),
            Some("require") => Ok((SslMode::Require, Trust::Any)),
            Some("verify-ca") => Ok((SslMode::Require, Trust::Authority)),
            Some("verify-full") => Ok((SslMode::Require, Trust::Name)),
            Some(other) => {
                Err(format!("sslmode {other:?} is none of disable, prefer, require, verify-ca and verify-full"))
            }
        }
    }
}

fn masked(base: &str, query: &str) -> String {
    let (scheme, rest) = base.split_once("://").unwrap_or(("postgres", base));
    let mut shown = match rest.rsplit_once('@') {
        Some((user, host)) => match user.split_once(':') {
            Some((name, _)) => format!("{scheme}://{name}:***@{host}"),
            None => format!("{scheme}://{user}@{host}"),
        },
        None => format!("{scheme}://{rest}"),
    };
    for (index, pair) in query.split('&').filter(|pair| !pair.is_empty()).enumerate() {
        shown.push(if index == 0 { '?' } else { '&' });
        shown.push_str(if pair.starts_with("password=") { "password=***" } else { pair });
    }
    shown
}

impl DatabaseUrl {
    /// Host, port and database alone, as errors and logs name it.
    pub(super) fn place(&self) -> String {
        let host = match self.config.get_hosts().first() {
            Some(Host::Tcp(name)) => name.clone(),
            Some(Host::Unix(path)) => path.display().to_string(),
            None => self.config.get_hostaddrs().first().map(ToString::to_string).unwrap_or_default(),
        };
        let port = self.config.get_ports().first().copied().unwrap_or(5432);
        let database = self.config.get_dbname().or(self.config.get_user()).unwrap_or_default();
        format!("postgres://{host}:{port}/{database}")
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl Serialize for DatabaseUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.shown)
    }
}

impl<'de> Deserialize<'de> for DatabaseUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|why| serde::de::Error::custom(format!("not the address of a PostgreSQL database: {why}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        for (url, shown) in [
            ("postgres://ada:s3cret@db:5433/campus", "postgres://ada:***@db:5433/campus"),
            ("postgres://ada:s3:c%40ret@db/campus?sslmode=require", "postgres://ada:***@db/campus?sslmode=require"),
            ("postgresql://ada@db/campus?password=s3cret", "postgresql://ada@db/campus?password=***"),
            ("postgres://db/campus", "postgres://db/campus"),
        ] {
            let parsed: DatabaseUrl = url.parse().unwrap();
            let said = [parsed.to_string(), format!("{parsed:?}")];
            assert_eq!(said, [shown, shown]);
            assert!(!parsed.place().contains("s3"), "{}", parsed.place());
        }
    }

    #[test]
    fn what_cannot_be_honoured_is_refused_with_the_reason_and_without_the_password() {
        for (url, why) in [
            ("mysql://ada:s3cret@db", "it must begin with postgres://"),
            ("postgres://ada:s3cret@db?sslmode=allow", "sslmode \"allow\" is none of disable, prefer"),
            ("postgres://ada:s3cret@db?sslcert=a.pem", "sslcert and sslkey go together"),
            ("postgres://ada:s3cret@db?sslrootcert=", "sslrootcert is empty"),
            ("postgres://ada:s3cret@db?sslcrl=x", "sslcrl cannot be set; what can be: sslmode, "),
            ("postgres://ada:s3cret@db?connect_timeout=9", "connect_timeout cannot be set"),
            ("postgres://ada:s3cret@db?keepalives=0", "keepalives cannot be set"),
            ("postgres://ada:s3cret@db:port/x", "invalid value for option `port`"),
            ("postgres:///campus", "it names no host"),
            ("postgres://ada:s3cret@x@db/campus", "must be written as %3F or %40"),
            ("postgres://ada:s3cret?x@db/campus", "must be written as %3F or %40"),
            ("postgres://ada@db/campus?%70assword=s3cret", "is no name of a parameter"),
        ] {
            let error = url.parse::<DatabaseUrl>().unwrap_err();
            assert!(error.contains(why) && !error.contains("s3cret"), "{url}: {error}");
        }
    }

    #[test]
    fn the_modes_are_those_of_libpq() {
        let of = |query: &str| {
            let url: DatabaseUrl = format!("postgres://db/campus?{query}").parse().unwrap();
            (url.config.get_ssl_mode(), url.trust)
        };
        assert_eq!(of(""), (SslMode::Prefer, Trust::Any));
        assert_eq!(of("sslmode=disable"), (SslMode::Disable, Trust::Any));
        assert_eq!(of("sslmode=require"), (SslMode::Require, Trust::Any));
        assert_eq!(of("sslmode=require&sslrootcert=/ca.pem"), (SslMode::Require, Trust::Authority));
        assert_eq!(of("sslmode=verify-ca&sslrootcert=system"), (SslMode::Require, Trust::Authority));
        assert_eq!(of("sslmode=verify-full"), (SslMode::Require, Trust::Name));
    }
}
