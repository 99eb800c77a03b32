//! Keeps an eye on the database: whether it is there, and how far its change log goes, also when another process has
//! written.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::schema;
use super::session::Session;
use super::shared::{Head, Shared, State};
use crate::{OpenError, StoreError};

/// How often to look although nobody told of a change.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long to wait before the database is looked for again; twice as long each time, up to the last.
const BACKOFF: [Duration; 2] = [Duration::from_millis(50), Duration::from_secs(1)];

/// Follows until the store is closed. Says once whether the store can be opened: a database that cannot be reached is no
/// reason against it.
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
                watch(&shared, &session).await;
                if !shared.is_closed() {
                    tracing::warn!(table = shared.table.name, "the connection to the database was lost");
                    shared.set(State::Looking);
                }
            }
            Err((why, true)) if opened.is_some() => {
                opened.take().map(|opened| opened.send(Err(why)));
                return;
            }
            Err((why, _)) => {
                if !matches!(*shared.state.borrow(), State::Down(_)) {
                    tracing::error!(table = shared.table.name, error = %why, "the database cannot be used");
                }
                opened.take().map(|opened| opened.send(Ok(())));
                shared.set(State::Down(match why {
                    OpenError::Store { source, .. } => source,
                    other => StoreError::Unavailable(other.to_string()),
                }));
                tokio::time::sleep(backoff.mul_f64(0.5 + fastrand::f64())).await;
                backoff = (2 * backoff).min(BACKOFF[1]);
            }
        }
    }
}

/// Connects, brings the schema up to date, and listens. An error says whether it is one that stays.
async fn begin(shared: &Shared) -> Result<Arc<Session>, (OpenError, bool)> {
    let path = shared.connector.url.place();
    let failed = |source| OpenError::Store { path: path.clone().into(), source };
    let session = shared.connector.connect().await.map_err(|error| (failed(error.why), error.lasting))?;
    let id = schema::prepare(&session, shared).await?;
    if *shared.id.get_or_init(|| id) != id {
        return Err((failed(StoreError::Corrupt), false));
    }
    let listen = format!(r#"LISTEN "{}""#, shared.sql.channel);
    // Where there is no such thing, the changes of others are seen a little later.
    if let Err(error) = session.client().batch_execute(&listen).await {
        tracing::debug!(table = shared.table.name, code = ?error.code(), "the database does not notify");
    }
    look(shared, &session).await.ok_or_else(|| (failed(shared.late()), false))?;
    Ok(session)
}

/// Looks whenever somebody told of a change, and now and then. Ends when the database does not answer.
async fn watch(shared: &Shared, session: &Session) {
    loop {
        let _ = tokio::time::timeout(LOOK_EVERY, shared.connector.changed.notified()).await;
        if shared.is_closed() || session.is_closed() || look(shared, session).await.is_none() {
            return;
        }
    }
}

async fn look(shared: &Shared, session: &Session) -> Option<()> {
    let before = shared.newest();
    let asked = tokio::time::timeout(shared.connector.connect_limit, session.query(&shared.sql.head, &[]));
    let head = asked.await.ok()?.ok()?.first().map(Head::of)?;
    shared.publish(head, before);
    Some(())
}
