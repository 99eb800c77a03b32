//! TLS of the TCP addresses, with certificates that can be exchanged while it runs.

mod certificate;
mod figures;
mod handshake;
mod load;
mod settings;

pub use settings::{ClientCertificate, TlsConfig, TlsVersion};

use super::Port;
use crate::{config::OutOfRange, metrics::Metrics};
use figures::Figures;
use load::{Contents, Loaded, Served};
use rustls::ServerConfig;
use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

/// How HTTP/2 over TLS is called in ALPN (RFC 9113, 3.2).
const H2: &[u8] = b"h2";
/// How HTTP/1.1 over TLS is called in ALPN (RFC 7301, 6).
const HTTP_1_1: &[u8] = b"http/1.1";

/// What connections are encrypted with at this moment.
pub(crate) struct Tls {
    config: TlsConfig,
    current: RwLock<Served>,
    figures: Figures,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("config", &self.config).finish_non_exhaustive()
    }
}

impl TlsConfig {
    /// Checks the settings, and that the files can be used.
    pub(crate) fn check(&self) -> Result<(), OutOfRange> {
        self.load().map(|_| ())
    }

    fn load(&self) -> Result<Option<(Contents, Loaded)>, OutOfRange> {
        let Some(files) = self.files()? else { return Ok(None) };
        let contents = Contents::read(files)?;
        let loaded = contents.load(self, files)?;
        Ok(Some((contents, loaded)))
    }
}

impl Tls {
    fn current(&self, port: Port) -> Arc<ServerConfig> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(if port == Port::Web { &current.web } else { &current.grpc })
    }

    fn take(&self, loaded: &Loaded) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = loaded.server.clone();
        self.tell(loaded);
    }

    fn tell(&self, loaded: &Loaded) {
        let set = |file, at| self.figures.expiry.get_or_create(&[("file", file)]).set(at);
        set("certificate", loaded.certificate.timestamp());
        if let Some(expiry) = loaded.client_ca {
            set("client_ca", expiry.timestamp());
        }
    }
}

/// The files, as they were when they were last looked at.
pub(crate) struct Watched {
    pub(crate) tls: Arc<Tls>,
    seen: Contents,
}

impl Watched {
    /// From the settings, if they want TLS.
    pub(crate) fn new(config: &TlsConfig, metrics: &Metrics) -> Result<Option<Self>, OutOfRange> {
        let Some((seen, loaded)) = config.load()? else { return Ok(None) };
        let current = RwLock::new(loaded.server.clone());
        let tls = Arc::new(Tls { config: config.clone(), current, figures: Figures::default() });
        tls.figures.register(metrics);
        tls.tell(&loaded);
        Ok(Some(Self { tls, seen }))
    }

    /// Looks at the files again and again, until dropped. What is good holds for new connections; what is not is told, and
    /// changes nothing.
    pub(crate) async fn reload(mut self) {
        let interval = self.tls.config.reload_interval.get();
        loop {
            tokio::time::sleep(interval).await;
            // Files of a network may take their time.
            match tokio::task::spawn_blocking(move || self.look()).await {
                Ok(watched) => self = watched,
                Err(error) => return tracing::error!(%error, "TLS files are not looked at any more"),
            }
        }
    }

    fn look(mut self) -> Self {
        let Ok(Some(files)) = self.tls.config.files() else { return self };
        let read = || Contents::read(files);
        let count = |result| self.tls.figures.reloads.get_or_create(&[("result", result)]).inc();
        let found = match (read(), read()) {
            // Somebody is about to exchange them, one after the other.
            (Ok(once), Ok(twice)) if once != twice => return self,
            (Ok(found), _) if found == self.seen => return self,
            (Ok(found), _) => found,
            (Err(error), _) => {
                count("failure");
                tracing::error!(%error, "TLS files cannot be read; the former ones stay in use");
                return self;
            }
        };
        match found.load(&self.tls.config, files) {
            Ok(loaded) => {
                self.tls.take(&loaded);
                count("success");
                tracing::info!(certificate.expiry = %loaded.certificate, "TLS files taken over");
            }
            Err(error) => {
                count("failure");
                tracing::error!(%error, "changed TLS files cannot be used; the former ones stay in use");
            }
        }
        self.seen = found;
        self
    }
}
