//! Why there is no connection, in words of somebody who can do something about it.

use std::{error::Error, fmt, io, sync::Arc, time::Duration};

use campus_client::{Address, ConnectError, Dump, Resolve, ResolveError};
use rustls::{AlertDescription, CertificateError};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout_at},
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

/// What is in the way, and what to do. As the source of a status it is what waiting does not mend.
#[derive(Clone, Debug)]
pub(crate) struct Explained {
    what: String,
    advice: String,
}

impl fmt::Display for Explained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl Error for Explained {}

impl Explained {
    fn new(what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { what: what.into(), advice: advice.into() }
    }

    /// What a status was explained as.
    pub(crate) fn of(status: &Status) -> Option<&Self> {
        status.source()?.downcast_ref()
    }

    /// The failure that it is.
    pub(crate) fn failure(&self) -> Failure {
        Failure::new(exit::UNAVAILABLE, printable(&self.what)).note(printable(&self.advice))
    }
}

/// A server that cannot be connected to; it is asked why until then.
pub(super) async fn no_connection(server: &Server, status: &Status, until: Instant) -> Failure {
    if let Some(error) = of_tls(status) {
        return words(server, error).failure();
    }
    let until = until.min(Instant::now() + ASK_LIMIT);
    // Who has said nothing so far will not say more now.
    if !is_silence(status)
        && let Ok(Some(asked)) = timeout_at(until, ask(server)).await
    {
        return asked.failure();
    }
    let uri = server.uri.as_str();
    let told = status.message();
    let why = told.strip_prefix(&format!("no server of {} can be reached: ", server.target)).unwrap_or(told);
    // Where there is but one address, it need not be said again.
    let one = server.target.host().map(|_| server.target.authority());
    let why = [Some(uri.to_owned()), one]
        .into_iter()
        .flatten()
        .find_map(|address| why.strip_prefix(&format!("{address}: ")))
        .unwrap_or(why);
    Explained::new(format!("no server at {uri}: {why}"), advice(status)).failure()
}

/// A server of which nothing is known when the time is over.
pub(super) fn too_late(server: &Server, dump: &Dump, limit: Duration) -> Failure {
    if dump.endpoints.is_empty() {
        return no_name(server, limit);
    }
    Explained::new(format!("no server at {}: no connection within {limit:?}", server.uri), SILENT).failure()
}

/// A name that nothing is said of.
pub(super) fn no_name(server: &Server, limit: Duration) -> Failure {
    let what = format!("no server at {}: no name server has answered within {limit:?}", server.uri);
    Explained::new(what, NAME_SERVER).failure()
}

/// A name that there is nothing behind.
pub(super) fn not_found(server: &Server, error: &ResolveError) -> Failure {
    Explained::new(format!("no server at {}: {error}", server.uri), advice_on_name(error)).failure()
}

fn advice_on_name(error: &ResolveError) -> &'static str {
    match error {
        ResolveError::Empty(_) => "is the name right? --server says where it is",
        ResolveError::Failed(_) => NAME_SERVER,
    }
}

const START: &str = "is it running? `campus serve` starts one here; --server says where it is";
const NAME_SERVER: &str = "does the name server work? an IP address needs none";
const SILENT: &str = "is it the right address and port? a server that hangs, or a firewall, is as silent";

/// A server that was to be connected to has said nothing at all.
fn is_silence(status: &Status) -> bool {
    status.source().is_some_and(|error| error.is::<ConnectError>() && error.source().is_none())
}

/// What to do about a call that found no way, or lost it.
pub(crate) fn advice(status: &Status) -> &'static str {
    let source = status.source();
    let io = source.and_then(Error::source).and_then(|error| error.downcast_ref::<io::Error>()).map(io::Error::kind);
    match io {
        Some(io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound) => START,
        Some(io::ErrorKind::PermissionDenied) => "whoever runs the server must let you in",
        Some(io::ErrorKind::TimedOut | io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable) => SILENT,
        _ if is_silence(status) => SILENT,
        _ => match source.and_then(<dyn Error>::downcast_ref) {
            Some(error) => advice_on_name(error),
            None if source.is_some_and(<dyn Error>::is::<ConnectError>) => {
                "is it the right port? --server says where it is"
            }
            None => START,
        },
    }
}

/// A call that found no way. What waiting cannot mend is told so that it is not tried again.
pub(super) fn explained(server: &Server, status: Status) -> Status {
    let Some(explained) = of_tls(&status).map(|error| words(server, error)) else { return status };
    let mut status = Status::unavailable(explained.what.clone());
    status.set_source(Arc::new(explained));
    status
}

/// What the server says to somebody who only listens: with TLS 1.3 it refuses a certificate after the handshake, and a client
/// that is talking itself may miss it.
async fn ask(server: &Server) -> Option<Explained> {
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
            of_tls(&refused).map(|error| words(server, error))
        }
        None if speaks_tls(stream).await.unwrap_or(false) => {
            let advice = format!("give https://{}", server.target.authority());
            Some(Explained::new(format!("what listens at {uri} speaks TLS"), advice))
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
fn words(server: &Server, error: &rustls::Error) -> Explained {
    use rustls::Error as E;
    let uri = server.uri.as_str();
    let certificate = |what: &str, advice: &str| Explained::new(format!("the certificate of {uri} {what}"), advice);
    match error {
        E::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => {
            certificate("is of an authority that is not trusted here", "--tls-ca FILE says whom to trust")
        }
        E::InvalidCertificate(CertificateError::NotValidForNameContext { expected, presented }) => {
            // Each is written like DnsName("campus.example").
            let names: Vec<&str> = presented.iter().map(|name| name.split('"').nth(1).unwrap_or(name)).collect();
            let names = if names.is_empty() { "nobody".to_owned() } else { names.join(", ") };
            let what = format!("is not for {}; it is for {names}", expected.to_str());
            certificate(&what, "--tls-server-name NAME says whom to expect")
        }
        E::InvalidCertificate(CertificateError::NotValidForName) => {
            certificate("is for another name", "--tls-server-name NAME says whom to expect")
        }
        E::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            certificate("has expired", "whoever runs the server must renew it")
        }
        E::InvalidCertificate(CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. }) => {
            certificate("is not valid yet", "is the clock of this machine right?")
        }
        E::InvalidMessage(_) => {
            let advice = format!("give http://{}", server.target.authority());
            Explained::new(format!("what listens at {uri} does not speak TLS"), advice)
        }
        E::NoApplicationProtocol | E::AlertReceived(AlertDescription::NoApplicationProtocol) => {
            Explained::new(format!("what listens at {uri} speaks TLS, but not HTTP/2"), "is it the right port?")
        }
        E::AlertReceived(AlertDescription::CertificateRequired) => {
            let advice = "--tls-cert FILE and --tls-key FILE say which";
            Explained::new(format!("{uri} wants to see a certificate"), advice)
        }
        E::AlertReceived(why) => {
            let advice = "its log says more, at level debug";
            Explained::new(format!("{uri} refuses the connection: {why:?}"), advice)
        }
        other => Explained::new(format!("no connection with TLS to {uri}: {other}"), "is it the right port?"),
    }
}
