//! What the command line says about TLS.

use std::{env, ffi::OsString, path::PathBuf};

use campus_client::{BadTls, Target, Tls};
use clap::Args;

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

    /// Whether anything is said, here or in the environment, for a target that leaves it open.
    pub(super) fn is_asked_for(&self) -> bool {
        self.clone().or(Self::of_environment()).given().is_some()
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

    /// Reads the files, for the servers of a target.
    pub(super) fn load(&self, target: &Target) -> Result<Tls, Failure> {
        let args = self.clone().or(Self::of_environment());
        let mut builder = Tls::builder();
        if let Some(path) = &args.tls_ca {
            builder = builder.authorities(path.as_path().into());
        }
        builder = match (&args.tls_cert, &args.tls_key) {
            (Some(certificate), Some(key)) => builder.identity(certificate.as_path().into(), key.as_path().into()),
            (None, None) => builder,
            (Some(_), None) => return Err(Failure::usage("--tls-cert needs --tls-key, the file of its private key")),
            (None, Some(_)) => return Err(Failure::usage("--tls-key needs --tls-cert, the file of its certificate")),
        };
        let host = args.tls_server_name.clone().or_else(|| target.host());
        let host = host.ok_or_else(|| {
            let what = format!("{target} has no name that a certificate could be for");
            Failure::usage(what).note("--tls-server-name NAME says whom to expect")
        })?;
        builder.build(&host).map_err(|error| args.words(error))
    }

    fn words(&self, error: BadTls) -> Failure {
        let is_authority = |place: &str| self.tls_ca.as_deref().is_some_and(|path| path.display().to_string() == place);
        match error {
            BadTls::File { path, source } => Failure::file("read", &path, &source),
            BadTls::Pem { ref place, what, .. } => {
                let flag = match what {
                    "private key" => "--tls-key",
                    _ if is_authority(place) => "--tls-ca",
                    _ => "--tls-cert",
                };
                Failure::usage(format!("{flag} {error}"))
            }
            BadTls::Name(name) if self.tls_server_name.is_some() => {
                let form = "cannot be the name of a server; give a DNS name or an IP address";
                Failure::usage(format!("--tls-server-name {name:?} {form}"))
            }
            other => Failure::usage(other.to_string()),
        }
    }
}
