//! From the files to what rustls needs.

use super::{
    certificate::{Expiry, expiry, is_authority, not_yet},
    settings::{ClientCertificate, Files, TlsConfig, TlsVersion},
};
use crate::config::{ByteSize, OutOfRange, read_file};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject},
    server::{NoServerSessionStorage, WebPkiClientVerifier, danger::ClientCertVerifier},
    version::{TLS12, TLS13},
};
use std::{path::Path, sync::Arc};

/// No file of certificates or keys is larger.
const MOST: ByteSize = ByteSize::mib(1);

/// Stands in a private key that is encrypted (RFC 7468, 11, and RFC 1421).
const ENCRYPTED: &[u8] = b"ENCRYPTED";
const KEYS: &str = "make one of RSA (2048 bits or more), ECDSA (P-256 or P-384) or Ed25519";

/// What the files hold.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Contents {
    certificate: Vec<u8>,
    key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
}

/// What the connections of each port are encrypted with: the one thing they differ in is what they speak (ALPN).
#[derive(Clone)]
pub(super) struct Served {
    pub(super) grpc: Arc<ServerConfig>,
    pub(super) web: Arc<ServerConfig>,
}

/// What new connections are served with.
pub(super) struct Loaded {
    pub(super) server: Served,
    pub(super) certificate: Expiry,
    pub(super) client_ca: Option<Expiry>,
}

/// A file that cannot be used, by the name of its setting.
struct File<'a> {
    setting: &'static str,
    path: &'a Path,
}

impl<'a> File<'a> {
    fn certificate(files: Files<'a>) -> Self {
        Self { setting: "server.tls.certificate", path: files.certificate }
    }

    fn key(files: Files<'a>) -> Self {
        Self { setting: "server.tls.key", path: files.key }
    }

    fn client_ca(path: &'a Path) -> Self {
        Self { setting: "server.tls.client_ca", path }
    }

    fn unusable(&self, why: impl Into<String>) -> OutOfRange {
        OutOfRange { setting: self.setting, value: format!("{:?}", self.path), possible: why.into().into() }
    }

    fn read(&self) -> Result<Vec<u8>, OutOfRange> {
        let bytes = read_file(self.path, MOST);
        let bytes = bytes.map_err(|error| self.unusable(format!("the file cannot be read: {error}")))?;
        // What editors put before the first line of a text (BOM).
        Ok(bytes.strip_prefix(b"\xef\xbb\xbf").map(<[u8]>::to_vec).unwrap_or(bytes))
    }

    fn no_pem(&self, error: &pem::Error) -> OutOfRange {
        self.unusable(match error {
            pem::Error::MissingSectionEnd { .. } => {
                "the file ends in the middle of a section of PEM; has it been written whole?".to_owned()
            }
            pem::Error::IllegalSectionStart { .. } => "a line that begins a section of PEM is damaged".to_owned(),
            error => format!("the file is not in PEM form: {error}"),
        })
    }

    fn private_key(&self, text: &[u8]) -> Result<PrivateKeyDer<'static>, OutOfRange> {
        PrivateKeyDer::from_pem_slice(text).map_err(|error| match error {
            _ if text.windows(ENCRYPTED.len()).any(|found| found == ENCRYPTED) => self.unusable(
                "the key is encrypted, and nobody is there to type its passphrase; decrypt it (openssl pkey -in OLD -out NEW)",
            ),
            pem::Error::NoItemsFound => self.unusable("the file holds no private key in PEM form"),
            error => self.no_pem(&error),
        })
    }

    /// Certificates, and when the first of them expires.
    fn certificates(&self, text: &[u8]) -> Result<(Vec<CertificateDer<'static>>, Expiry), OutOfRange> {
        let read: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(text).collect();
        let certificates = read.map_err(|error| self.no_pem(&error))?;
        let expiries: Option<Vec<Expiry>> = certificates.iter().map(expiry).collect();
        let expiries = expiries.ok_or_else(|| self.unusable("the file holds what is no X.509 certificate"))?;
        let first = expiries.iter().min().copied();
        Ok((certificates, first.ok_or_else(|| self.unusable("the file holds no certificate in PEM form"))?))
    }
}

