//! The life of an endpoint: it connects before it is used, is replaced when its server asks for it, and tries again after ever
//! longer pauses.

use std::{
    convert::Infallible,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering::Relaxed},
    time::Duration,
};

use futures_util::future::join_all;
use tokio::{
    sync::{oneshot, watch},
    time::{Instant, sleep, timeout, timeout_at},
};

use super::{Backoff, ConnectError, Endpoint, Phase, Shared, health};
use crate::{
    connection::{self, Connection, Opened, Parting, Progress},
    tls::words,
};

/// A connection that was lost sooner than this did not work.
const SHORT: Duration = Duration::from_secs(1);
/// One that the server ended in order, as at its age.
const SHORT_AND_ORDERLY: Duration = Duration::from_millis(10);

/// Connections beside the first (gRFC A105).
const MOST_SPARES: usize = 9;

/// Lives until `removed`, and then until the last calls have ended.
pub(super) async fn live(
    endpoint: Arc<Endpoint>,
    removed: oneshot::Receiver<()>,
    random: fastrand::Rng,
) -> Arc<Endpoint> {
    let config = &endpoint.shared.config;
    let (keepalive, backoff) = (config.keepalive, Backoff::new(config, random));
    let mut life = Life { endpoint, backoff, keepalive, current: Mutex::default() };
    tokio::select! {
        biased;
        _ = removed => {}
        () = life.go_on() => {}
    }
    life.drain().await
}

struct Life {
    endpoint: Arc<Endpoint>,
    backoff: Backoff,
    /// Longer than configured for a server that does not like it.
    keepalive: Option<Duration>,
    /// Of which calls are under way, the first connection's before the others'.
    current: Mutex<Vec<Opened>>,
}

impl Life {
    fn shared(&self) -> &Shared {
        &self.endpoint.shared
    }

    fn current(&self) -> MutexGuard<'_, Vec<Opened>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn go_on(&mut self) {
        loop {
            self.endpoint.enter(Phase::Connecting);
            if let Err(error) = self.once().await {
                self.shared().lost.notify_one();
                self.endpoint.failed(Phase::BackingOff, error);
                let pause = self.backoff.pause();
                self.endpoint.rests(Instant::now() + pause);
                self.rest(pause).await;
            }
        }
    }

    /// Waits until it is time for another try: the sooner if somebody wants to call and no server is ready.
    async fn rest(&self, pause: Duration) {
        let shared = self.shared();
        let wanted = async {
            sleep(pause.min(shared.config.backoff)).await;
            shared.wanted.notified().await;
        };
        let _ = timeout(pause, wanted).await;
    }

    /// One connection, from its beginning to its end.
    async fn once(&mut self) -> Result<(), ConnectError> {
        let opened = open(&self.endpoint, self.keepalive).await;
        let (connection, opened) = opened.inspect_err(|_| self.shared().figures.failed_one())?;
        self.shared().figures.made_one();
        self.count_end(&opened);
        let begun = Instant::now();
        let mut progress = opened.progress.clone();
        self.current().push(opened);
        let parted = tokio::select! {
            parted = parting(&mut progress, |progress| !matches!(progress, Progress::Open)) => parted,
            never = self.take_calls(connection) => match never {},
            never = self.grow() => match never {},
        };
        self.current().clear();
        self.endpoint.enter(Phase::Connecting);
        self.shared().lost.notify_one();
        let Some(parting) = parted else { return Ok(()) };
        if parting.is_too_many_pings() {
            // As gRFC A8 wants it.
            self.keepalive = self.keepalive.map(|interval| interval * 2);
        }
        let short = if parting.is_orderly() { SHORT_AND_ORDERLY } else { SHORT };
        if begun.elapsed() < short {
            return Err(lost(&parting));
        }
        self.backoff.reset();
        Ok(())
    }

    /// Takes calls while the server is well.
    async fn take_calls(&self, connection: Arc<Connection>) -> Infallible {
        match &self.shared().config.health_service {
            Some(service) => health::follow(&self.endpoint, connection, service, self.backoff.clone()).await,
            None => {
                self.endpoint.ready(connection);
                std::future::pending().await
            }
        }
    }

    /// Makes further connections while those that there are have as many calls as the server takes.
    async fn grow(&self) -> Infallible {
        let endpoint = &self.endpoint;
        loop {
            endpoint.can_grow.store(true, Relaxed);
            endpoint.full.notified().await;
            if endpoint.spares() < MOST_SPARES
                && let Ok((connection, opened)) = open(endpoint, self.keepalive).await
            {
                self.shared().figures.made_one();
                self.count_end(&opened);
                self.current().push(opened);
                endpoint.add(&connection);
            } else {
                endpoint.can_grow.store(false, Relaxed);
                sleep(SHORT).await;
            }
        }
    }

    /// Counts why a connection ends, when it does.
    fn count_end(&self, opened: &Opened) {
        let (shared, endpoint) = (Arc::downgrade(&self.endpoint.shared), Arc::downgrade(&self.endpoint));
        let mut progress = opened.progress.clone();
        tokio::spawn(async move {
            let parting = parting(&mut progress, |progress| !matches!(progress, Progress::Open)).await;
            let is_removed = endpoint.upgrade().is_none_or(|endpoint| endpoint.condition().phase == Phase::Draining);
            let label = parting.map_or("unknown", |parting| parting.label);
            if let Some(shared) = shared.upgrade() {
                shared.figures.disconnected(if is_removed { "subchannel shutdown" } else { label });
            }
        });
    }

    /// No new calls; the last ones may end, within the limit.
    async fn drain(self) -> Arc<Endpoint> {
        self.endpoint.enter(Phase::Draining);
        let current = std::mem::take(&mut *self.current());
        let tasks: Vec<_> = current.iter().map(|opened| opened.task.clone()).collect();
        let ends = current.into_iter().map(async |mut opened| {
            parting(&mut opened.progress, |progress| matches!(progress, Progress::Ended(_))).await;
        });
        let _ = timeout(self.shared().config.drain_limit, join_all(ends)).await;
        for task in tasks {
            task.abort();
        }
        self.endpoint
    }
}

