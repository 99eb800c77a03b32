//! Why there is no connection, in words of somebody who can do something about it.

use std::{error::Error, io, time::Duration};

use rustls::{AlertDescription, CertificateError, InvalidMessage};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tonic::Status;

use super::{BoxError, Server};
use crate::failure::{Failure, exit};

/// How long a server is asked whether it speaks TLS.
const ASK_LIMIT: Duration = Duration::from_secs(1);
/// What a client of HTTP/2 says first (RFC 9113, 3.4), and the type of the record in which TLS complains of it (RFC 8446, 5.1).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const ALERT: u8 = 21;

/// The last of an error's causes.
pub(super) fn innermost(error: &dyn Error) -> String {
    let mut last = error;
    while let Some(cause) = last.source() {
        last = cause;
    }
    last.to_string()
}

/// A server that cannot be connected to.
pub(super) fn no_connection(server: &str, error: &(dyn Error + 'static)) -> Failure {
    match of_tls(error).map(|error| words(server, error)) {
        Some((what, advice)) => Failure::new(exit::UNAVAILABLE, what).note(advice),
        None => Failure::new(exit::UNAVAILABLE, format!("no server at {server}: {}", innermost(error)))
            .note("is it running? `campus serve` starts one here; --server says where it is"),
    }
}

/// A call that found no way. What waiting cannot mend is told so that it is not tried again.
pub(super) async fn explained(server: &Server, error: tonic::transport::Error) -> BoxError {
    let uri = server.uri.as_str();
    let hopeless = |(what, advice)| Box::new(Status::unimplemented(format!("{what}; {advice}"))) as BoxError;
    if let Some(error) = of_tls(&error) {
        return hopeless(words(uri, error));
    }
    let asked = timeout(ASK_LIMIT, async {
        match (&server.tls, uri.split_once("://")) {
            (Some(tls), Some((_, address))) => {
                let refused = tls.ask(address).await.err();
                refused.and_then(|error| of_tls(&error).map(|error| words(uri, error)))
            }
            (None, Some(("http", address))) if speaks_tls(address).await.unwrap_or(false) => {
                Some((format!("what listens at {uri} speaks TLS"), format!("give https://{address}")))
            }
            _ => None,
        }
    });
    match asked.await.ok().flatten() {
        Some(found) => hopeless(found),
        None => error.into(),
    }
}

/// Whether a server answers HTTP/2 with an alert of TLS.
async fn speaks_tls(address: &str) -> io::Result<bool> {
    let mut stream = TcpStream::connect(address).await?;
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
