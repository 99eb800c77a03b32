//! Ways to a server, as bytes.

use std::{fs, net::SocketAddr, path::Path, path::PathBuf, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
};
use tokio_rustls::TlsConnector;

use crate::Result;

/// A connection of any kind.
pub(crate) trait Bytes: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Bytes for T {}

/// How a server is reached.
pub(crate) enum Way {
    Tcp(SocketAddr),
    Unix(PathBuf),
    Tls(SocketAddr, TlsConnector),
}

impl Way {
    /// TLS with a client's certificate, which the server may ask for.
    pub(crate) fn tls(addr: SocketAddr, authority: &Authority) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(authority.issuer.der().clone())?;
        let (chain, key) = authority.issue("client")?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_client_auth_cert(vec![chain], PrivateKeyDer::try_from(key.serialize_der())?)?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        // Each handshake is a whole one.
        config.resumption = rustls::client::Resumption::disabled();
        Ok(Self::Tls(addr, TlsConnector::from(Arc::new(config))))
    }

    pub(crate) async fn connect(&self) -> Result<Box<dyn Bytes>> {
        let tcp = async |addr: SocketAddr| {
            let stream = TcpStream::connect(addr).await?;
            stream.set_nodelay(true)?;
            Ok::<_, std::io::Error>(stream)
        };
        Ok(match self {
            Self::Tcp(addr) => Box::new(tcp(*addr).await?),
            Self::Unix(path) => Box::new(UnixStream::connect(path).await?),
            Self::Tls(addr, connector) => {
                Box::new(connector.connect(ServerName::try_from("localhost")?, tcp(*addr).await?).await?)
            }
        })
    }
}

/// Signs certificates for one run.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new() -> Result<Self> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Ok(Self { issuer: CertifiedIssuer::self_signed(params, KeyPair::generate()?)? })
    }

    fn issue(&self, name: &str) -> Result<(CertificateDer<'static>, KeyPair)> {
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new(vec![name.to_owned()])?.signed_by(&key, &self.issuer)?;
        Ok((certificate.der().clone(), key))
    }

    /// `ca.pem`, `server.pem` and `server.key`.
    pub(crate) fn write(&self, dir: &Path) -> Result<()> {
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new(vec!["localhost".to_owned()])?.signed_by(&key, &self.issuer)?;
        fs::write(dir.join("ca.pem"), self.issuer.pem())?;
        fs::write(dir.join("server.pem"), certificate.pem())?;
        fs::write(dir.join("server.key"), key.serialize_pem())?;
        Ok(())
    }
}
