//! TLS of the TCP addresses, with certificates that can be exchanged while it runs.

mod certificate;
mod figures;
mod handshake;
mod load;
mod settings;

pub use settings::{ClientCertificate, TlsConfig, TlsVersion};

use super::Port;
use crate::{config::OutOfRange, metrics::Metrics};
use certificate::Expiry;
use figures::Figures;
use load::{Contents, Loaded, Served};
use rustls::ServerConfig;
use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
    thread,
    time::Duration,
};
use tokio::{sync::oneshot, time::timeout};

/// How HTTP/2 over TLS is called in ALPN (RFC 9113, 3.2).
const H2: &[u8] = b"h2";
/// How HTTP/1.1 over TLS is called in ALPN (RFC 7301, 6).
const HTTP_1_1: &[u8] = b"http/1.1";

/// Reading the files for longer than this is told.
const PATIENCE: Duration = Duration::from_secs(30);

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

    fn count(&self, reload: &'static str) {
        self.figures.reloads.get_or_create(&[("result", reload)]).inc();
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
    expiry: Expiry,
    told: Age,
}

/// How old the certificate in use is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Age {
    Good,
    ExpiresSoon,
    Expired,
}

impl Watched {
    /// From the settings, if they want TLS.
    pub(crate) fn new(config: &TlsConfig, metrics: &Metrics) -> Result<Option<Self>, OutOfRange> {
        let Some((seen, loaded)) = config.load()? else { return Ok(None) };
        let current = RwLock::new(loaded.server.clone());
        let tls = Arc::new(Tls { config: config.clone(), current, figures: Figures::default() });
        tls.figures.register(metrics);
        tls.tell(&loaded);
        Ok(Some(Self { tls, seen, expiry: loaded.certificate, told: Age::Good }))
    }

    /// Looks at the files again and again, until dropped. What is good holds for new connections; what is not is told, and
    /// changes nothing.
    pub(crate) async fn reload(mut self) {
        let interval = self.tls.config.reload_interval.get();
        loop {
            self.remind();
            tokio::time::sleep(interval).await;
            if let Some(found) = self.read().await {
                self.take(found);
            }
        }
    }

    /// Says once that the certificate expires soon, and once that it has.
    fn remind(&mut self) {
        let expiry = self.expiry;
        let age = match expiry.is_near() {
            true if expiry.has_passed() => Age::Expired,
            true => Age::ExpiresSoon,
            false => Age::Good,
        };
        match std::mem::replace(&mut self.told, age) {
            told if told >= age => {}
            _ if age == Age::Expired => tracing::warn!(
                certificate.expiry = %expiry,
                "the certificate of server.tls.certificate has expired, and clients refuse it; renew the file"
            ),
            _ => tracing::warn!(
                certificate.expiry = %expiry,
                "the certificate of server.tls.certificate expires soon; renew the file"
            ),
        }
    }

    /// Reads the files, on a thread of its own for which nobody waits at the end: those of a network may never come.
    async fn read(&self) -> Option<Result<Contents, OutOfRange>> {
        let (give, mut found) = oneshot::channel();
        let config = self.tls.config.clone();
        let reader = thread::Builder::new().name("tls-files".to_owned()).spawn(move || {
            let _ = give.send(read_at_rest(&config));
        });
        if let Err(error) = reader {
            tracing::error!(%error, "no thread to read the TLS files on; the former ones stay in use");
            return None;
        }
        if let Ok(found) = timeout(PATIENCE, &mut found).await {
            return found.ok().flatten();
        }
        self.tls.count("failure");
        tracing::error!(waited.s = PATIENCE.as_secs(), "reading the TLS files takes long; the former ones stay in use");
        found.await.ok().flatten()
    }

    fn take(&mut self, found: Result<Contents, OutOfRange>) {
        let found = match found {
            Ok(found) if found == self.seen => return,
            Ok(found) => found,
            Err(error) => {
                self.tls.count("failure");
                return tracing::error!(%error, "TLS files cannot be read; the former ones stay in use");
            }
        };
        match self
            .tls
            .config
            .files()
            .and_then(|files| files.map(|files| found.load(&self.tls.config, files)).transpose())
        {
            Ok(None) => {}
            Ok(Some(loaded)) => {
                self.tls.take(&loaded);
                self.expiry = loaded.certificate;
                self.tls.count("success");
                tracing::info!(certificate.expiry = %loaded.certificate, "TLS files taken over");
            }
            Err(error) => {
                self.tls.count("failure");
                tracing::error!(%error, "changed TLS files cannot be used; the former ones stay in use");
            }
        }
        self.seen = found;
    }
}

/// What the files hold; nothing while somebody exchanges them, one after the other.
fn read_at_rest(config: &TlsConfig) -> Option<Result<Contents, OutOfRange>> {
    let files = config.files().ok()??;
    match (Contents::read(files), Contents::read(files)) {
        (Ok(once), Ok(twice)) if once != twice => None,
        (once, _) => Some(once),
    }
}
