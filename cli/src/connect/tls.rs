//! What the command line says about TLS.

use std::{
    env,
    ffi::OsString,
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Args;
use http::Uri;
use hyper_util::{client::legacy::connect::HttpConnector, rt::TokioIo};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem, pem::PemObject},
};
use tokio::{io::AsyncReadExt, net::TcpStream};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tower::{Service, service_fn};

use super::{BoxError, PROBE_AFTER, PROBE_EVERY};
use crate::failure::Failure;

/// HTTP/2 in ALPN (RFC 9113, 3.2).
const H2: &[u8] = b"h2";

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
#[derive(Clone)]
pub(super) struct Tls {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("name", &self.name).finish_non_exhaustive()
    }
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

    /// Reads the files, for a server of this name.
    pub(super) fn load(&self, host: &str) -> Result<Tls, Failure> {
        let args = self.clone().or(Self::of_environment());
        let mut roots = RootCertStore::empty();
        let authorities = match &args.tls_ca {
            Some(path) => certificates("--tls-ca", path)?,
            None => rustls_native_certs::load_native_certs().certs,
        };
        // Among those of a machine there may be some that no connection could be checked with.
        roots.add_parsable_certificates(authorities);
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().map_err(|error| unfit(&error))?;
        let builder = builder.with_root_certificates(roots);
        let mut config = match (&args.tls_cert, &args.tls_key) {
            (Some(certificate), Some(key)) => {
                let chain = certificates("--tls-cert", certificate)?;
                let key = PrivateKeyDer::from_pem_slice(&read(key)?)
                    .map_err(|error| unusable("--tls-key", key, "private key", &error))?;
                builder.with_client_auth_cert(chain, key).map_err(|error| unfit(&error))?
            }
            (None, None) => builder.with_no_client_auth(),
            (Some(_), None) => return Err(Failure::usage("--tls-cert needs --tls-key, the file of its private key")),
            (None, Some(_)) => return Err(Failure::usage("--tls-key needs --tls-cert, the file of its certificate")),
        };
        config.alpn_protocols = vec![H2.to_vec()];
        let name = args.tls_server_name.as_deref().unwrap_or(host.trim_matches(['[', ']'])).to_owned();
        let no_name = |error| Failure::usage(format!("{name} cannot be the name of a server: {error}"));
        let name = ServerName::try_from(name.clone()).map_err(no_name)?;
        Ok(Tls { connector: TlsConnector::from(Arc::new(config)), name })
    }
}

impl Tls {
    /// Connects to whatever URI it is asked for, with TLS.
    pub(super) fn connector(
        &self,
    ) -> impl Service<Uri, Response = TokioIo<TlsStream<TcpStream>>, Error = BoxError, Future: Send> + Send + use<>
    {
        let (tls, mut tcp) = (self.clone(), HttpConnector::new());
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(PROBE_AFTER));
        tcp.set_keepalive_interval(Some(PROBE_EVERY));
        service_fn(move |uri: Uri| {
            let (tls, connecting) = (tls.clone(), tcp.call(uri));
            async move { Ok(TokioIo::new(tls.shake(connecting.await?.into_inner()).await?)) }
        })
    }

    async fn shake(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let stream = self.connector.connect(self.name.clone(), stream).await?;
        match stream.get_ref().1.alpn_protocol() {
            Some(H2) => Ok(stream),
            _ => Err(io::Error::new(io::ErrorKind::InvalidData, rustls::Error::NoApplicationProtocol)),
        }
    }

    /// Why the server at `address` would not talk after the handshake. With version 1.3 of TLS it says so only then, and a
    /// client that is talking itself may miss it.
    pub(super) async fn ask(&self, address: &str) -> io::Result<()> {
        self.shake(TcpStream::connect(address).await?).await?.read_u8().await.map(drop)
    }
}

fn unfit(error: &rustls::Error) -> Failure {
    Failure::usage(format!("--tls-cert and --tls-key cannot be used together: {error}"))
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| Failure::file("read", path, &error))
}

fn certificates(flag: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let read: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(&read(path)?).collect();
    match read {
        Ok(none) if none.is_empty() => Err(unusable(flag, path, "certificate", &pem::Error::NoItemsFound)),
        read => read.map_err(|error| unusable(flag, path, "certificate", &error)),
    }
}

fn unusable(flag: &str, path: &Path, what: &str, error: &pem::Error) -> Failure {
    Failure::usage(format!("{flag} {} holds no {what} in PEM form: {error}", path.display()))
}
