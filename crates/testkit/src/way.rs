//! The ways to a server, so that one table of tests can go over each.

use std::path::Path;

use campus_chassis::{Address, TlsConfig};
use campus_client::{Channel, Tls, TlsBuilder};
use campus_host::Settings;
use campus_testcerts::{Authority, Identity};

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
    /// Where that is not TCP.
    target: Option<String>,
    tls: Option<Tls>,
}

/// The name that certificates of servers are made for.
const HOST: &str = "campus.example";

impl Way {
    /// Makes a server of these settings listen for this way. Where it is none of TCP, the server listens on TCP as well.
    pub(crate) fn prepare(self, dir: &Path, settings: &mut Settings) -> Guide {
        let local = |text: &str| text.parse().map(Address::Tcp).unwrap();
        let socket = dir.join("campus.sock");
        let (address, target) = match self {
            Self::Tcp | Self::Tls | Self::MutualTls => (None, None),
            Self::Tcp6 => {
                settings.server.listen.0.clear();
                (Some(local("[::1]:0")), None)
            }
            Self::Unix => {
                let target = format!("unix:{}", socket.display());
                (Some(Address::Unix(socket)), Some(target))
            }
            // A folder of its own is a name of its own.
            Self::InProcess => {
                let name = dir.display().to_string();
                let target = format!("in-process:{name}");
                (Some(Address::InProcess(name)), Some(target))
            }
        };
        settings.server.listen.0.extend(address);
        let tls = matches!(self, Self::Tls | Self::MutualTls)
            .then(|| self.encrypt(dir, &mut settings.server.tls).build(HOST).unwrap());
        Guide { target, tls }
    }

    fn encrypt(self, dir: &Path, tls: &mut TlsConfig) -> TlsBuilder {
        let authority = Authority::new();
        let file = |name: &str| dir.join(name);
        authority.server(&[HOST]).write(&file("server.crt"), &file("server.key"));
        (tls.certificate, tls.key) = (Some(file("server.crt")), Some(file("server.key")));
        let client = Tls::builder().authorities(authority.certificate.clone().into());
        if self == Self::Tls {
            return client;
        }
        std::fs::write(file("clients.crt"), &authority.certificate).unwrap();
        tls.client_ca = Some(file("clients.crt"));
        let Identity { certificate, key } = authority.client("campus test", &[]);
        client.identity(certificate.into(), key.into())
    }
}

impl Guide {
    /// A connection of its own to the server, whose TCP address is `grpc`.
    pub(crate) async fn connect(&self, grpc: std::net::SocketAddr) -> Channel {
        let target = self.target.clone().unwrap_or_else(|| grpc.to_string());
        let builder = Channel::builder(&target).unwrap();
        let channel = match &self.tls {
            Some(tls) => builder.tls(tls.clone()).build(),
            None => builder.build(),
        };
        channel.ready().await.unwrap();
        channel
    }
}