/// A connection on which the server has spoken.
async fn open(endpoint: &Endpoint, keepalive: Option<Duration>) -> Result<(Arc<Connection>, Opened), ConnectError> {
    let shared = &endpoint.shared;
    let limit = shared.config.connect_timeout;
    let until = Instant::now() + limit;
    let (connection, mut opened) =
        timeout_at(until, connection::connect(&shared.dial, endpoint.address(), &shared.config, keepalive))
            .await
            .map_err(|_| too_late(limit))?
            .map_err(|error| ConnectError { what: reason(&error), source: Some(error.into()) })?;
    let spoken = parting(&mut opened.progress, |progress| !matches!(progress, Progress::Greeting));
    match timeout_at(until, spoken).await {
        Ok(None) => Ok((connection, opened)),
        Ok(Some(parting)) if parting.is_nonsense() => {
            let what = "what listens there does not speak HTTP/2".to_owned();
            Err(ConnectError { what, source: Some(Box::new(parting)) })
        }
        Ok(Some(parting)) => Err(lost(&parting)),
        Err(_) => {
            opened.task.abort();
            Err(too_late(limit))
        }
    }
}

/// Waits until a connection has come so far; says why, if it is towards its end.
async fn parting(progress: &mut watch::Receiver<Progress>, far: impl FnMut(&Progress) -> bool) -> Option<Arc<Parting>> {
    match progress.wait_for(far).await.as_deref() {
        Ok(Progress::Leaving(parting) | Progress::Ended(parting)) => Some(Arc::clone(parting)),
        Ok(Progress::Greeting | Progress::Open) => None,
        // The runtime is ending, and with it the connection's task.
        Err(_) => Some(Arc::new(Parting { label: "unknown", error: None })),
    }
}

fn too_late(limit: Duration) -> ConnectError {
    ConnectError { what: format!("no connection of HTTP/2 within {limit:?}"), source: None }
}

fn lost(parting: &Arc<Parting>) -> ConnectError {
    ConnectError { what: format!("the connection was lost ({parting})"), source: Some(Box::new(Arc::clone(parting))) }
}

fn reason(error: &io::Error) -> String {
    words(error).unwrap_or_else(|| error.to_string())
}
