//! TLS towards servers: whom to trust, what to show.

mod words;

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem, pem::PemObject},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

pub(crate) use self::words::words;
use crate::connection::Stream;

/// HTTP/2 in ALPN (RFC 9113, 3.2).
const H2: &[u8] = b"h2";

/// How connections are encrypted. Unix sockets and names within the process never are.
#[derive(Clone)]
pub struct Tls {
    connector: TlsConnector,
    name: ServerName<'static>,
}

/// What TLS is to be like; see [`Tls::builder`].
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct TlsBuilder {
    authorities: Option<Pem>,
    identity: Option<(Pem, Pem)>,
    name: Option<String>,
}

/// Text in PEM form, or the file that holds it.
#[derive(Clone)]
pub enum Pem {
    /// The text.
    Text(Vec<u8>),
    /// The file; it is read once.
    File(PathBuf),
}

/// TLS that cannot be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BadTls {
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Of the operating system.
        source: io::Error,
    },
    /// A text or file holds nothing of this kind.
    #[error("{place} holds no {what} in PEM form: {source}")]
    Pem {
        /// The file, or "the text given".
        place: String,
        /// `certificate` or `private key`.
        what: &'static str,
        /// Of the reader.
        source: pem::Error,
    },
    /// The certificate and its key do not go together.
    #[error("the certificate and the private key given cannot be used together: {0}")]
    Identity(rustls::Error),
    /// Servers cannot have this name.
    #[error("{0} cannot be the name of a server; give a DNS name or an IP address")]
    Name(String),
}

impl Tls {
    /// TLS that trusts the authorities of this machine, shows no certificate, and expects the name that the target gives.
    pub fn builder() -> TlsBuilder {
        TlsBuilder::default()
    }

    /// Encrypts a stream, as each connection of a channel is.
    ///
    /// # Errors
    /// If hands cannot be shaken, or what answers does not speak HTTP/2.
    pub async fn handshake(&self, stream: impl Stream + 'static) -> io::Result<Box<dyn Stream>> {
        Ok(Box::new(self.shake(Box::new(stream)).await?))
    }

    pub(crate) async fn shake(&self, stream: Box<dyn Stream>) -> io::Result<TlsStream<Box<dyn Stream>>> {
        let stream = self.connector.connect(self.name.clone(), stream).await?;
        match stream.get_ref().1.alpn_protocol() {
            Some(H2) => Ok(stream),
            _ => Err(io::Error::new(io::ErrorKind::InvalidData, rustls::Error::NoApplicationProtocol)),
        }
    }
}

impl TlsBuilder {
    /// Trusts these authorities and no others.
    pub fn authorities(mut self, pem: Pem) -> Self {
        self.authorities = Some(pem);
        self
    }

    /// Shows this chain of certificates, whose key this is, to servers that ask (mutual TLS).
    pub fn identity(mut self, chain: Pem, key: Pem) -> Self {
        self.identity = Some((chain, key));
        self
    }

    /// Expects this name in the server's certificate, whatever it was found by.
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// For servers found by `host`, a name or an IP address.
    ///
    /// # Errors
    /// [`BadTls`].
    pub fn build(self, host: &str) -> Result<Tls, BadTls> {
        let mut roots = RootCertStore::empty();
        let authorities = match &self.authorities {
            Some(pem) => pem.certificates()?,
            None => rustls_native_certs::load_native_certs().certs,
        };
        // Among those of a machine there may be some that no connection could be checked with.
        roots.add_parsable_certificates(authorities);
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(BadTls::Identity)?
            .with_root_certificates(roots);
        let mut config = match &self.identity {
            Some((chain, key)) => {
                builder.with_client_auth_cert(chain.certificates()?, key.key()?).map_err(BadTls::Identity)?
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![H2.to_vec()];
        let name = self.name.unwrap_or_else(|| host.trim_matches(['[', ']']).trim_end_matches('.').to_owned());
        let name = ServerName::try_from(name.clone()).map_err(|_| BadTls::Name(name))?;
        Ok(Tls { connector: TlsConnector::from(Arc::new(config)), name })
    }
}

impl Pem {
    fn read(&self) -> Result<Vec<u8>, BadTls> {
        match self {
            Self::Text(text) => Ok(text.clone()),
            Self::File(path) => fs::read(path).map_err(|source| BadTls::File { path: path.clone(), source }),
        }
    }

    fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, BadTls> {
        match CertificateDer::pem_slice_iter(&self.read()?).collect::<Result<Vec<_>, _>>() {
            Ok(none) if none.is_empty() => Err(self.unusable("certificate", pem::Error::NoItemsFound)),
            read => read.map_err(|error| self.unusable("certificate", error)),
        }
    }

    fn key(&self) -> Result<PrivateKeyDer<'static>, BadTls> {
        PrivateKeyDer::from_pem_slice(&self.read()?).map_err(|error| self.unusable("private key", error))
    }

    fn unusable(&self, what: &'static str, source: pem::Error) -> BadTls {
        let place = match self {
            Self::Text(_) => "the text given".to_owned(),
            Self::File(path) => path.display().to_string(),
        };
        BadTls::Pem { place, what, source }
    }
}

impl From<&Path> for Pem {
    fn from(path: &Path) -> Self {
        Self::File(path.to_owned())
    }
}

impl From<String> for Pem {
    fn from(text: String) -> Self {
        Self::Text(text.into_bytes())
    }
}

/// A text may be a private key.
impl fmt::Debug for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(_) => f.write_str("Text"),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
        }
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("name", &self.name).finish_non_exhaustive()
    }
}
