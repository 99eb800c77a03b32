//! Collectors behind TLS.

use super::{
    Server,
    collector::{Collector, Manner},
};
use campus_testkit::{eventually, metric};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{ServerConfig, pki_types::PrivateKeyDer};
use std::{fs, path::Path, sync::Arc};
use tonic::Code;

/// Signs a certificate for `localhost`, and writes its own to `ca.pem`.
fn acceptor(dir: &Path) -> tokio_rustls::TlsAcceptor {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    fs::write(dir.join("ca.pem"), authority.pem()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Arc::new(config).into()
}

async fn told_over_tls(protocol: &str) {
    let dir = tempfile::tempdir().unwrap();
    let collector = Collector::start_with(Manner::Takes, Some(acceptor(dir.path())));
    let server = Server::start(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("https://localhost:{}", collector.address.port())),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", dir.path().join("ca.pem").to_str().unwrap()),
        ("OTEL_BSP_SCHEDULE_DELAY", "20"),
    ]);
    assert_eq!(server.get(&[]).await, Code::NotFound);
    collector.spans(2).await;
    server.stop();
}

#[tokio::test]
async fn spans_reach_a_collector_behind_tls_over_grpc() {
    told_over_tls("grpc").await;
}

#[tokio::test]
async fn spans_reach_a_collector_behind_tls_over_http() {
    told_over_tls("http/protobuf").await;
}

#[tokio::test]
async fn a_collector_with_a_certificate_nobody_trusts_is_told_nothing() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let collector = Collector::start_with(Manner::Takes, Some(acceptor(dir.path())));
    acceptor(other.path());
    let server = Server::start(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("https://localhost:{}", collector.address.port())),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", other.path().join("ca.pem").to_str().unwrap()),
        ("OTEL_BSP_SCHEDULE_DELAY", "20"),
        ("CAMPUS__TELEMETRY__FLUSH_LIMIT", "100ms"),
    ]);
    server.get(&[]).await;
    let admin = server.process.admin;
    let failed = "campus_telemetry_failed_exports_total";
    eventually("it is counted", async || (metric(admin, failed).await > 0.0).then_some(())).await;
    let log = server.stop();
    assert!(
        log.iter().any(|line| line.contains("telemetry cannot be delivered") && line.contains("certificate")),
        "{log:#?}"
    );
    assert!(collector.got().spans.is_empty());
}
