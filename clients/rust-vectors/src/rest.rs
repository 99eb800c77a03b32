//! Requests of REST, over HTTP/1.1.

use std::{fs, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{HeaderMap, Uri, body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;

use crate::{Args, vector::Request};

const LIMIT: Duration = Duration::from_secs(30);

/// Sends requests to one server, each on a connection of its own.
pub(crate) struct Http {
    authority: String,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

/// What a request has come to.
pub(crate) struct Seen {
    pub(crate) status: u16,
    headers: HeaderMap,
    pub(crate) text: String,
}

impl Http {
    /// To the address that the arguments name.
    ///
    /// # Errors
    /// If that makes no sense; nothing is connected yet.
    pub(crate) fn new(args: &Args) -> Result<Self, String> {
        let url: Uri = args.rest.parse().map_err(|error| format!("--rest {:?}: {error}", args.rest))?;
        let authority = url.authority().filter(|authority| authority.port().is_some());
        let authority = authority.ok_or(format!("--rest {:?}: give http://HOST:PORT", args.rest))?;
        let tls = match &args.tls_ca {
            Some(_) => {
                let host = authority.host().trim_matches(['[', ']']).to_owned();
                Some((connector(args)?, ServerName::try_from(host).map_err(|error| error.to_string())?))
            }
            None => None,
        };
        Ok(Self { authority: authority.to_string(), tls })
    }

    /// Sends, and reads the answer to its end or until enough is there.
    ///
    /// # Errors
    /// If there is no answer, or not in time.
    pub(crate) async fn send(&self, request: &Request) -> Result<Seen, String> {
        let answered = timeout(LIMIT, async {
            let socket = TcpStream::connect(&self.authority).await.map_err(|error| error.to_string())?;
            match &self.tls {
                None => self.exchange(socket, request).await,
                Some((tls, name)) => {
                    let socket = tls.connect(name.clone(), socket).await.map_err(|error| error.to_string())?;
                    self.exchange(socket, request).await
                }
            }
        });
        answered.await.map_err(|_| format!("no answer within {LIMIT:?}"))?
    }

    async fn exchange<S>(&self, socket: S, request: &Request) -> Result<Seen, String>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let told = |error: hyper::Error| error.to_string();
        let (mut sender, connection) = http1::handshake(TokioIo::new(socket)).await.map_err(told)?;
        let connection = tokio::spawn(connection);
        let (default_type, body) = body(request);
        let mut built = hyper::Request::builder().method(request.http.as_str()).uri(&request.path);
        built = built.header("host", &self.authority);
        if let Some(default) = default_type.filter(|_| !request.headers.contains_key("content-type")) {
            built = built.header("content-type", default);
        }
        for (key, value) in &request.headers {
            built = built.header(key, value);
        }
        let sent = built.body(Full::new(Bytes::from(body))).map_err(|error| error.to_string())?;
        let (head, body) = sender.send_request(sent).await.map_err(told)?.into_parts();
        let events = head.headers.get("content-type").is_some_and(|kind| kind == "text/event-stream");
        let text = read(body, events, request.take).await?;
        connection.abort();
        Ok(Seen { status: head.status.as_u16(), headers: head.headers, text })
    }
}

impl Seen {
    /// All values of a header, in order.
    pub(crate) fn header(&self, key: &str) -> Vec<String> {
        let values = self.headers.get_all(key).iter();
        values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect()
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// If it is none.
    pub(crate) fn json(&self) -> Result<Value, String> {
        parsed(&self.text)
    }

    /// The JSON of each line, at most `take` of them.
    ///
    /// # Errors
    /// If one is none.
    pub(crate) fn lines(&self, take: Option<usize>) -> Result<Value, String> {
        self.text.lines().take(take.unwrap_or(usize::MAX)).map(parsed).collect()
    }

    /// The events, at most `take` of them.
    ///
    /// # Errors
    /// If the data of one is no JSON.
    pub(crate) fn events(&self, take: Option<usize>) -> Result<Value, String> {
        self.text.split("\n\n").filter(|block| is_event(block)).take(take.unwrap_or(usize::MAX)).map(event).collect()
    }
}

fn event(block: &str) -> Result<Value, String> {
    let fields = |name: &str| {
        let of = block.lines().filter_map(|line| line.split_once(": ")).filter(|(field, _)| *field == name);
        of.map(|(_, value)| value).collect::<Vec<_>>()
    };
    let name = fields("event").last().copied().unwrap_or("message");
    let data = parsed(&fields("data").join("\n"))?;
    Ok(match fields("id").last() {
        Some(id) => json!({"event": name, "id": id, "data": data}),
        None => json!({"event": name, "data": data}),
    })
}

fn is_event(block: &str) -> bool {
    block.lines().any(|line| line.starts_with("data:"))
}

fn parsed(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("{text:?} is no JSON: {error}"))
}

fn body(request: &Request) -> (Option<&'static str>, String) {
    match (&request.body, &request.lines, &request.text) {
        (Some(body), ..) => (Some("application/json"), body.to_string()),
        (_, Some(lines), _) => (Some("application/x-ndjson"), lines.iter().map(|line| format!("{line}\n")).collect()),
        (.., Some(text)) => (None, text.clone()),
        _ => (None, String::new()),
    }
}

/// The body to its end, or until so many lines or events are there.
async fn read(mut body: Incoming, events: bool, take: Option<usize>) -> Result<String, String> {
    let mut bytes = Vec::new();
    let complete = |text: &str| match events {
        true => text
            .rsplit_once("\n\n")
            .map_or(0, |(blocks, _)| blocks.split("\n\n").filter(|block| is_event(block)).count()),
        false => text.matches('\n').count(),
    };
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| error.to_string())?;
        bytes.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
        if take.is_some_and(|take| complete(&String::from_utf8_lossy(&bytes)) >= take) {
            break;
        }
    }
    String::from_utf8(bytes).map_err(|error| format!("the body is no UTF-8: {error}"))
}

fn connector(args: &Args) -> Result<TlsConnector, String> {
    let pem =
        |file: &std::path::Path| fs::read(file).map_err(|error| format!("cannot read {}: {error}", file.display()));
    let certificates = |file: &std::path::Path| -> Result<Vec<CertificateDer<'static>>, String> {
        let read = CertificateDer::pem_slice_iter(&pem(file)?).collect::<Result<_, _>>();
        read.map_err(|error| format!("{}: {error}", file.display()))
    };
    let told = |error: rustls::Error| error.to_string();
    let mut roots = RootCertStore::empty();
    if let Some(authority) = &args.tls_ca {
        roots.add_parsable_certificates(certificates(authority)?);
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().map_err(told)?.with_root_certificates(roots);
    let config = match (&args.tls_cert, &args.tls_key) {
        (Some(chain), Some(key)) => {
            let key =
                PrivateKeyDer::from_pem_slice(&pem(key)?).map_err(|error| format!("{}: {error}", key.display()))?;
            config.with_client_auth_cert(certificates(chain)?, key).map_err(told)?
        }
        _ => config.with_no_client_auth(),
    };
    Ok(TlsConnector::from(Arc::new(config)))
}
