//! The settings of REST.

use std::{
    fmt,
    net::{Ipv4Addr, SocketAddr},
    str::FromStr,
};

use campus_chassis::{
    Listen,
    config::{ByteSize, HumanDuration, List, OutOfRange, Range, check},
};
use serde::{Deserialize, Serialize};

/// Where REST is served, and what a request may take.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RestConfig {
    /// Where it listens: one address or several, as `server.listen` has them.
    pub listen: Listen,
    /// Largest body of a request that is one message, after it was unpacked; a larger one is HTTP 413.
    pub max_body: ByteSize,
    /// Longest path with its query; a longer one is HTTP 414.
    pub max_uri: ByteSize,
    /// The time of a request that brings no `Grpc-Timeout`; streams of a server have no such limit.
    pub default_deadline: HumanDuration,
    /// A longer `Grpc-Timeout` is cut to this.
    pub max_deadline: HumanDuration,
    /// Smaller bodies of answers are sent as they are.
    pub compress_over: ByteSize,
    /// Pages of other origins.
    pub cors: CorsConfig,
}

impl Default for RestConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)).into(),
            max_body: ByteSize::mib(4),
            max_uri: ByteSize::kib(8),
            default_deadline: HumanDuration::secs(10),
            max_deadline: HumanDuration::secs(60),
            compress_over: ByteSize::kib(1),
            cors: CorsConfig::default(),
        }
    }
}

/// Which pages of other origins may use the gateway (Fetch Standard, "CORS protocol").
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CorsConfig {
    /// The origins, for example `https://campus.example`, or `*` for all; empty: none.
    pub origins: List<Origin>,
    /// Whether such pages may send cookies and `Authorization` of their own accord; not with `*`.
    pub credentials: bool,
    /// How long a browser may keep what it was told.
    pub max_age: HumanDuration,
}

impl Default for CorsConfig {
    fn default() -> Self {
        Self { origins: List::default(), credentials: false, max_age: HumanDuration::secs(3600) }
    }
}

/// An origin as browsers send it: scheme, host, and the port unless it is the scheme's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    /// As a header carries it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is every origin.
    pub fn is_any(&self) -> bool {
        self.0 == "*"
    }
}

/// A text is no origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an origin such as https://campus.example or http://localhost:3000, or *")]
pub struct BadOrigin;

impl FromStr for Origin {
    type Err = BadOrigin;

    fn from_str(text: &str) -> Result<Self, BadOrigin> {
        let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let good = |host: &str| {
            let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-:[]".contains(&byte);
            !host.is_empty() && host.bytes().all(legal)
        };
        if text == "*" || host.is_some_and(good) { Ok(Self(text.to_owned())) } else { Err(BadOrigin) }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl RestConfig {
    /// Checks what the types of the settings do not: that each makes sense.
    ///
    /// # Errors
    /// [`OutOfRange`].
    #[rustfmt::skip] // a row a setting
    pub fn check(&self) -> Result<(), OutOfRange> {
        const TIME: &str = "at least 1ms is needed";
        check([
            Range::new("rest.max_body", &self.max_body, 1..=1 << 30, "1B to 1GiB must be allowed"),
            Range::new("rest.max_uri", &self.max_uri, 256..=65_534, "256B to 65534B must be allowed"),
            Range::new("rest.default_deadline", &self.default_deadline, 1..=u64::MAX, TIME),
            Range::new("rest.max_deadline", &self.max_deadline, 1..=u64::MAX, TIME),
        ])?;
        if self.default_deadline > self.max_deadline {
            return Err(OutOfRange {
                setting: "rest.default_deadline",
                value: format!("\"{}\"", self.default_deadline),
                possible: format!("it is at most rest.max_deadline, which is {}", self.max_deadline).into(),
            });
        }
        if self.cors.credentials && self.cors.origins.0.iter().any(Origin::is_any) {
            return Err(OutOfRange {
                setting: "rest.cors.credentials",
                value: "true".to_owned(),
                possible: "browsers take no credentials together with the origin *; list the origins".into(),
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_what_browsers_send() {
        for good in ["*", "https://campus.example", "http://localhost:3000", "http://[::1]:3000"] {
            assert_eq!(good.parse::<Origin>().unwrap().as_str(), good);
        }
        for bad in ["", "campus.example", "https://", "https://campus.example/", "HTTPS://x", "null", "https://a b"] {
            assert_eq!(bad.parse::<Origin>(), Err(BadOrigin), "{bad}");
        }
    }

    #[test]
    fn credentials_and_every_origin_do_not_go_together() {
        let cors = CorsConfig { origins: "*".parse().unwrap(), credentials: true, ..CorsConfig::default() };
        let error = RestConfig { cors, ..RestConfig::default() }.check().unwrap_err();
        assert!(error.to_string().starts_with("setting rest.cors.credentials is true: "), "{error}");
        assert_eq!(RestConfig::default().check(), Ok(()));
    }
}
