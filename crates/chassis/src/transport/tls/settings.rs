//! The settings of TLS.

use crate::config::{HumanDuration, OutOfRange, Range, check};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// TLS of the TCP addresses. Nothing given: plaintext. Unix sockets, in-process connections and the admin port have none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsConfig {
    /// File of the server's certificate, with those of intermediate authorities behind it (PEM).
    pub certificate: Option<PathBuf>,
    /// File of the certificate's private key (PEM: PKCS #8, PKCS #1 or SEC1).
    pub key: Option<PathBuf>,
    /// File of the authorities whose client certificates are good (PEM). Given: mutual TLS.
    pub client_ca: Option<PathBuf>,
    /// Whether a client must have a certificate, where there is a `client_ca`; unset: it must.
    pub client_certificate: Option<ClientCertificate>,
    /// The oldest version of TLS that is spoken.
    pub min_version: TlsVersion,
    /// Time between two looks at the files; what has changed holds for new connections.
    pub reload_interval: HumanDuration,
}

impl Default for TlsConfig {
    fn default() -> Self {
        Self {
            certificate: None,
            key: None,
            client_ca: None,
            client_certificate: None,
            min_version: TlsVersion::default(),
            reload_interval: HumanDuration::secs(10),
        }
    }
}

/// Whether a client must have a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", try_from = "String")]
pub enum ClientCertificate {
    /// Without one there is no connection.
    Required,
    /// One that is shown is checked.
    Optional,
}

impl TryFrom<String> for ClientCertificate {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        match text.as_str() {
            "required" => Ok(Self::Required),
            "optional" => Ok(Self::Optional),
            _ => Err("expected required or optional"),
        }
    }
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub enum TlsVersion {
    /// 1.2 (RFC 5246).
    #[default]
    #[serde(rename = "1.2")]
    V1_2,
    /// 1.3 (RFC 8446).
    #[serde(rename = "1.3")]
    V1_3,
}

impl TryFrom<String> for TlsVersion {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        match text.as_str() {
            "1.2" => Ok(Self::V1_2),
            "1.3" => Ok(Self::V1_3),
            _ => Err("expected \"1.2\" or \"1.3\""),
        }
    }
}

/// The files of a server that speaks TLS.
#[derive(Clone, Copy, Debug)]
pub(super) struct Files<'a> {
    pub(super) certificate: &'a PathBuf,
    pub(super) key: &'a PathBuf,
    pub(super) client_ca: Option<&'a PathBuf>,
}

impl TlsConfig {
    /// Whether TCP connections are encrypted.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.certificate.is_some()
    }

    /// The files, if TLS is spoken; those that only make sense together must be there together.
    pub(super) fn files(&self) -> Result<Option<Files<'_>>, OutOfRange> {
        check([Range::new(
            "server.tls.reload_interval",
            &self.reload_interval,
            1..=u64::MAX,
            "at least 1ms is needed",
        )])?;
        let missing = |setting, because: &str| {
            Err(OutOfRange { setting, value: "unset".to_owned(), possible: format!("{because} needs it").into() })
        };
        if self.client_certificate.is_some() && self.client_ca.is_none() {
            return missing("server.tls.client_ca", "server.tls.client_certificate");
        }
        match (&self.certificate, &self.key, &self.client_ca) {
            (Some(certificate), Some(key), client_ca) => {
                Ok(Some(Files { certificate, key, client_ca: client_ca.as_ref() }))
            }
            (Some(_), None, _) => missing("server.tls.key", "server.tls.certificate"),
            (None, Some(_), _) => missing("server.tls.certificate", "server.tls.key"),
            (None, None, Some(_)) => missing("server.tls.certificate", "server.tls.client_ca"),
            (None, None, None) => Ok(None),
        }
    }
}
