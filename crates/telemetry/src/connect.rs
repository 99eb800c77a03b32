//! Connections to a collector, the same for gRPC and HTTP: TCP, and TLS where the address is `https`.

use http::Uri;
use hyper_util::{
    client::legacy::connect::{Connected, Connection},
    rt::TokioIo,
};
use rustls::pki_types::ServerName;
use std::{
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

/// What carries bytes: TCP, or TLS over it.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl Connection for Box<dyn Stream> {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

/// Connects to the collector's address, whatever URI it is asked for.
#[derive(Clone)]
pub(crate) struct Connector {
    host: Arc<str>,
    port: u16,
    tls: Option<(tokio_rustls::TlsConnector, ServerName<'static>)>,
}

impl Connector {
    /// # Errors
    /// If the host of an `https` address is no name a certificate can have.
    pub(crate) fn new(uri: &Uri, tls: Option<Arc<rustls::ClientConfig>>) -> io::Result<Self> {
        let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let name = || ServerName::try_from(host.to_owned()).map_err(io::Error::other);
        Ok(Self {
            port: uri.port_u16().unwrap_or(if tls.is_some() { 443 } else { 80 }),
            tls: tls.map(|config| Ok::<_, io::Error>((config.into(), name()?))).transpose()?,
            host: host.into(),
        })
    }

    async fn connect(self) -> io::Result<TokioIo<Box<dyn Stream>>> {
        let tcp = TcpStream::connect((&*self.host, self.port)).await?;
        tcp.set_nodelay(true)?;
        Ok(TokioIo::new(match self.tls {
            None => Box::new(tcp),
            Some((tls, name)) => Box::new(tls.connect(name, tcp).await?),
        }))
    }
}

impl tower::Service<Uri> for Connector {
    type Response = TokioIo<Box<dyn Stream>>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        Box::pin(self.clone().connect())
    }
}
