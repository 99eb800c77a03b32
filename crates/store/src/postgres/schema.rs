//! Brings the tables up to date, one process at a time.

use std::path::PathBuf;
use std::time::Instant;

use tokio_postgres::{Client, Error};

use super::columns;
use super::errors::store_error;
use super::session::Session;
use super::shared::Shared;
use crate::{OpenError, StoreError, Table};

/// Each brings the schema from the version of its index to the next.
const MIGRATIONS: &[&str] = &[include_str!("../../migrations/postgres/0001_records.sql")];

/// What stopped the preparation.
pub(super) enum Fault {
    Sql(Error),
    /// Something that stays so.
    Open(OpenError),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Sql(error)
    }
}

/// Makes what is missing and migrates, all in one transaction. Gives the identity of the database.
pub(super) async fn prepare(session: &Session, shared: &Shared) -> Result<u64, OpenError> {
    match prepare_within(session.client(), shared).await {
        Ok(id) => Ok(id),
        Err(Fault::Open(error)) => {
            let _ = session.client().batch_execute("ROLLBACK").await;
            Err(error)
        }
        Err(Fault::Sql(error)) => {
            Err(OpenError::Store { path: shared.connector.url.place().into(), source: store_error(&error) })
        }
    }
}

/// Whether the database lets this role have the connections that it is going to need. Told before they are missed.
pub(super) async fn check_connections(session: &Session, shared: &Shared) -> Result<(), OpenError> {
    let limits = "SELECT least(nullif(rolconnlimit, -1), nullif(datconnlimit, -1)) FROM pg_roles, pg_database
                  WHERE rolname = session_user AND NOT rolsuper AND datname = current_database()";
    // Where there are no such limits, they are no hindrance.
    let Ok(Some(row)) = session.client().query_opt(limits, &[]).await else { return Ok(()) };
    let (needed, allowed) = (shared.all_connections, row.try_get::<_, Option<i32>>(0).ok().flatten());
    match allowed.and_then(|allowed| usize::try_from(allowed).ok()) {
        Some(allowed) if allowed < needed => Err(OpenError::Invalid(format!(
            "setting store.connections: the services of this process need {needed} connections together, and the role \
             or the database allows {allowed}; raise its CONNECTION LIMIT, or lower the setting"
        ))),
        _ => Ok(()),
    }
}

async fn prepare_within(client: &Client, shared: &Shared) -> Result<u64, Fault> {
    let (table, schema) = (&shared.table, &shared.connector.schema);
    // Filling columns takes as long as it takes, and so does waiting for another process that does.
    client
        .batch_execute(
            "BEGIN; SET LOCAL statement_timeout TO 0; SET LOCAL idle_in_transaction_session_timeout TO 0;
             SET LOCAL client_min_messages TO warning",
        )
        .await?;
    let failed = |source| OpenError::Store { path: shared.connector.url.place().into(), source };
    let lock = format!("campus schema {schema}.{}", table.name);
    client.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", &[&lock]).await?;
    // What was there is not made anew, empty, while this process runs: it may be about to be restored.
    if shared.id.get().is_some()
        && let Some(gone) = gone(client, shared).await?
    {
        return Err(Fault::Open(failed(gone)));
    }
    if client.query_opt("SELECT FROM pg_namespace WHERE nspname = $1", &[schema]).await?.is_none() {
        // Other tables of the same schema are made at this moment, too.
        let lock = format!("campus schema {schema}");
        client.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", &[&lock]).await?;
        client.batch_execute(&format!(r#"CREATE SCHEMA IF NOT EXISTS "{schema}""#)).await?;
    }
    let found = found_version(client, table).await?;
    let path = PathBuf::from(shared.connector.url.place());
    let Some(found) = found else { return Err(Fault::Open(OpenError::NotADatabase { path })) };
    let supported = u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX);
    if found > supported {
        return Err(Fault::Open(OpenError::NewerSchema { path, found, supported }));
    }
    migrate(client, table, found).await?;
    let started = Instant::now();
    let rebuilt = columns::rebuild(client, shared).await?;
    let id = meta(client, table, "id").await?.and_then(|id| id.parse().ok());
    client.batch_execute("COMMIT").await?;
    if let Some(records) = rebuilt.filter(|records| *records > 0) {
        let seconds = started.elapsed().as_secs_f64();
        tracing::info!(table = table.name, records, seconds, "filled the columns anew: their declaration has changed");
    }
    id.ok_or(Fault::Open(failed(StoreError::Corrupt)))
}

/// Which of the tables are not there, if any.
pub(super) async fn gone(client: &Client, shared: &Shared) -> Result<Option<StoreError>, Error> {
    let gone: Option<String> = client.query_one(&shared.sql.gone, &[]).await?.try_get(0)?;
    let schema = &shared.connector.schema;
    Ok(gone.map(|gone| StoreError::Gone(format!("{gone} in schema {schema}"))))
}

async fn exists(client: &Client, table: &str) -> Result<bool, Error> {
    let row = client.query_one("SELECT to_regclass($1) IS NOT NULL", &[&format!(r#""{table}""#)]).await?;
    row.try_get(0)
}

/// The version of the tables, 0 when there are none, `None` when they are somebody else's.
async fn found_version(client: &Client, table: &Table) -> Result<Option<u32>, Error> {
    if !exists(client, &format!("{}_meta", table.name)).await? {
        return Ok((!exists(client, table.name).await?).then_some(0));
    }
    Ok(meta(client, table, "schema").await?.and_then(|version| version.parse().ok()))
}

async fn migrate(client: &Client, table: &Table, found: u32) -> Result<(), Error> {
    let pending = MIGRATIONS.get(found as usize..).unwrap_or_default();
    if pending.is_empty() {
        return Ok(());
    }
    if found == 0 {
        let name = table.name;
        client
            .batch_execute(&format!(r#"CREATE TABLE "{name}_meta" (name text PRIMARY KEY, value text NOT NULL)"#))
            .await?;
        set_meta(client, table, "id", &fastrand::u64(1..).to_string()).await?;
    }
    for migration in pending {
        client.batch_execute(&migration.replace("{table}", table.name)).await?;
    }
    set_meta(client, table, "schema", &MIGRATIONS.len().to_string()).await
}

pub(super) async fn meta(client: &Client, table: &Table, name: &str) -> Result<Option<String>, Error> {
    let sql = format!(r#"SELECT value FROM "{}_meta" WHERE name = $1"#, table.name);
    client.query_opt(&sql, &[&name]).await?.map(|row| row.try_get(0)).transpose()
}

pub(super) async fn set_meta(client: &Client, table: &Table, name: &str, value: &str) -> Result<(), Error> {
    let sql = format!(
        r#"INSERT INTO "{}_meta" (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value"#,
        table.name
    );
    client.execute(&sql, &[&name, &value]).await.map(drop)
}
