//! The ways to a server, so that one table of tests can go over each.

use std::path::Path;

use campus_chassis::{Address, TlsConfig, in_process};
use campus_host::Settings;
use campus_testcerts::{Authority, Identity};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};

/// How a client reaches a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// TCP over version 4 of IP.
    Tcp,
    /// TCP over version 6 of IP.
    Tcp6,
    /// A Unix socket.
    Unix,
    /// Within this process.
    InProcess,
    /// TCP with TLS.
    Tls,
    /// TCP with TLS, and a certificate of the client.
    MutualTls,
}

/// What a client needs to go this way.
pub(crate) struct Guide {
    way: Way,
    path: String,
    tls: Option<ClientTlsConfig>,
}

/// The name that certificates of servers are made for.
const HOST: &str = "campus.example";

impl Way {
    /// Makes a server of these settings listen for this way. Where it is none of TCP, the server listens on TCP as well.
    pub(crate) fn prepare(self, dir: &Path, settings: &mut Settings) -> Guide {
        let local = |text: &str| text.parse().map(Address::Tcp).unwrap();
        let socket = dir.join("campus.sock");
        let (address, path) = match self {
            Self::Tcp | Self::Tls | Self::MutualTls => (None, String::new()),
            Self::Tcp6 => {
                settings.server.listen.0.clear();
                (Some(local("[::1]:0")), String::new())
            }
            Self::Unix => (Some(Address::Unix(socket.clone())), format!("unix:{}", socket.display())),
            // A folder of its own is a name of its own.
            Self::InProcess => {
                let name = dir.display().to_string();
                (Some(Address::InProcess(name.clone())), name)
            }
        };
        settings.server.listen.0.extend(address);
        let tls = matches!(self, Self::Tls | Self::MutualTls).then(|| self.encrypt(dir, &mut settings.server.tls));
        Guide { way: self, path, tls }
    }

    fn encrypt(self, dir: &Path, tls: &mut TlsConfig) -> ClientTlsConfig {
        let authority = Authority::new();
        let file = |name: &str| dir.join(name);
        authority.server(&[HOST]).write(&file("server.crt"), &file("server.key"));
        (tls.certificate, tls.key) = (Some(file("server.crt")), Some(file("server.key")));
        let trust = Certificate::from_pem(&authority.certificate);
        let client = ClientTlsConfig::new().ca_certificate(trust).domain_name(HOST);
        if self == Self::Tls {
            return client;
        }
        std::fs::write(file("clients.crt"), &authority.certificate).unwrap();
        tls.client_ca = Some(file("clients.crt"));
        let Identity { certificate, key } = authority.client("campus test", &[]);
        client.identity(tonic::transport::Identity::from_pem(certificate, key))
    }
}

impl Guide {
    /// A connection of its own to the server, whose TCP address is `grpc`.
    pub(crate) async fn connect(&self, grpc: std::net::SocketAddr) -> Channel {
        let endpoint = |uri: String| Endpoint::from_shared(uri).unwrap();
        let connected = match (self.way, &self.tls) {
            (Way::Unix, _) => endpoint(self.path.clone()).connect().await,
            (Way::InProcess, _) => {
                endpoint("http://in-process".to_owned()).connect_with_connector(in_process(self.path.as_str())).await
            }
            (_, Some(tls)) => endpoint(format!("https://{grpc}")).tls_config(tls.clone()).unwrap().connect().await,
            _ => endpoint(format!("http://{grpc}")).connect().await,
        };
        connected.unwrap()
    }
}
