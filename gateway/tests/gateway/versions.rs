//! The same over every version of HTTP there is at the port.

use std::sync::Arc;

use campus_testcerts::Authority;
use serde_json::json;
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        pki_types::{CertificateDer, ServerName, pem::PemObject},
    },
};

use crate::support::{ADA, Client, Rest};

/// Unary calls, conditions, errors, streams both ways and compression.
async fn all_works(client: &mut Client) {
    let created = client.json("POST /v1/employees?employee_id=ada", ADA).await;
    assert_eq!((created.code.as_u16(), &created.value()["name"]), (200, &json!("employees/ada")), "{created:?}");
    let read = client.get("/v1/employees/ada").await;
    let etag = read.header("etag").to_owned();
    assert_eq!((read.value(), etag.is_empty()), (created.value(), false));
    assert!(!read.header("x-request-id").is_empty() && !read.header("date").is_empty(), "{read:?}");
    let known = client.send("GET /v1/employees/ada", &[("if-none-match", &etag)], "").await;
    assert_eq!((known.code.as_u16(), known.body.len()), (304, 0));
    let head = client.send("HEAD /v1/employees/ada", &[], "").await;
    assert_eq!((head.code.as_u16(), head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), read.body.len().to_string());
    let json = ("content-type", "application/json");
    let line = "PATCH /v1/employees/ada";
    let changed = client.send(line, &[json, ("if-match", &etag)], r#"{"givenName": "Augusta"}"#).await;
    assert_eq!(changed.value()["givenName"], "Augusta");
    let stale = client.send(line, &[json, ("if-match", &etag)], r#"{"givenName": "Ada"}"#).await;
    assert_eq!(stale.fault().0, 412);
    assert_eq!(client.get("/v1/employees/none").await.fault().2, "RESOURCE_NOT_FOUND");
    assert!(client.json("POST /v1/employees", r#"{"givenNam": "Ada"}"#).await.message().contains("givenName"));
    let refused = client.send("PUT /v1/employees/ada", &[], "").await;
    assert_eq!((refused.fault().0, refused.header("allow")), (405, "DELETE, GET, PATCH, HEAD, OPTIONS"));
    let record = |at: usize| {
        json!({"employee": {"name": format!("employees/{at}"), "givenName": "Ada", "familyName": "L"}}).to_string()
    };
    let body: String = (0..500).map(|at| record(at) + "\n").collect();
    assert_eq!(client.send("POST /v1/employees:import", &[], body).await.value()["createdCount"], 500);
    let lines = client.send("GET /v1/employees:stream", &[("accept", "application/x-ndjson")], "").await;
    assert_eq!(lines.text().lines().count(), 501);
    let packed = client.send("GET /v1/employees?pageSize=100", &[("accept-encoding", "gzip")], "").await;
    assert_eq!(packed.header("content-encoding"), "gzip");
    let lookup = client.json("POST /v1/employees:lookup", r#"[{"name": "employees/ada"}]"#).await;
    assert_eq!(lookup.value()[0]["employee"]["givenName"], "Augusta");
}

#[tokio::test]
async fn all_that_works_over_http_1_works_over_http_2_without_tls() {
    for is_http2 in [false, true] {
        let rest = Rest::start();
        let mut client = match is_http2 {
            true => Client::over_h2(rest.addr, TcpStream::connect(rest.addr).await.unwrap()).await,
            false => rest.client().await,
        };
        all_works(&mut client).await;
    }
}

#[tokio::test]
async fn all_that_works_over_http_1_works_over_http_2_with_tls() {
    let (dir, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let (certificate, key) = (dir.path().join("tls.crt"), dir.path().join("tls.key"));
    authority.server(&["campus.example"]).write(&certificate, &key);
    let rest = Rest::with_server(|settings| {
        settings.server.tls.certificate = Some(certificate);
        settings.server.tls.key = Some(key);
    });
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.certificate.as_bytes()).unwrap()).unwrap();
    let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let name = ServerName::try_from("campus.example").unwrap();
    let stream = TcpStream::connect(rest.addr).await.unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    all_works(&mut Client::over_h2(rest.addr, stream).await).await;
}
