//! The end of a server, in the order in which nothing is lost.

use super::{Entry, Helper, RunError};
use crate::{
    App, Handle, Skip,
    handle::Wish,
    metrics::WebShards,
    panics,
    serve::{Phase, Running},
};
use futures_util::{FutureExt, future::BoxFuture};
use std::{pin::Pin, time::Duration};
use tokio::{sync::Semaphore, time::Instant};

/// How long the end of the shards may take once nothing is left to serve.
const JOIN_LIMIT: Duration = Duration::from_secs(5);

/// What the waits of a drain depend on.
pub(super) struct Waits {
    /// Nobody has to learn of the stop before it begins.
    prompt: bool,
    /// Ends when nothing shall be waited for any more.
    skip: futures_util::future::Fuse<BoxFuture<'static, ()>>,
    skipped: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    Done,
    Over,
}

impl Waits {
    /// Waits until the server is told to stop.
    pub(super) async fn told<F>(handle: &Handle, shutdown: F) -> Self
    where
        F: Future<Output: Skip> + Send,
    {
        let (prompt, wish): (bool, BoxFuture<'static, ()>) = tokio::select! {
            biased;
            wish = shutdown => (wish.prompt(), Box::pin(wish.skip())),
            () = handle.wished(Wish::Drain) => (false, Box::pin(std::future::pending())),
        };
        let handle = handle.clone();
        let skip: BoxFuture<'static, ()> = Box::pin(async move {
            tokio::select! {
                biased;
                () = wish => {}
                () = handle.wished(Wish::Skip) => {}
            }
        });
        Self { prompt, skip: skip.fuse(), skipped: false }
    }

    /// Waits for `done`, for `limit` at most, and no longer than until the waits are skipped.
    async fn wait(&mut self, limit: Duration, done: impl Future<Output = ()>) -> Wait {
        let limit = if self.skipped { Duration::ZERO } else { limit };
        tokio::select! {
            biased;
            () = done => Wait::Done,
            () = &mut self.skip => {
                self.skipped = true;
                Wait::Over
            }
            () = tokio::time::sleep(limit) => Wait::Over,
        }
    }
}

impl App {
    pub(super) async fn drain(
        self,
        shards: Vec<Running>,
        free: &Semaphore,
        entry: Entry,
        helpers: Vec<Helper>,
        mut waits: Waits,
    ) -> Result<(), RunError> {
        let begun = Instant::now();
        let Self { server, figures, web_figures, health, on_drain, listeners, admin_port, .. } = self;
        let requests = || web_figures.as_ref().map_or(0, WebShards::in_flight);
        health.drain();
        figures.drain_begins();
        let delay = if waits.prompt { Duration::ZERO } else { server.drain_delay.get() };
        tracing::info!(
            calls.in_flight = figures.in_flight(),
            requests.in_flight = requests(),
            drain.delay_ms = millis(delay),
            "draining"
        );
        enter(&shards, Phase::Notice);
        waits.wait(delay, std::future::pending()).await;
        entry.close().await;
        drop(listeners);
        enter(&shards, Phase::Drain);
        run_hooks(on_drain);
        let mut gone =
            Box::pin(async { free.acquire_many(server.max_connections).await.map(|_| ()).unwrap_or_default() });
        let waited = waits.wait(server.drain_limit.get(), gone.as_mut()).await;
        let cut = (figures.in_flight(), requests());
        if waited != Wait::Done {
            cut_off(&shards, gone.as_mut(), server.flush_limit.get()).await;
        }
        drop((helpers, admin_port));
        let stuck = join(shards).await;
        let duration_ms = millis(begun.elapsed());
        match cut {
            (0, 0) => tracing::info!(drain.duration_ms = duration_ms, drain.skipped = waits.skipped, "stopped"),
            (calls, requests) => tracing::warn!(
                drain.duration_ms = duration_ms,
                drain.skipped = waits.skipped,
                calls.ended = calls,
                requests.ended = requests,
                "stopped; calls that still ran were ended with UNAVAILABLE"
            ),
        }
        if stuck > 0 { Err(RunError::Stuck(stuck)) } else { Ok(()) }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn run_hooks(hooks: Vec<Box<dyn FnOnce() + Send>>) {
    for hook in hooks {
        if let Err(panic) = panics::contain(hook) {
            tracing::error!(panic.location = panic.place, "a drain hook panicked");
        }
    }
}

/// Ends what still runs: first the calls, with a status, then the connections.
async fn cut_off(shards: &[Running], mut gone: Pin<&mut (impl Future<Output = ()> + Send)>, flush: Duration) {
    for phase in [Phase::Stop, Phase::Close] {
        enter(shards, phase);
        if tokio::time::timeout(flush, gone.as_mut()).await.is_ok() {
            return;
        }
    }
}

fn enter(shards: &[Running], phase: Phase) {
    shards.iter().for_each(|running| running.shard.enter(phase));
}

/// Waits for the shards; tells how many did not end.
async fn join(shards: Vec<Running>) -> usize {
    let joined = futures_util::future::join_all(shards.into_iter().map(|running| running.join(JOIN_LIMIT))).await;
    joined.into_iter().filter(|ended| !ended).count()
}
