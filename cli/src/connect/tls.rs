//! What the command line says about TLS.

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use clap::Args;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

use crate::failure::Failure;

/// Options of the connection. What is not given comes from the environment; not by clap, to which it would be typed, and of no
/// use for a server without TLS.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct TlsArgs {
    /// File of the authorities to trust (PEM) [env: CAMPUS_TLS_CA] [default: those of this machine]
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_ca: Option<PathBuf>,
    /// File of the certificate to show to the server (PEM) [env: CAMPUS_TLS_CERT]
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// File of its private key (PEM) [env: CAMPUS_TLS_KEY]
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Name to expect in the server's certificate [env: CAMPUS_TLS_SERVER_NAME] [default: the host of --server]
    #[arg(long, value_name = "NAME")]
    pub(crate) tls_server_name: Option<String>,
}

/// How a connection is encrypted.
#[derive(Debug, Clone)]
pub(crate) struct Tls {
    pub(super) config: ClientTlsConfig,
}

impl TlsArgs {
    /// Each of these, or else that of `other`.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            tls_ca: self.tls_ca.or(other.tls_ca),
            tls_cert: self.tls_cert.or(other.tls_cert),
            tls_key: self.tls_key.or(other.tls_key),
            tls_server_name: self.tls_server_name.or(other.tls_server_name),
        }
    }

    fn of_environment() -> Self {
        let variable = |name: &str| env::var_os(name).filter(|value: &OsString| !value.is_empty());
        let path = |name: &str| variable(name).map(PathBuf::from);
        Self {
            tls_ca: path("CAMPUS_TLS_CA"),
            tls_cert: path("CAMPUS_TLS_CERT"),
            tls_key: path("CAMPUS_TLS_KEY"),
            tls_server_name: variable("CAMPUS_TLS_SERVER_NAME").map(|name| name.to_string_lossy().into_owned()),
        }
    }

    /// The first that is given.
    pub(super) fn given(&self) -> Option<&'static str> {
        let given = [
            ("--tls-ca", self.tls_ca.is_some()),
            ("--tls-cert", self.tls_cert.is_some()),
            ("--tls-key", self.tls_key.is_some()),
            ("--tls-server-name", self.tls_server_name.is_some()),
        ];
        given.into_iter().find_map(|(flag, is_given)| is_given.then_some(flag))
    }

    /// Refuses what was typed for a server without TLS.
    pub(super) fn refuse_with(&self, server: &str) -> Result<(), Failure> {
        let useless =
            |flag| Failure::usage(format!("{flag} is of no use with --server {server}, which is not encrypted"));
        self.given().map_or(Ok(()), |flag| Err(useless(flag).note("give https://host:port")))
    }

    /// Reads the files.
    pub(super) fn load(&self) -> Result<Tls, Failure> {
        let args = self.clone().or(Self::of_environment());
        let mut config = ClientTlsConfig::new();
        config = match &args.tls_ca {
            Some(path) => config.ca_certificate(Certificate::from_pem(certificates("--tls-ca", path)?)),
            None => config.with_native_roots(),
        };
        config = match (&args.tls_cert, &args.tls_key) {
            (Some(certificate), Some(key)) => {
                let certificate = certificates("--tls-cert", certificate)?;
                let text = read(key)?;
                PrivateKeyDer::from_pem_slice(&text)
                    .map_err(|error| unusable("--tls-key", key, "private key", &error))?;
                config.identity(Identity::from_pem(certificate, text))
            }
            (None, None) => config,
            (Some(_), None) => return Err(Failure::usage("--tls-cert needs --tls-key, the file of its private key")),
            (None, Some(_)) => return Err(Failure::usage("--tls-key needs --tls-cert, the file of its certificate")),
        };
        Ok(Tls { config: args.tls_server_name.into_iter().fold(config, ClientTlsConfig::domain_name) })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| Failure::file("read", path, &error))
}

fn certificates(flag: &str, path: &Path) -> Result<Vec<u8>, Failure> {
    let text = read(path)?;
    // The first stands for all: whoever mixed up the files sees it here.
    CertificateDer::from_pem_slice(&text).map_err(|error| unusable(flag, path, "certificate", &error))?;
    Ok(text)
}

fn unusable(flag: &str, path: &Path, what: &str, error: &rustls::pki_types::pem::Error) -> Failure {
    Failure::usage(format!("{flag} {} holds no {what} in PEM form: {error}", path.display()))
}