impl Contents {
    /// Reads the files.
    pub(super) fn read(files: Files<'_>) -> Result<Self, OutOfRange> {
        let client_ca = files.client_ca.map(|path| File::client_ca(path).read()).transpose()?;
        Ok(Self { certificate: File::certificate(files).read()?, key: File::key(files).read()?, client_ca })
    }

    /// Checks everything, and that key and certificate fit.
    pub(super) fn load(&self, config: &TlsConfig, files: Files<'_>) -> Result<Loaded, OutOfRange> {
        let (file, key_file) = (File::certificate(files), File::key(files));
        let (chain, certificate) = file.certificates(&self.certificate)?;
        if certificate.has_passed() {
            return Err(file.unusable(format!("the certificate expired on {certificate}; renew it")));
        }
        if let Some(from) = chain.iter().find_map(not_yet) {
            return Err(file.unusable(format!("the certificate is not good before {from}; is the clock right?")));
        }
        let key = key_file.private_key(&self.key)?;
        let provider = Arc::new(ring::default_provider());
        if provider.key_provider.load_private_key(key.clone_key()).is_err() {
            return Err(
                key_file.unusable(format!("the file holds a private key of a kind that is not supported; {KEYS}"))
            );
        }
        let (clients, client_ca) = match (files.client_ca, &self.client_ca) {
            (Some(path), Some(text)) => {
                let (verifier, expiry) = verifier(&File::client_ca(path), text, &provider, config)?;
                (verifier, Some(expiry))
            }
            _ => (WebPkiClientVerifier::no_client_auth(), None),
        };
        let versions: &[_] = match config.min_version {
            TlsVersion::V1_2 => &[&TLS13, &TLS12],
            TlsVersion::V1_3 => &[&TLS13],
        };
        let unfit = |error: rustls::Error| {
            key_file.unusable(format!("the key does not fit the certificate {:?}: {error}", files.certificate))
        };
        let builder = ServerConfig::builder_with_provider(provider).with_protocol_versions(versions).map_err(unfit)?;
        let mut server = builder.with_client_cert_verifier(clients).with_single_cert(chain, key).map_err(unfit)?;
        server.alpn_protocols = vec![super::H2.to_vec()];
        if files.client_ca.is_some() {
            // A session that is taken up again would not look at the client's certificate, which may have expired since.
            server.session_storage = Arc::new(NoServerSessionStorage {});
            server.send_tls13_tickets = 0;
        }
        let mut web = server.clone();
        web.alpn_protocols.push(super::HTTP_1_1.to_vec());
        let server = Served { grpc: Arc::new(server), web: Arc::new(web) };
        Ok(Loaded { server, certificate, client_ca })
    }
}

/// What checks the certificates of clients, and when the first of the authorities expires.
fn verifier(
    file: &File<'_>,
    text: &[u8],
    provider: &Arc<CryptoProvider>,
    config: &TlsConfig,
) -> Result<(Arc<dyn ClientCertVerifier>, Expiry), OutOfRange> {
    let (authorities, first) = file.certificates(text)?;
    // While authorities are exchanged, an old one may stand beside the new one for longer than it is good.
    if authorities.iter().filter_map(expiry).all(Expiry::has_passed) {
        return Err(file.unusable(format!("every authority has expired, the first on {first}; renew it")));
    }
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        if !is_authority(&authority) {
            return Err(file.unusable(
                "the file holds a certificate that is not of an authority, and can vouch for no client; give that of who signed it",
            ));
        }
        roots.add(authority).map_err(|error| file.unusable(format!("an authority cannot be used: {error}")))?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    let builder = match config.client_certificate {
        None | Some(ClientCertificate::Required) => builder,
        Some(ClientCertificate::Optional) => builder.allow_unauthenticated(),
    };
    let verifier =
        builder.build().map_err(|error| file.unusable(format!("the authorities cannot be used: {error}")))?;
    Ok((verifier, first))
}
