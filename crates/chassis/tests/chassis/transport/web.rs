//! TLS at a web address.

use super::{Files, HOST, encrypted};
use crate::support::{web::Web, within};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use std::{net::SocketAddr, sync::Arc};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

async fn shake(addr: SocketAddr, files: &Files, alpn: &[&[u8]]) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(files.authority.certificate.as_bytes()).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
    let mut config = builder.with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    let stream = TcpStream::connect(addr).await?;
    let name = ServerName::try_from(HOST).unwrap();
    within(TlsConnector::from(Arc::new(config)).connect(name, stream)).await
}

#[tokio::test]
async fn both_versions_of_http_are_spoken_over_tls() {
    let files = Files::new();
    let web = Web::start(encrypted(files.tls()));
    for alpn in [&[&b"http/1.1"[..]][..], &[]] {
        let mut stream = shake(web.addr, &files, alpn).await.unwrap();
        stream.write_all(b"GET /echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut text = String::new();
        within(stream.read_to_string(&mut text)).await.unwrap();
        assert!(text.starts_with("HTTP/1.1 200 OK") && text.ends_with("GET /echo HTTP/1.1 "), "{text}");
    }
    let stream = shake(web.addr, &files, &[b"h2", b"http/1.1"]).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut sender, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let request = http::Request::get("https://x/echo").body(()).unwrap();
    let (reply, _) = sender.send_request(request, true).unwrap();
    assert_eq!(within(reply).await.unwrap().status(), 200);
    drop(sender);
    web.server.stop().await;
}

#[tokio::test]
async fn the_port_of_grpc_speaks_http_2_alone_as_before() {
    let files = Files::new();
    let web = Web::start(encrypted(files.tls()));
    assert!(shake(web.server.grpc, &files, &[b"http/1.1"]).await.is_err());
    assert!(shake(web.server.grpc, &files, &[b"http/1.1", b"h2"]).await.is_ok());
    web.server.stop().await;
}
