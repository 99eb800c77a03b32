//! The settings of the gateway as a program.

use std::{fmt, path::PathBuf};

use campus_chassis::{
    Address, AdminConfig, Listen, LogConfig, ServerConfig,
    config::{HumanDuration, List, OutOfRange, Range, check},
};
use campus_client::{BadServiceConfig, BadTarget, Target, Tls, TlsBuilder};
use campus_host::TelemetrySettings;
use serde::{Deserialize, Deserializer, Serialize, de};

use crate::{Backend, RestConfig};

/// All settings. Each is `section.key` in a file and `CAMPUS__SECTION__KEY` in the environment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    /// The limits of connections and requests; `listen` is that of REST here.
    pub(crate) server: ServerConfig,
    pub(crate) admin: AdminConfig,
    pub(crate) log: LogConfig,
    pub(crate) telemetry: TelemetrySettings,
    pub(crate) rest: RestConfig,
    pub(crate) gateway: GatewaySettings,
}

/// What is behind the gateway.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct GatewaySettings {
    /// A file that holds an encoded `FileDescriptorSet`, imports included. Unset: the contract that is built in.
    pub(crate) descriptors: Option<PathBuf>,
    /// A backend that cannot be reached for longer than this makes the gateway not ready.
    pub(crate) backend_limit: HumanDuration,
    /// The servers that calls go to.
    pub(crate) backends: Backends,
}

impl Default for GatewaySettings {
    fn default() -> Self {
        Self { descriptors: None, backend_limit: HumanDuration::secs(10), backends: Backends::default() }
    }
}

/// A list in a file; elsewhere the target of one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct Backends(pub(crate) Vec<BackendSettings>);

/// One backend.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct BackendSettings {
    /// Where its servers are, for example `dns:///employee-headless:50051`.
    pub(crate) target: String,
    /// The full names of its services; unset: all that no other backend names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) services: Option<List<String>>,
    /// The authorities to trust (PEM); it encrypts the connections.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tls_ca: Option<PathBuf>,
    /// The certificate to show (PEM).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tls_certificate: Option<PathBuf>,
    /// Its key (PEM).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tls_key: Option<PathBuf>,
    /// The name to expect in the certificate of a server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tls_server_name: Option<String>,
    /// How calls are balanced, repeated and limited: gRPC's service config in JSON, in place of the gateway's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) service_config: Option<String>,
}

impl<'de> Deserialize<'de> for Backends {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Backends;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of backends, each with its target, or one target")
            }

            fn visit_str<E: de::Error>(self, target: &str) -> Result<Backends, E> {
                let backend = BackendSettings { target: target.to_owned(), ..BackendSettings::default() };
                Ok(Backends(Some(backend).filter(|backend| !backend.target.is_empty()).into_iter().collect()))
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<Backends, A::Error> {
                let mut backends = Vec::new();
                while let Some(backend) = list.next_element()? {
                    backends.push(backend);
                }
                Ok(Backends(backends))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl Settings {
    /// Checks what the types of the settings do not: that each makes sense.
    pub(crate) fn check(&mut self) -> Result<(), OutOfRange> {
        if ![ServerConfig::default().listen, Listen::default()].contains(&self.server.listen) {
            return Err(OutOfRange {
                setting: "server.listen",
                value: format!("\"{}\"", self.server.listen),
                possible: "the gateway serves no gRPC; say where it listens with rest.listen".into(),
            });
        }
        self.server.listen = Listen::default();
        if let Some(address) = self.rest.listen.0.iter().find(|address| matches!(address, Address::InProcess(_))) {
            return Err(OutOfRange {
                setting: "rest.listen",
                value: format!("\"{address}\""),
                possible: "nobody in this process would call it; give an IP address and a port, or unix:/path".into(),
            });
        }
        check([Range::new("rest.listen", &self.rest.listen, 1..=u64::MAX, "at least one address is needed")])?;
        self.server.check_with(&self.rest.listen)?;
        self.admin.check(&self.server.listen, &self.rest.listen)?;
        self.log.check()?;
        self.rest.check()
    }

    /// The backends, ready to be used.
    pub(crate) fn backends(&self) -> Result<Vec<Backend>, OutOfRange> {
        let backends = &self.gateway.backends.0;
        if backends.is_empty() {
            return Err(OutOfRange {
                setting: "gateway.backends",
                value: "[]".to_owned(),
                possible: "calls need somewhere to go; give --backend dns:///my-service:50051, or in the file under \
                           [gateway] the line backends = [{ target = \"dns:///my-service:50051\" }]"
                    .into(),
            });
        }
        backends.iter().map(|backend| backend.open().map_err(|why| backend.refused(&why))).collect()
    }
}

impl BackendSettings {
    fn refused(&self, why: &str) -> OutOfRange {
        OutOfRange {
            setting: "gateway.backends",
            value: format!("\"{}\"", Target::shown(&self.target)),
            possible: why.to_owned().into(),
        }
    }

    fn open(&self) -> Result<Backend, String> {
        if self.target.is_empty() {
            return Err(
                "its target is missing, which says where its servers are, as in dns:///my-service:50051".to_owned()
            );
        }
        if self.target.to_ascii_lowercase().starts_with("in-process:") {
            return Err("there are no servers in this process; campus serve has some, with REST before them".to_owned());
        }
        let mut backend = Backend::new(&self.target).map_err(|error| error.why().to_owned())?;
        if let Some(config) = &self.service_config {
            let refused =
                |error: BadServiceConfig| error.to_string().replacen("the service config", "its service_config", 1);
            backend = backend.service_config(config).map_err(refused)?;
        }
        let target: Target = self.target.parse().map_err(|error: BadTarget| error.why().to_owned())?;
        let backend = match &self.services {
            Some(names) if names.0.is_empty() => {
                return Err(
                    "its list of services is empty; name them, or leave it out for all that no other has".to_owned()
                );
            }
            Some(names) => backend.services(names.0.clone()),
            None => backend,
        };
        let asked = self.tls_ca.is_some() || self.tls_certificate.is_some() || self.tls_server_name.is_some();
        if !target.tls().unwrap_or(asked) {
            return if asked {
                Err("its connections are not encrypted; give https://host:port".to_owned())
            } else {
                Ok(backend)
            };
        }
        let host = self.tls_server_name.clone().or_else(|| target.host());
        let host = host.ok_or("no name to expect in the certificate of a server; give tls_server_name")?;
        Ok(backend.tls(self.tls()?.build(&host).map_err(|error| error.to_string())?))
    }

    fn tls(&self) -> Result<TlsBuilder, String> {
        let mut builder = Tls::builder();
        if let Some(path) = &self.tls_ca {
            builder = builder.authorities(path.as_path().into());
        }
        match (&self.tls_certificate, &self.tls_key) {
            (Some(certificate), Some(key)) => Ok(builder.identity(certificate.as_path().into(), key.as_path().into())),
            (None, None) => Ok(builder),
            _ => Err("tls_certificate and tls_key need each other".to_owned()),
        }
    }
}
