//! What the writer does between writes: drops what is no longer kept. One process at a time does it.

use std::time::{Duration, Instant};

use super::errors::is_lost;
use super::shared::{Head, State};
use super::writer::Writer;
use crate::clock::{REQUEST_AGE, now};

/// How often to look for what is no longer kept.
const PRUNE_EVERY: Duration = Duration::from_secs(30);
/// How often to look for the database while it is away.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How many rows are dropped at once.
const PRUNE_ROWS: u64 = 2_048;

impl Writer {
    /// Drops some of what is no longer kept; what is left is dropped after the writes that wait.
    pub(super) async fn prune(&mut self) {
        if *self.shared.state.borrow() != State::Up {
            self.prune_at = Instant::now() + LOOK_EVERY;
            return;
        }
        self.prune_at = Instant::now() + PRUNE_EVERY;
        let limit = self.shared.connector.statement_limit;
        match tokio::time::timeout(limit, self.drop_old()).await {
            Ok(Some(Ok(true))) => self.prune_at = Instant::now(),
            Ok(Some(Ok(false)) | None) => {}
            // Whatever failed here fails again with the next write, which has somebody to tell.
            Ok(Some(Err(error))) => self.roll_back(is_lost(&error)).await,
            Err(_) => self.roll_back(true).await,
        }
    }

    /// Drops old changes, but never the newest; and old request ids. Says whether more is to be done at once.
    async fn drop_old(&mut self) -> Option<Result<bool, tokio_postgres::Error>> {
        let session = self.session().await.ok()?;
        let shared = std::sync::Arc::clone(&self.shared);
        let work = async {
            let client = session.client();
            client.batch_execute("BEGIN").await?;
            let lock = "SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0))";
            let name = format!("campus upkeep {}.{}", shared.connector.schema, shared.table.name);
            if !session.query(lock, &[&name]).await?.first().is_some_and(|row| row.get(0)) {
                client.batch_execute("COMMIT").await?;
                return Ok(false);
            }
            let head = session.query(&shared.sql.head, &[]).await?;
            let head = head.first().map_or(Head { newest: 0, oldest: 1 }, Head::of);
            let kept = shared.change_age_s.min(i64::MAX.unsigned_abs() / 1_000_000_000) * 1_000_000_000;
            let end = (head.oldest + PRUNE_ROWS).min(head.newest).cast_signed();
            let before = now().saturating_sub_unsigned(kept);
            let changes = session.statement(&shared.sql.prune_changes).await?;
            let changes = client.execute(&changes, &[&end, &before]).await?;
            let requests = session.statement(&shared.sql.prune_requests).await?;
            let old = now().saturating_sub(REQUEST_AGE);
            let requests = client.execute(&requests, &[&old, &PRUNE_ROWS.cast_signed()]).await?;
            if changes > 0 {
                let oldest = (head.oldest + changes).cast_signed();
                let head = session.query(&shared.sql.prune_oldest, &[&oldest]).await?;
                client.batch_execute("COMMIT").await?;
                head.first().map(Head::of).inspect(|head| shared.publish(*head, 0));
            } else {
                client.batch_execute("COMMIT").await?;
            }
            Ok(changes >= PRUNE_ROWS || requests >= PRUNE_ROWS)
        };
        Some(work.await)
    }
}
