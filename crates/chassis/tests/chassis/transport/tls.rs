//! TLS and mutual TLS.

use super::{Client, Files, connect_tls, echoes, encrypted, failed, figure};
use crate::support::{Server, eventually, get, h2, within};
use campus_chassis::{ClientCertificate, ServerConfig, TlsConfig, TlsVersion, config::HumanDuration};
use campus_testcerts::{Authority, Validity};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject};
use rustls::{ClientConfig, HandshakeKind, RootCertStore, SupportedProtocolVersion, crypto::ring, version};
use std::sync::Arc;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// Whether a call comes through. With version 1.3 of TLS a client learns only after its handshake that it was refused.
async fn is_served(server: &Server, tls: tonic::transport::ClientTlsConfig) -> bool {
    match connect_tls(server.grpc, tls).await {
        Ok(client) => echoes(&client).await,
        Err(_) => false,
    }
}

/// Shakes hands as no client of gRPC does.
async fn shake(
    server: &Server,
    files: &Files,
    versions: &[&'static SupportedProtocolVersion],
    alpn: &[&[u8]],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(files.authority.certificate.as_bytes()).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_protocol_versions(versions).unwrap().with_root_certificates(roots);
    let mut config = builder.with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    let stream = TcpStream::connect(server.grpc).await?;
    let name = ServerName::try_from(super::HOST).unwrap();
    within(TlsConnector::from(Arc::new(config)).connect(name, stream)).await
}

/// Reads until the server closes the connection.
async fn is_closed(stream: &mut (impl AsyncReadExt + Unpin)) -> bool {
    let mut rest = Vec::new();
    within(stream.read_to_end(&mut rest)).await.is_ok_and(|_| true) || rest.is_empty()
}

#[tokio::test]
async fn a_client_that_trusts_the_authority_is_served_and_others_leave() {
    let files = Files::new();
    let server = Server::with(encrypted(files.tls())).await;
    assert!(is_served(&server, files.trust()).await);
    assert!(!is_served(&server, files.trust().domain_name("other.example")).await);
    assert!(!is_served(&server, Files::new().trust()).await);
    assert_eq!(figure(&server, "campus_tls_handshakes_total").await, 1.0);
    eventually(async || failed(&server, "refused_by_client").await == 2.0).await;
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_speaks_no_tls_is_closed_and_counted_while_the_admin_port_stays_plain() {
    let files = Files::new();
    let server = Server::with(encrypted(files.tls())).await;
    let mut plain = TcpStream::connect(server.grpc).await.unwrap();
    plain.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    assert!(is_closed(&mut plain).await);
    let mut http1 = TcpStream::connect(server.grpc).await.unwrap();
    http1.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert!(is_closed(&mut http1).await);
    eventually(async || failed(&server, "not_tls").await == 2.0).await;
    for path in ["/livez", "/readyz", "/startupz"] {
        assert_eq!(get(server.admin, path).await.code, 200, "{path}");
    }
    drop(h2(server.admin).await);
    assert!(is_served(&server, files.trust()).await);
    server.stop().await;
}

#[tokio::test]
async fn mutual_tls_wants_a_good_certificate_of_the_client() {
    let files = Files::new();
    let server = Server::with(encrypted(files.mutual())).await;
    let authority = &files.authority;
    assert!(is_served(&server, files.trust_as(&authority.client("x", &["a.example"]))).await);
    assert!(!is_served(&server, files.trust()).await);
    let expired = authority.client_valid("x", &["a.example"], Validity::Expired);
    assert!(!is_served(&server, files.trust_as(&expired)).await);
    assert!(!is_served(&server, files.trust_as(&Authority::new().client("x", &["a.example"]))).await);
    assert!(!is_served(&server, files.trust_as(&authority.server(&["a.example"]))).await, "it is for servers only");
    for reason in ["no_client_certificate", "client_certificate_expired", "client_certificate_untrusted"] {
        eventually(async || failed(&server, reason).await >= 1.0).await;
    }
    eventually(async || failed(&server, "client_certificate_invalid").await >= 1.0).await;
    assert_eq!(get(server.admin, "/readyz").await.code, 200);
    server.stop().await;
}

#[tokio::test]
async fn each_handshake_of_mutual_tls_looks_at_the_certificate_again() {
    let files = Files::new();
    for (settings, again) in [(files.tls(), HandshakeKind::Resumed), (files.mutual(), HandshakeKind::Full)] {
        let server = Server::with(encrypted(settings)).await;
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(files.authority.certificate.as_bytes()).unwrap()).unwrap();
        let identity = files.authority.client("x", &["a.example"]);
        let chain = vec![CertificateDer::from_pem_slice(identity.certificate.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_protocol_versions(&[&version::TLS13]).unwrap().with_root_certificates(roots);
        let mut config = builder.with_client_auth_cert(chain, key).unwrap();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let connector = TlsConnector::from(Arc::new(config));
        let mut kinds = Vec::new();
        for _ in 0..2 {
            let stream = TcpStream::connect(server.grpc).await.unwrap();
            let name = ServerName::try_from(super::HOST).unwrap();
            let mut stream = within(connector.connect(name, stream)).await.unwrap();
            // The server's SETTINGS come behind what the session could be taken up with.
            within(stream.read_exact(&mut [0; 9])).await.unwrap();
            kinds.push(stream.get_ref().1.handshake_kind().unwrap());
        }
        assert_eq!(kinds, [HandshakeKind::Full, again]);
        server.stop().await;
    }
}

#[tokio::test]
async fn where_a_certificate_is_optional_one_that_is_shown_is_checked() {
    let files = Files::new();
    let tls = TlsConfig { client_certificate: Some(ClientCertificate::Optional), ..files.mutual() };
    let server = Server::with(encrypted(tls)).await;
    assert!(is_served(&server, files.trust()).await);
    assert!(is_served(&server, files.trust_as(&files.authority.client("x", &[]))).await);
    assert!(!is_served(&server, files.trust_as(&Authority::new().client("x", &[]))).await);
    server.stop().await;
}

#[tokio::test]
async fn versions_below_the_least_and_clients_without_http2_are_refused() {
    let files = Files::new();
    let old: &[&SupportedProtocolVersion] = &[&version::TLS12];
    let server = Server::with(encrypted(files.tls())).await;
    assert!(shake(&server, &files, old, &[b"h2"]).await.is_ok());
    assert!(shake(&server, &files, old, &[b"http/1.1"]).await.is_err());
    let mut silent = shake(&server, &files, &[&version::TLS13], &[]).await.unwrap();
    assert!(is_closed(&mut silent).await, "ALPN is required");
    eventually(async || failed(&server, "no_http2").await == 2.0).await;
    server.stop().await;
    let newer = TlsConfig { min_version: TlsVersion::V1_3, ..files.tls() };
    let server = Server::with(encrypted(newer)).await;
    assert!(shake(&server, &files, old, &[b"h2"]).await.is_err());
    assert!(shake(&server, &files, &[&version::TLS13], &[b"h2"]).await.is_ok());
    eventually(async || failed(&server, "incompatible").await == 1.0).await;
    server.stop().await;
}

#[tokio::test]
async fn handshakes_that_take_too_long_are_closed_and_hold_up_nobody() {
    let files = Files::new();
    let config = ServerConfig { handshake_limit: HumanDuration::millis(300), ..encrypted(files.tls()) };
    let server = Server::with(config).await;
    let mut slow = Vec::new();
    // Nothing, and the first bytes of a hello that never goes on.
    for begin in [&b""[..], b"\x16\x03\x01\x01\x00\x01\x00\x00\xfc\x03\x03"].repeat(20) {
        let mut stream = TcpStream::connect(server.grpc).await.unwrap();
        stream.write_all(begin).await.unwrap();
        slow.push(stream);
    }
    let client: Client = connect_tls(server.grpc, files.trust()).await.unwrap();
    assert!(echoes(&client).await);
    assert_eq!(failed(&server, "timeout").await, 0.0, "the slow ones were still waited for");
    for stream in &mut slow {
        assert!(is_closed(stream).await);
    }
    eventually(async || failed(&server, "timeout").await == 40.0).await;
    assert!(echoes(&client).await);
    server.stop().await;
}

#[tokio::test]
async fn a_handshake_under_way_does_not_hold_up_the_end() {
    let files = Files::new();
    let long = HumanDuration::secs(600);
    let config = ServerConfig {
        handshake_limit: long,
        drain_limit: long,
        flush_limit: HumanDuration::millis(100),
        ..encrypted(files.tls())
    };
    let server = Server::with(config).await;
    let _slow = TcpStream::connect(server.grpc).await.unwrap();
    eventually(async || figure(&server, "grpc_server_connections ").await == 1.0).await;
    server.handle.shutdown();
    within(server.ended).await.unwrap().unwrap();
}
