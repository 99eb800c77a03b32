//! The life of a server: start, serve, until it is told to stop.

mod drain;
mod entry;

use crate::{
    App, Skip, admin,
    admin::Admin,
    health::HealthService,
    serve::{Link, Places, Running, accept},
    transport::{Listener, Stream},
};
use campus_call::Peer;
use drain::Waits;
pub(crate) use entry::Closed;
use entry::{Entry, admit};
use futures_util::StreamExt;
use std::{io, net::TcpListener, sync::Arc};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::Semaphore,
    task::{AbortHandle, JoinHandle},
};

/// Serving failed.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The operating system refused a thread, an event loop, or a listening socket's registration.
    #[error("cannot begin to serve: {0}")]
    Start(#[from] io::Error),
    /// Event loops did not end; a handler blocks them.
    #[error("{0} event loop(s) did not end: a handler blocks its thread")]
    Stuck(usize),
}

/// A task that ends with its owner.
struct Helper(AbortHandle);

impl Helper {
    fn new(task: &JoinHandle<()>) -> Self {
        Self(task.abort_handle())
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl App {
    /// Serves until `shutdown` ends (or [`Handle::shutdown`](crate::Handle::shutdown) is called), then drains and stops:
    ///
    /// 1. health and readiness say NOT_SERVING, for good; for `drain_delay` all else goes on, so that the news can travel;
    /// 2. nothing more is accepted, each connection is asked to leave (GOAWAY), and the `on_drain` hooks run;
    /// 3. what still runs after `drain_limit` ends with UNAVAILABLE.
    ///
    /// A second wish (see [`Skip`], [`Handle::skip_drain`](crate::Handle::skip_drain)) skips the waits. What telemetry has
    /// to send is best sent after this has returned.
    ///
    /// Runs within a tokio runtime; calls run on threads of their own, which have ended when this does.
    ///
    /// # Errors
    /// [`RunError`] when threads cannot be started, or one cannot be ended.
    pub async fn run_until<F>(mut self, shutdown: F) -> Result<(), RunError>
    where
        F: Future<Output: Skip> + Send,
    {
        let started = std::mem::take(&mut self.shards).into_iter().enumerate().map(|(i, shard)| shard.start(i));
        let shards = started.collect::<io::Result<Vec<Running>>>()?;
        let listeners =
            std::mem::take(&mut self.listeners).into_iter().map(Listener::start).collect::<io::Result<_>>()?;
        let places = self.places(&shards);
        let entry = Entry::open(|closed| accept(listeners, places.clone(), closed));
        let mut helpers = vec![self.serve_admin(&shards)?, self.ask_readiness()];
        helpers.extend(self.tls.take().map(|files| Helper::new(&tokio::spawn(files.reload()))));
        self.live(shards, places, entry, helpers, shutdown).await
    }

    /// Does as [`run_until`](Self::run_until) does, on the current runtime alone, with the connections of `incoming` and no
    /// others: no thread is started and neither port is served. For simulations, whose time and network are not the
    /// machine's.
    ///
    /// # Errors
    /// [`RunError::Stuck`] when an event loop cannot be ended.
    pub async fn run_here<I, S, F>(mut self, incoming: I, shutdown: F) -> Result<(), RunError>
    where
        I: futures_util::Stream<Item = (S, Peer)> + Send + Unpin + 'static,
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
        F: Future<Output: Skip> + Send,
    {
        let shards: Vec<_> =
            std::mem::take(&mut self.shards).into_iter().map(crate::serve::Shard::start_here).collect();
        let places = self.places(&shards);
        let incoming = incoming.map(|(stream, peer)| (Stream::Other(Box::new(stream)), Arc::new(peer)));
        let entry = Entry::open(|closed| admit(incoming, places.clone(), closed));
        let helpers = vec![self.ask_readiness()];
        self.live(shards, places, entry, helpers, shutdown).await
    }

    fn places(&self, shards: &[Running]) -> Places {
        Places {
            shards: shards.iter().map(Running::link).collect(),
            free: Arc::new(Semaphore::new(self.server.max_connections as usize)),
            refused: Arc::clone(&self.figures.refused),
        }
    }

    fn ask_readiness(&self) -> Helper {
        let (interval, limit) = (self.admin.ready_interval.get(), self.admin.ready_limit.get());
        Helper::new(&tokio::spawn(self.readiness.clone().poll(interval, limit)))
    }

    fn serve_admin(&self, shards: &[Running]) -> Result<Helper, RunError> {
        let port = to_tokio(&self.admin_port)?;
        let admin = Admin {
            build: self.build.clone(),
            health: HealthService(self.health.clone()),
            readiness: self.readiness.clone(),
            metrics: self.metrics.clone(),
            shards: shards.iter().map(Running::link).collect::<Vec<Link>>(),
        };
        tracing::info!(
            service.name = self.build.name,
            service.version = self.build.version,
            service.commit = self.build.commit,
            grpc.address = %self.grpc_addresses,
            web.address = %self.web_addresses,
            admin.address = %self.admin_addr,
            shards = shards.len(),
            "listening"
        );
        Ok(Helper::new(&tokio::spawn(admin::serve(port, admin))))
    }

    async fn live<F>(
        self,
        shards: Vec<Running>,
        places: Places,
        entry: Entry,
        helpers: Vec<Helper>,
        shutdown: F,
    ) -> Result<(), RunError>
    where
        F: Future<Output: Skip> + Send,
    {
        let waits = Waits::told(&self.handle, shutdown).await;
        let free = Arc::clone(&places.free);
        drop(places);
        self.drain(shards, &free, entry, helpers, waits).await
    }
}

fn to_tokio(listener: &TcpListener) -> io::Result<tokio::net::TcpListener> {
    tokio::net::TcpListener::from_std(listener.try_clone()?)
}
