//! The ways to a server: addresses, TLS, and who may call.

mod addresses;
mod allow;
mod files;
mod in_process;
mod reload;
mod tls;
mod unix;
mod web;

use crate::support::{Client, Server, get, note, server_config, within};
use campus_chassis::{ServerConfig, TlsConfig, config::HumanDuration};
use campus_testcerts::{Authority, Identity};
use std::{net::SocketAddr, path::PathBuf};
use tempfile::TempDir;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Error};
use tower::BoxError;

/// The name in the servers' certificates.
const HOST: &str = "campus.example";

/// A folder with the files of a server that speaks TLS, and who signed its certificate.
struct Files {
    dir: TempDir,
    authority: Authority,
}

impl Files {
    /// A good certificate, and an authority for clients which is the same.
    fn new() -> Self {
        let files = Self { dir: tempfile::tempdir().unwrap(), authority: Authority::new() };
        files.put(&files.authority.server(&[HOST]));
        std::fs::write(files.path("ca.pem"), &files.authority.certificate).unwrap();
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Exchanges the server's certificate.
    fn put(&self, server: &Identity) {
        server.write(&self.path("tls.crt"), &self.path("tls.key"));
    }

    fn tls(&self) -> TlsConfig {
        TlsConfig {
            certificate: Some(self.path("tls.crt")),
            key: Some(self.path("tls.key")),
            reload_interval: HumanDuration::millis(10),
            ..TlsConfig::default()
        }
    }

    fn mutual(&self) -> TlsConfig {
        TlsConfig { client_ca: Some(self.path("ca.pem")), ..self.tls() }
    }

    /// What a client has to know.
    fn trust(&self) -> ClientTlsConfig {
        ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&self.authority.certificate)).domain_name(HOST)
    }

    /// The same, with a certificate of the client.
    fn trust_as(&self, client: &Identity) -> ClientTlsConfig {
        self.trust().identity(tonic::transport::Identity::from_pem(&client.certificate, &client.key))
    }
}

fn listening(on: &str) -> ServerConfig {
    ServerConfig { listen: on.parse().unwrap(), ..server_config() }
}

fn encrypted(tls: TlsConfig) -> ServerConfig {
    ServerConfig { tls, ..server_config() }
}

async fn connect_tls(server: SocketAddr, tls: ClientTlsConfig) -> Result<Client, Error> {
    let endpoint = Endpoint::from_shared(format!("https://{server}")).unwrap().tls_config(tls)?;
    within(endpoint.connect()).await.map(Client::from)
}

/// Connects to an address as `server.listen` names it.
async fn connect(address: &str) -> Result<Client, BoxError> {
    let connected = match address.strip_prefix("in-process:") {
        Some(name) => return Ok(within(campus_inprocess::connect(name)).await?.into()),
        None if address.starts_with("unix:") => {
            within(Endpoint::from_shared(address.to_owned()).unwrap().connect()).await
        }
        None => within(Endpoint::from_shared(format!("http://{address}")).unwrap().connect()).await,
    };
    Ok(connected?.into())
}

async fn echoes(client: &Client) -> bool {
    client.unary("Echo", note("x")).await.is_ok_and(|answer| answer.get_ref().text == "x")
}

/// The value of a figure whose line begins like this.
async fn figure(server: &Server, line: &str) -> f64 {
    let text = get(server.admin, "/metrics").await.body;
    let found = text.lines().find_map(|found| found.strip_prefix(line));
    found.map_or(0.0, |value| value.trim().parse().unwrap())
}

async fn failed(server: &Server, reason: &str) -> f64 {
    figure(server, &format!("campus_tls_handshake_failures_total{{reason=\"{reason}\"}}")).await
}
