//! Where a signal is sent, and how.

use crate::{
    VariableError, tls,
    variables::{Variable, Variables, millis},
};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use std::{fmt, sync::Arc, time::Duration};

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Signal {
    Traces,
    Metrics,
}

impl Signal {
    /// As variables name it.
    pub(crate) fn upper(self) -> &'static str {
        match self {
            Self::Traces => "TRACES",
            Self::Metrics => "METRICS",
        }
    }

    /// As paths and labels name it.
    pub(crate) fn lower(self) -> &'static str {
        match self {
            Self::Traces => "traces",
            Self::Metrics => "metrics",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Grpc,
    Http,
}

/// A collector for one signal.
#[derive(Clone)]
pub(crate) struct Endpoint {
    pub(crate) protocol: Protocol,
    /// With scheme and host; for HTTP also with the path of the signal.
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    /// Of one request.
    pub(crate) timeout: Duration,
    pub(crate) gzip: bool,
    pub(crate) tls: Option<Arc<rustls::ClientConfig>>,
}

/// Headers may be secrets.
impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("protocol", &self.protocol).field("uri", &self.uri).finish_non_exhaustive()
    }
}

impl Endpoint {
    /// As the `OTEL_EXPORTER_OTLP_*` variables say; those of the signal win over those of all. The files of TLS are read if
    /// the signal `is_on`.
    pub(crate) fn read(variables: &Variables<'_>, signal: Signal, is_on: bool) -> Result<Self, VariableError> {
        let of = |suffix| variables.otlp(signal.upper(), suffix);
        let protocol = match of("PROTOCOL")? {
            Some(variable) => variable.choice(&[("grpc", Protocol::Grpc), ("http/protobuf", Protocol::Http)])?,
            None => Protocol::Http,
        };
        let insecure = of("INSECURE")?.map(|v| v.choice(&[("true", true), ("false", false)])).transpose()?;
        let uri = match of("ENDPOINT")? {
            Some(variable) => address(&variable, signal, protocol, insecure.unwrap_or(false))?,
            None => default_address(signal, protocol),
        };
        let gzip = of("COMPRESSION")?.map(|v| v.choice(&[("none", false), ("gzip", true)])).transpose()?;
        let is_https = is_on && uri.scheme_str() == Some("https");
        Ok(Self {
            tls: if is_https { Some(tls::config(variables, signal, protocol)?) } else { None },
            protocol,
            uri,
            headers: of("HEADERS")?.map_or(Ok(HeaderMap::new()), |variable| headers(&variable))?,
            timeout: millis(of("TIMEOUT")?, 10_000)?,
            gzip: gzip.unwrap_or(false),
        })
    }

    /// A line for each variable of TLS that is set for an endpoint without it.
    pub(crate) fn unused(&self, variables: &Variables<'_>, signal: Signal) -> Result<Vec<String>, VariableError> {
        let mut lines = Vec::new();
        for suffix in ["CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY"].into_iter().filter(|_| self.tls.is_none()) {
            if let Some(variable) = variables.otlp(signal.upper(), suffix)? {
                let (name, what) = (variable.name, signal.lower());
                lines.push(format!(
                    "{name} has no effect: {what} are sent over http; for TLS the endpoint must be https"
                ));
            }
        }
        Ok(lines)
    }
}

fn default_address(signal: Signal, protocol: Protocol) -> Uri {
    match (protocol, signal) {
        (Protocol::Grpc, _) => Uri::from_static("http://localhost:4317/"),
        (Protocol::Http, Signal::Traces) => Uri::from_static("http://localhost:4318/v1/traces"),
        (Protocol::Http, Signal::Metrics) => Uri::from_static("http://localhost:4318/v1/metrics"),
    }
}

fn address(variable: &Variable, signal: Signal, protocol: Protocol, insecure: bool) -> Result<Uri, VariableError> {
    let advice = "use a URL such as http://collector:4318 or https://collector:4317";
    // Before anything repeats the value: there may be a password in it.
    if let Some(what) = not_for_collectors(&variable.value) {
        let line = format!("{what}, which is not for the address of a collector; {advice}");
        return Err(VariableError::hidden(&variable.name, line));
    }
    let scheme = variable.value.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    let text = match (scheme.as_deref(), protocol) {
        (Some("https"), _) if insecure => {
            let advice = format!(
                "https and OTEL_EXPORTER_OTLP_{}_INSECURE=true (or that of all) contradict each other; leave one out",
                signal.upper()
            );
            return Err(variable.error(advice));
        }
        (Some("http" | "https"), _) => variable.value.clone(),
        (None, Protocol::Grpc) => format!("{}://{}", if insecure { "http" } else { "https" }, variable.value),
        _ => return Err(variable.error(advice)),
    };
    let uri: Uri = text.parse().map_err(|_| variable.error(advice))?;
    let authority = uri.authority().map_or("", http::uri::Authority::as_str);
    // A port that is none would silently become that of the scheme.
    let port_is_none =
        authority.rsplit_once(':').is_some_and(|(_, port)| !port.ends_with(']')) && uri.port_u16().is_none();
    if uri.host().is_none_or(str::is_empty) || port_is_none {
        return Err(variable.error(advice));
    }
    match protocol {
        Protocol::Grpc if !matches!(uri.path(), "" | "/") => {
            Err(variable.error("gRPC takes no path; leave it out, or set OTEL_EXPORTER_OTLP_PROTOCOL to http/protobuf"))
        }
        // The address of all signals is what their paths are put behind; that of one is taken as it is.
        Protocol::Http if variable.name == "OTEL_EXPORTER_OTLP_ENDPOINT" => {
            let path = format!("{}/v1/{}", text.trim_end_matches('/'), signal.lower());
            path.parse().map_err(|_| variable.error(advice))
        }
        _ => Ok(uri),
    }
}

/// What an address has that would not be sent, or not as it is meant.
fn not_for_collectors(address: &str) -> Option<&'static str> {
    let found = |mark, what| address.contains(mark).then_some(what);
    found('@', "it names a user (@); give what identifies this program in OTEL_EXPORTER_OTLP_HEADERS")
        .or_else(|| found('?', "it has a query (?)"))
        .or_else(|| found('#', "it has a fragment (#)"))
}

/// Headers that belong to the way a request is sent.
fn is_reserved(name: &str) -> bool {
    let reserved = [
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "host",
        "te",
        "transfer-encoding",
        "user-agent",
    ];
    name.starts_with("grpc-") || reserved.contains(&name)
}

fn headers(variable: &Variable) -> Result<HeaderMap, VariableError> {
    let malformed = || {
        VariableError::hidden(
            &variable.name,
            "use name=value pairs separated by commas, with %XX for what a value cannot hold",
        )
    };
    let mut headers = HeaderMap::new();
    for (name, value) in variable.pairs().ok_or_else(malformed)? {
        let name = HeaderName::try_from(name).map_err(|_| malformed())?;
        if is_reserved(name.as_str()) {
            let line = format!("{name} belongs to the way requests are sent; leave it out");
            return Err(VariableError::hidden(&variable.name, line));
        }
        let mut value = HeaderValue::try_from(value).map_err(|_| malformed())?;
        value.set_sensitive(true);
        headers.append(name, value);
    }
    Ok(headers)
}
