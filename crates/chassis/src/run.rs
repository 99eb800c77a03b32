//! The life of a server: serve, drain, stop.

use crate::{
    App, Health, Skip, admin,
    admin::Admin,
    handle::Wish,
    health::HealthService,
    panics,
    serve::{Acceptor, Link, Phase, Running, accept},
};
use futures_util::FutureExt;
use std::{
    io,
    net::TcpListener,
    pin::{Pin, pin},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    sync::Semaphore,
    task::{AbortHandle, JoinHandle},
};

/// How long the end of the shards' threads may take once nothing is left to serve.
const JOIN_LIMIT: Duration = Duration::from_secs(5);

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
    /// Serves until `shutdown` ends (or [`Handle::shutdown`](crate::Handle::shutdown) is called), then drains and stops: health says NOT_SERVING for good, the
    /// `on_drain` hooks run, after `drain_delay` nothing more is accepted and connections are asked to leave; what still
    /// runs after `drain_limit` ends with UNAVAILABLE. A second wish (see [`Skip`], [`Handle::skip_drain`](crate::Handle::skip_drain)) skips the waits.
    ///
    /// Runs within a tokio runtime; calls run on threads of their own, which have ended when this does.
    ///
    /// # Errors
    /// [`RunError`] when threads cannot be started, or one cannot be ended.
    pub async fn run_until<F>(mut self, shutdown: F) -> Result<(), RunError>
    where
        F: Future<Output: Skip> + Send,
    {
        let mut shards = Vec::with_capacity(self.shards.len());
        for (i, shard) in std::mem::take(&mut self.shards).into_iter().enumerate() {
            shards.push(shard.start(i)?);
        }
        let places = Arc::new(Semaphore::new(self.server.max_connections as usize));
        let helpers = self.serve(&shards, &places)?;
        let handle = self.handle.clone();
        let skip: Pin<Box<dyn Future<Output = ()> + Send>> = tokio::select! {
            wish = shutdown => Box::pin(wish.skip()),
            () = handle.wished(Wish::Drain) => Box::pin(std::future::pending()),
        };
        let skip = async {
            tokio::select! {
                () = skip => {}
                () = handle.wished(Wish::Skip) => {}
            }
        };
        self.stop(shards, &places, helpers, skip).await
    }

    /// Starts what serves: the accept loop, the admin port, the readiness checks.
    fn serve(&mut self, shards: &[Running], places: &Arc<Semaphore>) -> Result<Helpers, RunError> {
        let links = || shards.iter().map(Running::link).collect::<Vec<Link>>();
        let acceptor = Acceptor {
            listener: to_tokio(&self.grpc)?,
            shards: links(),
            places: Arc::clone(places),
            refused: Arc::clone(&self.figures.refused),
        };
        let admin_port = to_tokio(&self.admin_port)?;
        let admin = Admin {
            build: self.build.clone(),
            health: HealthService(self.health.clone()),
            readiness: self.readiness.clone(),
            metrics: self.metrics.clone(),
            shards: links(),
        };
        let (interval, limit) = (self.admin.ready_interval.get(), self.admin.ready_limit.get());
        tracing::info!(
            service.name = self.build.name,
            service.version = self.build.version,
            service.commit = self.build.commit,
            grpc.address = %self.grpc_addr,
            admin.address = %self.admin_addr,
            shards = shards.len(),
            "listening"
        );
        let accepting = tokio::spawn(accept(acceptor));
        let admin = tokio::spawn(admin::serve(admin_port, admin));
        let readiness = tokio::spawn(self.readiness.clone().poll(interval, limit));
        Ok(Helpers { _admin: Helper::new(&admin), _readiness: Helper::new(&readiness), accepting: Some(accepting) })
    }

    async fn stop(
        self,
        shards: Vec<Running>,
        places: &Semaphore,
        mut helpers: Helpers,
        skip: impl Future<Output = ()> + Send,
    ) -> Result<(), RunError> {
        let (begun, mut skip) = (Instant::now(), pin!(skip.fuse()));
        let Self { server, figures, health, on_drain, grpc, admin_port, .. } = self;
        drain_begins(&health, on_drain, figures.in_flight());
        let mut skipped =
            within(server.drain_delay.get(), std::future::pending(), skip.as_mut()).await == Wait::Skipped;
        helpers.stop_accepting().await;
        drop(grpc);
        enter(&shards, Phase::Drain);
        let gone = async { places.acquire_many(server.max_connections).await.map(|_| ()).unwrap_or_default() };
        let mut gone = pin!(gone);
        let limit = if skipped { Duration::ZERO } else { server.drain_limit.get() };
        let waited = within(limit, gone.as_mut(), skip.as_mut()).await;
        skipped |= waited == Wait::Skipped;
        let cut = figures.in_flight();
        if waited != Wait::Done {
            enter(&shards, Phase::Stop);
            if within(server.flush_limit.get(), gone.as_mut(), std::future::pending()).await != Wait::Done {
                enter(&shards, Phase::Close);
                let _ = within(server.flush_limit.get(), gone.as_mut(), std::future::pending()).await;
            }
        }
        drop((helpers, admin_port));
        let stuck = join(shards).await;
        let duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        match cut {
            0 => tracing::info!(drain.duration_ms = duration_ms, drain.skipped = skipped, "stopped"),
            calls => tracing::warn!(
                drain.duration_ms = duration_ms,
                drain.skipped = skipped,
                calls.ended = calls,
                "stopped; calls that still ran were ended with UNAVAILABLE"
            ),
        }
        if stuck > 0 { Err(RunError::Stuck(stuck)) } else { Ok(()) }
    }
}

/// What serves beside the shards.
struct Helpers {
    accepting: Option<JoinHandle<()>>,
    _admin: Helper,
    _readiness: Helper,
}

impl Helpers {
    /// Waits for the end of the accept loop, so that its socket is closed.
    async fn stop_accepting(&mut self) {
        if let Some(accepting) = self.accepting.take() {
            accepting.abort();
            let _ = accepting.await;
        }
    }
}

impl Drop for Helpers {
    fn drop(&mut self) {
        if let Some(accepting) = &self.accepting {
            accepting.abort();
        }
    }
}

fn drain_begins(health: &Health, hooks: Vec<Box<dyn FnOnce() + Send>>, calls: u64) {
    health.drain();
    tracing::info!(calls.in_flight = calls, "draining");
    for hook in hooks {
        if let Err(panic) = panics::contain(hook) {
            tracing::error!(panic.location = panic.place, "a drain hook panicked");
        }
    }
}

fn enter(shards: &[Running], phase: Phase) {
    shards.iter().for_each(|running| running.shard.enter(phase));
}

/// Waits for the threads; tells how many did not end.
async fn join(shards: Vec<Running>) -> usize {
    let joined = futures_util::future::join_all(shards.into_iter().map(|running| running.join(JOIN_LIMIT))).await;
    joined.into_iter().filter(|ended| !ended).count()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    Done,
    TimedOut,
    Skipped,
}

async fn within(limit: Duration, done: impl Future<Output = ()>, skip: impl Future<Output = ()>) -> Wait {
    tokio::select! {
        biased;
        () = done => Wait::Done,
        () = skip => Wait::Skipped,
        () = tokio::time::sleep(limit) => Wait::TimedOut,
    }
}

fn to_tokio(listener: &TcpListener) -> io::Result<tokio::net::TcpListener> {
    tokio::net::TcpListener::from_std(listener.try_clone()?)
}
