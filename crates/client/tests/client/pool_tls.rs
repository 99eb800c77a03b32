//! Servers with TLS.

use std::path::Path;

use campus_chassis::{ServerConfig, TlsConfig};
use campus_client::{BadTls, Channel, Pem, Tls, TlsBuilder};
use campus_testcerts::Authority;
use tempfile::TempDir;
use tonic::{Code, Status};

use crate::support::{Server, channel_to, note, server_config, unary};

struct Pair {
    server: Server,
    authority: Authority,
    _folder: TempDir,
}

/// A server for `campus.test`, which asks for certificates of clients or does not.
async fn pair(is_mutual: bool) -> Pair {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let file = |name: &str| folder.path().join(name);
    authority.server(&["campus.test"]).write(&file("tls.crt"), &file("tls.key"));
    std::fs::write(file("ca.crt"), &authority.certificate).unwrap();
    let client_ca = is_mutual.then(|| file("ca.crt"));
    let (certificate, key) = (Some(file("tls.crt")), Some(file("tls.key")));
    let tls = TlsConfig { certificate, key, client_ca, ..TlsConfig::default() };
    let server = Server::with(ServerConfig { tls, ..server_config() }).await;
    Pair { server, authority, _folder: folder }
}

impl Pair {
    fn tls(&self) -> TlsBuilder {
        Tls::builder().authorities(Pem::from(self.authority.certificate.clone()))
    }

    fn channel(&self, tls: TlsBuilder) -> Channel {
        channel_to(&[self.server.address]).tls(tls.build("campus.test").unwrap()).build()
    }

    async fn refused(&self, tls: TlsBuilder) -> Status {
        unary(&self.channel(tls), "Echo", note(1)).await.unwrap_err()
    }
}

/// The error of TLS among the causes.
fn cause(status: &Status) -> String {
    let (mut text, mut next) = (String::new(), std::error::Error::source(status));
    while let Some(error) = next {
        text = format!("{text} < {error}");
        next = error.source();
    }
    text
}

#[tokio::test]
async fn a_server_whose_authority_is_trusted_is_called() {
    let pair = pair(false).await;
    unary(&pair.channel(pair.tls()), "Echo", note(1)).await.unwrap();
}

#[tokio::test]
async fn a_certificate_is_shown_to_who_asks() {
    let pair = pair(true).await;
    let client = pair.authority.client("gateway", &[]);
    let tls = pair.tls().identity(client.certificate.into(), client.key.into());
    unary(&pair.channel(tls), "Echo", note(1)).await.unwrap();
    let refused = pair.refused(pair.tls()).await;
    assert_eq!(refused.code(), Code::Unavailable);
    assert!(cause(&refused).contains("CertificateRequired"), "{}", cause(&refused));
}

#[tokio::test]
async fn a_server_that_is_not_trusted_is_not_called() {
    let pair = pair(false).await;
    let other = Tls::builder().authorities(Authority::new().certificate.into());
    let refused = pair.refused(other).await;
    assert!(
        refused.message().contains("its certificate is of an authority that is not trusted here; "),
        "{}",
        refused.message()
    );
    let named = pair.refused(pair.tls().server_name("elsewhere.test")).await;
    assert!(named.message().contains("elsewhere.test"), "{}", named.message());
}

#[tokio::test]
async fn a_server_without_tls_is_told_from_one_that_is_not_there() {
    let server = Server::start().await;
    let tls = Tls::builder().authorities(Authority::new().certificate.into()).build("campus.test").unwrap();
    let channel = channel_to(&[server.address]).tls(tls).build();
    let error = unary(&channel, "Echo", note(1)).await.unwrap_err();
    assert!(error.message().contains("what listens there does not speak TLS; "), "{}", error.message());
}

#[test]
fn what_cannot_be_used_is_told_with_its_place() {
    let text = |text: &str| Pem::Text(text.into());
    let none = Tls::builder().authorities(text("nothing")).build("a").unwrap_err();
    assert!(none.to_string().starts_with("the text given holds no certificate in PEM form"), "{none}");
    let absent = Tls::builder().authorities(Path::new("/nonexistent.pem").into()).build("a").unwrap_err();
    assert!(absent.to_string().starts_with("cannot read /nonexistent.pem: "), "{absent}");
    let authority = Authority::new();
    let (one, two) = (authority.client("one", &[]), authority.client("two", &[]));
    let mixed = Tls::builder().identity(one.certificate.into(), two.key.into()).build("a").unwrap_err();
    assert!(matches!(mixed, BadTls::Identity(_)), "{mixed}");
    let named = Tls::builder().build("no name").unwrap_err();
    assert_eq!(named.to_string(), "no name cannot be the name of a server; give a DNS name or an IP address");
    assert_eq!(format!("{:?}", text("secret")), "Text", "a private key is not shown");
}
