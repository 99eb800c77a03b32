//! Connections that read.
//!
//! Reads that look at no more records than they give share a few connections, one behind the other without waiting.
//! Those that may take their time have a connection of their own while they run.

use std::ops::Deref;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::session::{Connector, Session};
use super::tls;
use crate::StoreError;

/// How many connections the short reads share.
const LANES: usize = 2;

pub(super) struct Pool {
    connector: Arc<Connector>,
    lanes: [Lane; LANES],
    next: AtomicUsize,
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<Arc<Session>>>,
}

#[derive(Default)]
struct Lane {
    session: Mutex<Option<Arc<Session>>>,
    connecting: tokio::sync::Mutex<()>,
}

impl Lane {
    fn open(&self) -> Option<Arc<Session>> {
        let session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        session.as_ref().filter(|session| !session.is_closed()).map(Arc::clone)
    }

    fn set(&self, session: Option<Arc<Session>>) {
        *self.session.lock().unwrap_or_else(PoisonError::into_inner) = session;
    }
}

impl Pool {
    /// `connections` counts those of the writer and of the follower too.
    pub(super) fn new(connector: Arc<Connector>, connections: usize) -> Self {
        let own = connections.saturating_sub(LANES + 2).clamp(1, Semaphore::MAX_PERMITS);
        Self {
            connector,
            lanes: Default::default(),
            next: AtomicUsize::new(0),
            permits: Arc::new(Semaphore::new(own)),
            idle: Mutex::default(),
        }
    }

    /// A connection that others use at the same time.
    pub(super) async fn shared(&self) -> Result<Arc<Session>, StoreError> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let Some(lane) = self.lanes.get(number % LANES) else { return Err(StoreError::Closed) };
        if let Some(session) = lane.open() {
            return Ok(session);
        }
        let _one_at_a_time = lane.connecting.lock().await;
        if let Some(session) = lane.open() {
            return Ok(session);
        }
        if self.permits.is_closed() {
            return Err(StoreError::Closed);
        }
        let session = self.connector.connect().await?;
        lane.set(Some(Arc::clone(&session)));
        Ok(session)
    }

    /// Gives up a shared connection that stays silent.
    pub(super) fn give_up(&self, session: &Arc<Session>) {
        for lane in &self.lanes {
            if lane.open().is_some_and(|open| Arc::ptr_eq(&open, session)) {
                lane.set(None);
            }
        }
    }

    /// A connection for one alone.
    pub(super) async fn own(self: &Arc<Self>) -> Result<Own, StoreError> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| StoreError::Closed)?;
        let known = self.lock().pop_if(|session| !session.is_closed());
        let session = match known {
            Some(session) => session,
            None => self.connector.connect().await?,
        };
        Ok(Own { pool: Arc::clone(self), session, permit: Some(permit), busy: true })
    }

    /// Refuses every later read and ends those that run.
    pub(super) fn close(&self) {
        self.permits.close();
        self.lanes.iter().for_each(|lane| lane.set(None));
        self.lock().clear();
    }

    fn keep(&self, session: Arc<Session>) {
        let mut idle = self.lock();
        if !self.permits.is_closed() && !session.is_closed() {
            idle.retain(|session| !session.is_closed());
            idle.push(session);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Session>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that nobody else uses, given back when it is dropped.
pub(super) struct Own {
    pool: Arc<Pool>,
    session: Arc<Session>,
    permit: Option<OwnedSemaphorePermit>,
    /// Whether an answer is still to come.
    busy: bool,
}

impl Own {
    /// Everything that was asked has been answered.
    pub(super) fn done(mut self) {
        self.busy = false;
    }
}

impl Deref for Own {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let (pool, session, permit) = (Arc::clone(&self.pool), Arc::clone(&self.session), self.permit.take());
        if !self.busy {
            pool.keep(session);
            return;
        }
        // The caller has left early: the server is told to stop. The connection is not used again, since the word may
        // arrive late and would stop another one's question.
        let connector = Arc::clone(&pool.connector);
        connector.engine.clone().spawn(async move {
            if let Ok(tls) = tls::connector(&connector.url) {
                let token = session.client().cancel_token();
                let _ = tokio::time::timeout(connector.connect_limit, token.cancel_query(tls)).await;
            }
            drop((session, permit));
        });
    }
}
