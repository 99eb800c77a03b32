//! One server of a pool.

use std::{
    error::Error,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{
            AtomicBool, AtomicU64,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
    time::Duration,
};

use arc_swap::{ArcSwap, ArcSwapOption};
use http::{HeaderValue, Request, Uri, header::USER_AGENT};
use tokio::{sync::Notify, time::Instant};
use tonic::{Status, body::Body};

use super::{Phase, Shared, Stats};
use crate::{
    Address,
    connection::{Begun, Connection, NeverSent, Open},
    pick::latency,
};

/// Share of a newcomer at its first moment.
const FIRST_WEIGHT: f64 = 0.1;

/// One server, over all connections that there are to it one after the other.
#[derive(Debug)]
pub(crate) struct Endpoint {
    address: Address,
    pub(super) shared: Arc<Shared>,
    stats: Stats,
    connection: ArcSwapOption<Connection>,
    /// Further ones, for more calls than the server takes on one (gRFC A105).
    spare: ArcSwap<Vec<Arc<Connection>>>,
    /// All are full.
    pub(super) full: Notify,
    /// Whether that can be helped.
    pub(super) can_grow: AtomicBool,
    condition: Mutex<Condition>,
    /// Whether it is to begin slowly when it is ready.
    pub(super) is_new: AtomicBool,
    /// When it began to get calls, in nanoseconds of the pool; 0: long ago.
    warm_since: AtomicU64,
}

/// How an endpoint is.
#[derive(Clone, Debug)]
pub(crate) struct Condition {
    pub(crate) phase: Phase,
    pub(crate) since: Instant,
    /// Whether it has failed since it was last ready.
    pub(crate) is_failing: bool,
    /// When it is connected to again, while it backs off.
    pub(crate) next_attempt: Option<Instant>,
    /// When it is asked for a sign of life, while it is ejected.
    pub(crate) ejected_until: Option<Instant>,
    pub(crate) last_error: Option<Arc<ConnectError>>,
}

/// Why there is no connection to a server, or no use in it.
#[derive(Debug)]
pub struct ConnectError {
    pub(super) what: String,
    pub(super) source: Option<Box<dyn Error + Send + Sync>>,
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl Error for ConnectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl Endpoint {
    pub(super) fn new(address: Address, shared: Arc<Shared>) -> Self {
        let condition = Condition {
            phase: Phase::Idle,
            since: Instant::now(),
            is_failing: false,
            next_attempt: None,
            ejected_until: None,
            last_error: None,
        };
        Self {
            address,
            shared,
            stats: Stats::default(),
            connection: ArcSwapOption::empty(),
            spare: ArcSwap::default(),
            full: Notify::new(),
            can_grow: AtomicBool::new(true),
            condition: Mutex::new(condition),
            is_new: AtomicBool::new(true),
            warm_since: AtomicU64::new(0),
        }
    }

    /// Nanoseconds since the pool began.
    pub(crate) fn now(&self) -> u64 {
        self.shared.now()
    }

    /// Where it is.
    #[must_use]
    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// What is known of its calls.
    #[must_use]
    pub(crate) fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Its share among the others, 0.1 to 1: a newcomer's grows. One that is tried out has none while it has a call.
    #[must_use]
    pub(crate) fn weight(&self) -> f64 {
        if self.is_on_trial() && self.stats.in_flight.load(Relaxed) > 0 {
            return 0.0;
        }
        match self.warm_since.load(Relaxed) {
            0 => 1.0,
            since => {
                let age = self.shared.now().saturating_sub(since) as f64;
                let window = self.shared.config.slow_start.as_nanos() as f64;
                (FIRST_WEIGHT + (1.0 - FIRST_WEIGHT) * age / window).min(1.0)
            }
        }
    }

    /// When a newcomer has its full share.
    pub(super) fn warm_at(&self) -> Option<Instant> {
        let since = Duration::from_nanos(self.warm_since.load(Relaxed));
        (!since.is_zero()).then(|| self.shared.begun + since + self.shared.config.slow_start)
    }

    /// Begins slowly, or not.
    pub(super) fn warm(&self, slowly: bool) {
        let now = self.shared.now();
        self.warm_since.store(if slowly { now.max(1) } else { 0 }, Relaxed);
        latency::forget(&self.stats, now);
    }

    /// Begins a call here. The head needs no authority.
    ///
    /// # Errors
    /// If there is no connection now: take another endpoint.
    pub(crate) fn begin(self: &Arc<Self>, request: Request<Body>) -> Result<Begun, NeverSent> {
        match &*self.connection.load() {
            Some(first) if first.is_full() => self.begin_on(self.free(first)?, request, true),
            Some(first) => self.begin_on(Arc::clone(first), request, true),
            None => Err(NeverSent { status: self.away("is not connected") }),
        }
    }

    /// A further connection with room; the first, where the call waits for its turn, if there can be no more.
    fn free(&self, first: &Arc<Connection>) -> Result<Arc<Connection>, NeverSent> {
        if let Some(free) = self.spare.load().iter().find(|connection| !connection.is_full()) {
            return Ok(Arc::clone(free));
        }
        if !self.can_grow.load(Relaxed) {
            return Ok(Arc::clone(first));
        }
        self.full.notify_one();
        Err(NeverSent { status: self.away("has as many calls as it takes on a connection") })
    }

    /// How many further connections there are.
    pub(super) fn spares(&self) -> usize {
        self.spare.load().iter().filter(|connection| !connection.is_leaving()).count()
    }

    /// Takes calls on a further connection, as long as there is the first.
    pub(super) fn add(&self, connection: &Arc<Connection>) {
        self.spare.rcu(|spare| {
            let others = spare.iter().filter(|other| !other.is_leaving());
            others.chain([connection]).cloned().collect::<Vec<_>>()
        });
    }

    /// Begins a call that is not one of the channel's, on this connection.
    pub(super) fn ask(
        self: &Arc<Self>,
        connection: Arc<Connection>,
        request: Request<Body>,
    ) -> Result<Begun, NeverSent> {
        self.begin_on(connection, request, false)
    }

    fn begin_on(
        self: &Arc<Self>,
        connection: Arc<Connection>,
        request: Request<Body>,
        counts: bool,
    ) -> Result<Begun, NeverSent> {
        let (head, body) = request.into_parts();
        let mut head = Request::from_parts(head, ());
        self.shared.origin.complete(&mut head).map_err(|status| NeverSent { status })?;
        head.headers_mut().entry(USER_AGENT).or_insert(const { HeaderValue::from_static(AGENT) });
        let open = Open::new(Arc::clone(self), Arc::clone(&connection), counts);
        Begun::new(open, head, body).map_err(|error| {
            // Others need not find that out as well.
            self.spare.rcu(|spare| spare.iter().filter(|other| !other.is_leaving()).cloned().collect::<Vec<_>>());
            self.connection.compare_and_swap(&Some(connection), None);
            let mut status = self.away(&format!("takes no more calls: {error}"));
            status.set_source(Arc::new(error));
            NeverSent { status }
        })
    }

    fn away(&self, what: &str) -> Status {
        Status::unavailable(format!("{} {what}", self.address))
    }

    /// Takes it out of what is picked from until it is asked for a sign of life. Its connection stays.
    pub(crate) fn eject(&self, until: Instant) {
        self.locked().ejected_until = Some(until);
        self.set_ejected(true);
    }

    /// Takes it out of what is picked from, or back.
    pub(super) fn set_ejected(&self, is_ejected: bool) {
        if self.stats.ejected.swap(is_ejected, Relaxed) != is_ejected {
            self.stats.ejections.fetch_add(u64::from(is_ejected), Relaxed);
            self.shared.changed.notify_one();
        }
    }

    /// Puts it back among those that are picked from: it begins as a newcomer, with one call at a time until it has answered.
    /// So many calls count as failed in a row.
    pub(crate) fn try_out(&self, failed: u32) {
        self.stats.consecutive_failures.store(failed, Relaxed);
        self.stats.on_trial.store(true, Relaxed);
        self.is_new.store(true, Release);
        self.set_ejected(false);
    }

    /// Whether it has to show yet that it answers.
    pub(crate) fn is_on_trial(&self) -> bool {
        self.stats.on_trial.load(Relaxed)
    }

    /// Takes in how long an answer took to begin.
    pub(crate) fn answered(&self, now: u64, took: Duration) {
        latency::answered(&self.stats, now, took);
        if self.is_on_trial() {
            self.stats.on_trial.store(false, Relaxed);
        }
    }

    /// The connection that calls go over.
    pub(super) fn connection(&self) -> Option<Arc<Connection>> {
        self.connection.load_full()
    }

    /// Whether it is ejected now.
    #[must_use]
    pub(crate) fn is_ejected(&self) -> bool {
        self.stats.ejected.load(Relaxed)
    }

    /// Whether calls can be sent to it.
    pub(super) fn is_connected(&self) -> bool {
        self.connection.load().is_some()
    }

    pub(super) fn is_ready(&self) -> bool {
        self.is_connected() && !self.is_ejected()
    }

    pub(crate) fn condition(&self) -> Condition {
        self.locked().clone()
    }

    /// Written by the endpoint's task, read by who publishes or shows it: never by a call.
    fn locked(&self) -> MutexGuard<'_, Condition> {
        self.condition.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a phase without a connection to send calls to.
    pub(super) fn enter(&self, phase: Phase) {
        self.take_away();
        self.change(phase);
    }

    /// There is no connection to send calls to any more.
    pub(super) fn take_away(&self) {
        self.connection.store(None);
        self.spare.store(Arc::default());
        self.shared.changed.notify_one();
    }

    /// Takes calls from now on.
    pub(super) fn ready(&self, connection: Arc<Connection>) {
        {
            let mut condition = self.locked();
            condition.is_failing = false;
            condition.last_error = None;
        }
        self.connection.store(Some(connection));
        self.change(Phase::Ready);
    }

    /// It did not work.
    pub(super) fn failed(&self, phase: Phase, error: ConnectError) {
        tracing::debug!(target: "campus_client", address = %self.address, %error, "no connection");
        {
            let mut condition = self.locked();
            condition.is_failing = true;
            condition.last_error = Some(Arc::new(error));
        }
        self.is_new.store(true, Release);
        self.enter(phase);
    }

    /// It is connected to again then.
    pub(super) fn rests(&self, until: Instant) {
        self.locked().next_attempt = Some(until);
    }

    fn change(&self, phase: Phase) {
        let mut condition = self.locked();
        if condition.phase != phase {
            (condition.phase, condition.since) = (phase, Instant::now());
        }
        drop(condition);
        self.shared.changed.notify_one();
    }

    /// Whether it has come anew since this was last asked.
    pub(super) fn take_new(&self) -> bool {
        self.is_new.swap(false, Acquire)
    }
}

const AGENT: &str = concat!("campus-client/", env!("CARGO_PKG_VERSION"));

/// Whom calls are addressed to.
#[derive(Clone, Debug)]
pub(crate) struct Origin(pub(crate) http::uri::Scheme, pub(crate) http::uri::Authority);

impl Origin {
    /// Makes the URI of a request whole.
    fn complete(&self, head: &mut Request<()>) -> Result<(), Status> {
        let mut parts = std::mem::take(head.uri_mut()).into_parts();
        (parts.scheme, parts.authority) = (Some(self.0.clone()), Some(self.1.clone()));
        *head.uri_mut() = Uri::from_parts(parts).map_err(|error| Status::internal(error.to_string()))?;
        Ok(())
    }
}
