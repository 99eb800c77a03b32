//! How a connection becomes one of TLS, or why it does not.

use super::{H2, Tls, certificate::names};
use crate::transport::Port;
use campus_call::Certificate;
use rustls::{CertificateError, Error, InvalidMessage};
use std::io;
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, server::TlsStream};

impl Tls {
    /// Does the server's part of a handshake, and gives the names of the client if it showed a certificate.
    pub(crate) async fn accept(
        &self,
        stream: TcpStream,
        port: Port,
    ) -> io::Result<(TlsStream<TcpStream>, Option<Certificate>)> {
        let mut pending = Pending { tls: self, failed: Some("timeout") };
        let accepted = TlsAcceptor::from(self.current(port)).accept(stream).await.and_then(|stream| {
            let session = stream.get_ref().1;
            match session.alpn_protocol() {
                _ if port == Port::Web => Ok(stream),
                Some(H2) => Ok(stream),
                _ => Err(io::Error::new(io::ErrorKind::InvalidData, Error::NoApplicationProtocol)),
            }
        });
        pending.failed = accepted.as_ref().err().map(reason);
        let stream = accepted?;
        let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first).map(names);
        Ok((stream, shown))
    }
}

/// Counts a handshake, also one that is dropped because it takes too long.
struct Pending<'a> {
    tls: &'a Tls,
    failed: Option<&'static str>,
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        match self.failed {
            Some(reason) => self.tls.figures.failures.get_or_create(&[("reason", reason)]).inc(),
            None => self.tls.figures.handshakes.inc(),
        };
    }
}

/// The label of a failure.
fn reason(error: &io::Error) -> &'static str {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    match tls {
        Some(Error::InvalidMessage(InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion)) => {
            "not_tls"
        }
        Some(Error::NoCertificatesPresented) => "no_client_certificate",
        Some(Error::InvalidCertificate(why)) => match why {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => "client_certificate_expired",
            CertificateError::UnknownIssuer | CertificateError::BadSignature => "client_certificate_untrusted",
            _ => "client_certificate_invalid",
        },
        Some(Error::AlertReceived(_)) => "refused_by_client",
        Some(Error::NoApplicationProtocol) => "no_http2",
        Some(Error::PeerIncompatible(_)) => "incompatible",
        Some(_) => "protocol",
        None => "closed_by_client",
    }
}
