//! Certificates that are exchanged while the server runs.

use super::{Files, HOST, connect_tls, echoes, encrypted, figure};
use crate::support::{Server, eventually, within};
use campus_chassis::TlsConfig;
use campus_testcerts::Authority;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use std::{
    fs,
    os::unix::fs::symlink,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// The certificate a new connection gets to see (DER).
async fn shown(server: &Server, authority: &Authority) -> Vec<u8> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.certificate.as_bytes()).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
    let mut config = builder.with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let stream = TcpStream::connect(server.grpc).await.unwrap();
    let connecting = TlsConnector::from(Arc::new(config)).connect(ServerName::try_from(HOST).unwrap(), stream);
    let stream = within(connecting).await.unwrap();
    stream.get_ref().1.peer_certificates().unwrap().first().unwrap().to_vec()
}

fn der(pem: &str) -> Vec<u8> {
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap().to_vec()
}

async fn reloads(server: &Server, result: &str) -> f64 {
    figure(server, &format!("campus_tls_reloads_total{{result=\"{result}\"}}")).await
}

#[tokio::test]
async fn certificates_are_exchanged_under_load_without_a_failed_call() {
    let files = Files::new();
    let server = Server::with(encrypted(files.tls())).await;
    let (done, calls, failed) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    let count = |is_well: bool| {
        calls.fetch_add(1, Relaxed);
        failed.fetch_add(u64::from(!is_well), Relaxed);
    };
    let on_one_connection = async {
        let client = connect_tls(server.grpc, files.trust()).await.unwrap();
        while !done.load(Relaxed) {
            count(echoes(&client).await);
        }
    };
    let on_new_connections = async {
        while !done.load(Relaxed) {
            match connect_tls(server.grpc, files.trust()).await {
                Ok(client) => count(echoes(&client).await),
                Err(_) => count(false),
            }
        }
    };
    let exchange = async {
        for round in 1..=5 {
            let next = files.authority.server(&[HOST]);
            files.put(&next);
            eventually(async || shown(&server, &files.authority).await == der(&next.certificate)).await;
            eventually(async || calls.load(Relaxed) >= 20 * round).await;
        }
        done.store(true, Relaxed);
    };
    tokio::join!(on_one_connection, on_new_connections, exchange);
    assert_eq!(failed.load(Relaxed), 0, "of {} calls", calls.load(Relaxed));
    assert!(reloads(&server, "success").await >= 5.0);
    server.stop().await;
}

#[tokio::test]
async fn files_that_cannot_be_used_change_nothing_until_they_are_mended() {
    let files = Files::new();
    let server = Server::with(encrypted(files.tls())).await;
    let first = shown(&server, &files.authority).await;
    let other = files.authority.server(&[HOST]);
    let (key, certificate) = (files.path("tls.key"), files.path("tls.crt"));
    let expired = files.authority.expired_server(&[HOST]);
    let mut failures = 0.0;
    for break_it in [
        &|| fs::write(&key, &other.key).unwrap() as (),
        &|| fs::write(&key, "nonsense").unwrap(),
        &|| expired.write(&certificate, &key),
        &|| fs::remove_file(&certificate).unwrap(),
        &|| assert!(Command::new("mkfifo").arg(&certificate).status().unwrap().success()),
    ] as [&dyn Fn(); 5]
    {
        break_it();
        eventually(async || reloads(&server, "failure").await > failures).await;
        failures = reloads(&server, "failure").await;
        assert_eq!(shown(&server, &files.authority).await, first);
    }
    assert_eq!(reloads(&server, "success").await, 0.0);
    fs::remove_file(&certificate).unwrap();
    files.put(&other);
    eventually(async || reloads(&server, "success").await == 1.0).await;
    assert_eq!(shown(&server, &files.authority).await, der(&other.certificate));
    server.stop().await;
}

#[tokio::test]
async fn a_mounted_secret_is_followed_when_its_link_moves_on() {
    let files = Files::new();
    let put = |version: &str| {
        let dir = files.path(version);
        fs::create_dir(&dir).unwrap();
        let identity = files.authority.server(&[HOST]);
        identity.write(&dir.join("tls.crt"), &dir.join("tls.key"));
        symlink(version, files.path("next")).unwrap();
        fs::rename(files.path("next"), files.path("data")).unwrap();
        der(&identity.certificate)
    };
    let first = put("1");
    let (certificate, key) = (files.path("data/tls.crt"), files.path("data/tls.key"));
    let tls = TlsConfig { certificate: Some(certificate), key: Some(key), ..files.tls() };
    let server = Server::with(encrypted(tls)).await;
    assert_eq!(shown(&server, &files.authority).await, first);
    for version in ["2", "3"] {
        let next = put(version);
        eventually(async || shown(&server, &files.authority).await == next).await;
    }
    assert_eq!(reloads(&server, "failure").await, 0.0);
    server.stop().await;
}

#[tokio::test]
async fn the_authority_of_clients_is_exchanged_as_well_and_expiry_is_told() {
    let files = Files::new();
    let server = Server::with(encrypted(files.mutual())).await;
    let former = files.authority.client("x", &[]);
    assert!(echoes(&connect_tls(server.grpc, files.trust_as(&former)).await.unwrap()).await);
    let later = Authority::new();
    fs::write(files.path("ca.pem"), &later.certificate).unwrap();
    eventually(async || reloads(&server, "success").await == 1.0).await;
    let is_served = async |client| match connect_tls(server.grpc, files.trust_as(&client)).await {
        Ok(client) => echoes(&client).await,
        Err(_) => false,
    };
    assert!(is_served(later.client("x", &[])).await);
    assert!(!is_served(former).await, "neither by itself nor by a session of before");
    // The certificates of the tests are good until the year 4000.
    for file in ["certificate", "client_ca"] {
        let line = format!("campus_tls_certificate_expiry_timestamp_seconds{{file=\"{file}\"}}");
        assert_eq!(figure(&server, &line).await, 64_060_588_800.0);
    }
    server.stop().await;
}
