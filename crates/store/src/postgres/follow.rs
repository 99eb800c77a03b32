//! Keeps an eye on the database: whether it is there, and how far its change log goes, also when another process has
//! written.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::errors::store_error;
use super::schema;
use super::session::Session;
use super::shared::{Head, Shared, State};
use crate::{OpenError, StoreError};

/// How often to look although nobody told of a change.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long to wait before the database is looked for again; twice as long each time, up to the last.
const BACKOFF: [Duration; 2] = [Duration::from_millis(50), Duration::from_secs(1)];

/// Follows until the store is closed. Says once whether the store can be opened: a database that cannot be reached is no
/// reason against it. When nobody waits for that any more, what no later try mends is looked at again all the same.
pub(super) async fn follow(shared: Arc<Shared>, opened: oneshot::Sender<Result<(), OpenError>>) {
    let (mut backoff, mut opened) = (BACKOFF[0], Some(opened));
    while !shared.is_closed() {
        match begin(&shared).await {
            Ok(session) => {
                if let State::Down(_) = &*shared.state.borrow() {
                    tracing::info!(table = shared.table.name, "the database is back");
                }
                shared.set(State::Up);
                backoff = BACKOFF[0];
                opened.take().map(|opened| opened.send(Ok(())));
                let gone = watch(&shared, &session).await;
                if !shared.is_closed() {
                    // What is gone is told of below, by what looks for it.
                    if !gone {
                        tracing::warn!(table = shared.table.name, "the connection to the database was lost");
                    }
                    shared.set(State::Looking);
                }
            }
            Err(why) => {
                let verdict = if is_lasting(&why) { Err(why.clone()) } else { Ok(()) };
                let ends = verdict.is_err();
                if opened.take().is_some_and(|opened| opened.send(verdict).is_ok()) && ends {
                    return;
                }
                if !matches!(*shared.state.borrow(), State::Down(_)) {
                    tracing::error!(table = shared.table.name, error = %why, "the database cannot be used");
                }
                shared.set(State::Down(match why {
                    OpenError::Store { source, .. } => source,
                    other => StoreError::Refused(other.to_string()),
                }));
                tokio::time::sleep(backoff.mul_f64(0.5 + fastrand::f64())).await;
                backoff = (2 * backoff).min(BACKOFF[1]);
            }
        }
    }
}

/// Whether looking for the database again is of no use.
fn is_lasting(error: &OpenError) -> bool {
    match error {
        OpenError::Store { source, .. } => source.is_lasting() || matches!(source, StoreError::Internal(_)),
        _ => true,
    }
}

/// Connects, brings the schema up to date, and listens.
async fn begin(shared: &Shared) -> Result<Arc<Session>, OpenError> {
    let path = shared.connector.url.place();
    let failed = |source| OpenError::Store { path: path.clone().into(), source };
    let session = shared.connector.connect().await.map_err(failed)?;
    if shared.id.get().is_none() {
        schema::check_connections(&session, shared).await?;
    }
    let id = schema::prepare(&session, shared).await?;
    if *shared.id.get_or_init(|| id) != id {
        return Err(failed(StoreError::Corrupt));
    }
    let listen = format!(r#"LISTEN "{}""#, shared.sql.channel);
    // Where there is no such thing, the changes of others are seen a little later.
    if let Err(error) = session.client().batch_execute(&listen).await {
        tracing::debug!(table = shared.table.name, code = ?error.code(), "the database does not notify");
    }
    look(shared, &session, true).await.map_err(failed)?;
    Ok(session)
}

/// Looks whenever somebody told of a change, and now and then also whether all is there. Ends when the database does
/// not answer, or tables are gone: says whether it is that.
async fn watch(shared: &Shared, session: &Session) -> bool {
    let mut looked = Instant::now();
    loop {
        let _ = tokio::time::timeout(LOOK_EVERY, shared.connector.changed.notified()).await;
        if shared.is_closed() || session.is_closed() {
            return false;
        }
        let whole = looked.elapsed() >= LOOK_EVERY;
        if whole {
            looked = Instant::now();
        }
        if let Err(why) = look(shared, session, whole).await {
            return matches!(why, StoreError::Gone(_));
        }
    }
}

/// Learns where the change log stands, and whether the tables are there when the look is a `whole` one.
async fn look(shared: &Shared, session: &Session, whole: bool) -> Result<(), StoreError> {
    let before = shared.newest();
    let asked = async {
        if whole && let Some(gone) = schema::gone(session.client(), shared).await? {
            return Ok(Err(gone));
        }
        session.query(&shared.sql.head, &[]).await.map(Ok)
    };
    let asked = tokio::time::timeout(shared.connector.connect_limit, asked).await.map_err(|_| shared.late())?;
    let rows = asked.map_err(|error| store_error(&error))??;
    shared.publish(rows.first().map(Head::of).ok_or(StoreError::Corrupt)?, before);
    Ok(())
}
