//! Why there is no connection, in words of somebody who can do something about it.

use std::{error::Error, io, time::Duration};

use campus_client::{Address, Resolve};
use rustls::{AlertDescription, CertificateError, InvalidMessage};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tonic::Status;

use super::Server;
use crate::{
    failure::{Failure, exit},
    terminal::printable,
};

/// How long a server is asked whether it speaks TLS.
const ASK_LIMIT: Duration = Duration::from_secs(1);
/// What a client of HTTP/2 says first (RFC 9113, 3.4), and the type of the record in which TLS complains of it (RFC 8446, 5.1).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const ALERT: u8 = 21;

/// A server that cannot be connected to.
pub(super) async fn no_connection(server: &Server, status: &Status) -> Failure {
    let uri = server.uri.as_str();
    let asked = match of_tls(status) {
        Some(error) => Some(words(uri, error)),
        None => timeout(ASK_LIMIT, ask(server)).await.ok().flatten(),
    };
    if let Some((what, advice)) = asked {
        return Failure::new(exit::UNAVAILABLE, what).note(advice);
    }
    let told = status.message();
    let why = told.strip_prefix(&format!("no server of {} can be reached: ", server.target)).unwrap_or(told);
    // Where there is but one address, it need not be said again.
    let one = server.target.host().map(|_| server.target.authority());
    let why = [Some(uri.to_owned()), one]
        .into_iter()
        .flatten()
        .find_map(|address| why.strip_prefix(&format!("{address}: ")))
        .unwrap_or(why);
    Failure::new(exit::UNAVAILABLE, format!("no server at {uri}: {}", printable(why)))
        .note("is it running? `campus serve` starts one here; --server says where it is")
}

/// A call that found no way. What waiting cannot mend is told so that it is not tried again.
pub(super) fn explained(server: &str, status: Status) -> Status {
    match of_tls(&status).map(|error| words(server, error)) {
        Some((what, advice)) => Status::unimplemented(format!("{what}; {advice}")),
        None => status,
    }
}

/// What the server says to somebody who only listens: with TLS 1.3 it refuses a certificate after the handshake, and a client
/// that is talking itself may miss it.
async fn ask(server: &Server) -> Option<(String, String)> {
    let addresses = server.target.resolve().await.ok()?.addresses;
    let address = addresses.iter().find_map(|address| match address {
        Address::Tcp(address) => Some(address),
        _ => None,
    })?;
    let stream = TcpStream::connect(address).await.ok()?;
    let uri = server.uri.as_str();
    match &server.tls {
        Some(tls) => {
            let refused = async { tls.handshake(stream).await?.read_u8().await }.await.err()?;
            of_tls(&refused).map(|error| words(uri, error))
        }
        None if speaks_tls(stream).await.unwrap_or(false) => {
            let advice = format!("give https://{}", server.target.authority());
            Some((format!("what listens at {uri} speaks TLS"), advice))
        }
        None => None,
    }
}

/// Whether a server answers HTTP/2 with an alert of TLS.
async fn speaks_tls(mut stream: TcpStream) -> io::Result<bool> {
    stream.write_all(PREFACE).await?;
    Ok(stream.read_u8().await? == ALERT)
}

/// The error of TLS among the causes.
fn of_tls<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(tls) = error.downcast_ref() {
            return Some(tls);
        }
        // What an I/O error carries is not among its causes.
        let carried = error.downcast_ref::<io::Error>().and_then(|error| error.get_ref());
        next = match carried {
            Some(carried) => Some(carried),
            None => error.source(),
        };
    }
    None
}

/// What is wrong, and what to do.
fn words(server: &str, error: &rustls::Error) -> (String, String) {
    use rustls::Error as E;
    let certificate = |what: &str, advice: &str| (format!("the certificate of {server} {what}"), advice.to_owned());
    match error {
        E::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => {
            certificate("is of an authority that is not trusted here", "--tls-ca FILE says whom to trust")
        }
        E::InvalidCertificate(CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }) => {
            certificate("is for another name", &format!("--tls-server-name NAME says whom to expect ({error})"))
        }
        E::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            certificate("has expired", "whoever runs the server must renew it")
        }
        E::InvalidMessage(InvalidMessage::InvalidContentType) => {
            (format!("what listens at {server} does not speak TLS"), "give http://host:port".to_owned())
        }
        E::AlertReceived(AlertDescription::CertificateRequired) => {
            (format!("{server} wants to see a certificate"), "--tls-cert FILE and --tls-key FILE say which".to_owned())
        }
        E::AlertReceived(why) => {
            (format!("{server} refuses the connection: {why:?}"), "its log says more, at level debug".to_owned())
        }
        other => (format!("no connection with TLS to {server}: {other}"), "is it the right port?".to_owned()),
    }
}
