//! The one writer of a process: a thread that commits whatever waits as one transaction, and answers its callers when
//! that is done.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::errors::{is_lost, is_retryable, store_error};
use super::session::Session;
use super::shared::{Shared, State};
use super::transaction::{self, Done, Failure, Unknown};
use crate::queue::{Job, Load, Taken, Wish};
use crate::{Outcome, StoreError};

/// How much goes into one transaction.
const TRANSACTION: Load = Load { ops: 8_192, bytes: 8 << 20 };
/// From so many operations on, a transaction is worth its cost, and no further callers are waited for.
const GATHER_OPS: usize = 64;
/// How long further callers are waited for at most.
const GATHER_TIME: Duration = Duration::from_millis(1);
/// How often a transaction is tried that others come in between of.
const TRIES: u32 = 10;
/// How long to wait before the second try; twice as long before each further one, and up to as long again by chance.
const BACKOFF: Duration = Duration::from_millis(2);

pub(super) struct Writer {
    pub(super) shared: Arc<Shared>,
    /// `None` after a failure, until there is a new one.
    session: Option<Arc<Session>>,
    pub(super) prune_at: Instant,
    failing: bool,
    /// The last transaction: how many operations it had, and how long it took.
    last: (usize, Duration),
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, session: None, prune_at: Instant::now(), failing: false, last: (0, Duration::ZERO) }
    }

    /// Works until the queue is closed and empty.
    pub(super) fn run(mut self) {
        let _ending = Ending(Arc::clone(&self.shared));
        let engine = self.shared.connector.engine.clone();
        loop {
            let gather = (self.last.0.min(GATHER_OPS), (self.last.1 / 2).min(GATHER_TIME));
            let wish = Wish { most: TRANSACTION, deadline: self.prune_at, gather };
            match self.shared.queue.take(wish) {
                Taken::Jobs(jobs) => engine.block_on(self.serve(jobs)),
                Taken::Quiet => {}
                Taken::Closed => break,
            }
            if self.prune_at <= Instant::now() {
                engine.block_on(self.prune());
            }
        }
        self.session = None;
        self.shared.pool.close();
        self.shared.ended.send_replace(Some(Ok(())));
    }

    async fn serve(&mut self, jobs: Vec<Job>) {
        match self.write(&jobs).await {
            Ok(outcomes) => {
                if std::mem::take(&mut self.failing) {
                    tracing::info!(table = self.shared.table.name, "writing works again");
                }
                for (job, outcomes) in jobs.into_iter().zip(outcomes) {
                    // The caller may be gone by now; the write stands.
                    let _ = job.reply.send(Ok(outcomes));
                }
            }
            // One of them spoils it for the others.
            Err(StoreError::Invalid(_) | StoreError::Internal(_)) if jobs.len() > 1 => {
                for job in jobs {
                    Box::pin(self.serve(vec![job])).await;
                }
            }
            Err(error) => {
                self.shared.counters.failures.fetch_add(1, Ordering::Relaxed);
                if !std::mem::replace(&mut self.failing, true) {
                    tracing::error!(table = self.shared.table.name, %error, "writing fails");
                }
                for job in jobs {
                    let _ = job.reply.send(Err(error.clone()));
                }
            }
        }
    }

    /// Commits, however many tries that takes within reason.
    async fn write(&mut self, jobs: &[Job]) -> Result<Vec<Vec<Outcome>>, StoreError> {
        let started = Instant::now();
        let mut tries = 0;
        loop {
            let session = self.session().await?;
            let failure = match transaction::run(&session, &self.shared, jobs).await {
                Ok(done) => return Ok(self.done(done, jobs, started)),
                Err(failure) => failure,
            };
            tries += 1;
            match failure {
                Failure::Undone(error) => {
                    self.roll_back(is_lost(&error)).await;
                    if tries >= TRIES || !(is_lost(&error) || is_retryable(&error)) {
                        return Err(store_error(&error));
                    }
                }
                Failure::Silent => {
                    self.session = None;
                    return Err(self.shared.late());
                }
                Failure::Refused(error) => {
                    self.roll_back(false).await;
                    return Err(error);
                }
                Failure::Unknown(unknown) => {
                    self.session = None;
                    if let Some(done) = self.find_out(unknown).await? {
                        return Ok(self.done(done, jobs, started));
                    }
                }
            }
            self.shared.counters.retries.fetch_add(1, Ordering::Relaxed);
            let backoff = BACKOFF * (1 << tries.min(6));
            tokio::time::sleep(backoff.mul_f64(1.0 + fastrand::f64())).await;
        }
    }

    fn done(&mut self, done: Done, jobs: &[Job], started: Instant) -> Vec<Vec<Outcome>> {
        let (ops, took) = (jobs.iter().map(|job| job.ops.len()).sum::<usize>(), started.elapsed());
        self.last = (ops, took);
        let (counters, ops) = (&self.shared.counters, u64::try_from(ops).unwrap_or(u64::MAX));
        counters.commits.fetch_add(1, Ordering::Relaxed);
        counters.ops.fetch_add(ops, Ordering::Relaxed);
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX) / ops.max(1);
        let before = counters.op_nanos.load(Ordering::Relaxed);
        counters.op_nanos.store(before - before / 8 + nanos / 8, Ordering::Relaxed);
        // Comes before the callers are answered, so that each that watches finds its own write.
        self.shared.publish(done.head, 0);
        done.outcomes
    }

    /// The connection, made anew when there is none: as often as it takes while the database is being looked for.
    pub(super) async fn session(&mut self) -> Result<Arc<Session>, StoreError> {
        let until = Instant::now() + self.shared.connector.connect_limit;
        loop {
            if let Some(session) = self.session.as_ref().filter(|session| !session.is_closed()) {
                return Ok(Arc::clone(session));
            }
            self.shared.up().await?;
            match self.shared.connector.connect().await {
                Ok(session) => self.session = Some(session),
                Err(why) if why.is_lasting() || Instant::now() >= until => return Err(why),
                // The one that follows the database is about to see the same.
                Err(_) => tokio::time::sleep(10 * BACKOFF).await,
            }
        }
    }

    pub(super) async fn roll_back(&mut self, lost: bool) {
        if let Some(session) = self.session.take()
            && !lost
            && session.client().batch_execute("ROLLBACK").await.is_ok()
        {
            self.session = Some(session);
        }
    }

    /// Looks whether a transaction was committed whose end was not heard of. `None` when it was not, and never will be.
    async fn find_out(&mut self, unknown: Unknown) -> Result<Option<Done>, StoreError> {
        let until = Instant::now() + self.shared.connector.connect_limit;
        loop {
            match self.looked(&unknown).await {
                Some((true, _, head)) => return Ok(Some(Done { outcomes: unknown.outcomes, head })),
                Some((false, true, _)) => return Ok(None),
                // The log has been cut since.
                Some((false, false, _)) => return Err(StoreError::Unknown),
                None if Instant::now() >= until => return Err(StoreError::Unknown),
                None => {
                    self.session = None;
                    tokio::time::sleep(25 * BACKOFF).await;
                }
            }
        }
    }

    /// Waits until the transaction is over and looks for its changes: whether they are there, whether they would be,
    /// and where the log stands.
    async fn looked(&mut self, unknown: &Unknown) -> Option<(bool, bool, super::shared::Head)> {
        let limit = self.shared.connector.connect_limit;
        if matches!(*self.shared.state.borrow(), State::Down(_)) {
            return None;
        }
        self.session = Some(self.shared.connector.connect().await.ok()?);
        let session = Arc::clone(self.session.as_ref()?);
        let look = async {
            let client = session.client();
            client.batch_execute("BEGIN ISOLATION LEVEL READ COMMITTED").await.ok()?;
            client.execute("SELECT pg_advisory_xact_lock($1)", &[&unknown.token]).await.ok()?;
            let after = unknown.after.cast_signed();
            let row = client.query_one(&self.shared.sql.written, &[&after, &unknown.token]).await.ok()?;
            client.batch_execute("COMMIT").await.ok()?;
            let number = |index| row.try_get::<_, i64>(index).map(i64::cast_unsigned);
            let head = super::shared::Head { newest: number(2).ok()?, oldest: number(3).ok()? };
            Some((row.try_get(0).ok()?, row.try_get(1).ok()?, head))
        };
        tokio::time::timeout(limit, look).await.ok().flatten()
    }
}

/// Sees to it that nobody waits for a writer that is no more, and ends what drives the connections.
struct Ending(Arc<Shared>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.close();
        let most = Load { ops: usize::MAX, bytes: usize::MAX };
        drop(self.0.queue.take(Wish { most, deadline: Instant::now(), gather: (0, Duration::ZERO) }));
        let lost = || Err(StoreError::Internal("the writer ended early".to_owned()));
        self.0.ended.send_if_modified(|ended| {
            let early = ended.is_none();
            ended.get_or_insert_with(lost).is_err() && early
        });
        self.0.pool.close();
        self.0.stop.notify_one();
    }
}
