//! One connection to the database, and the statements that are prepared on it.

use std::collections::HashMap;
use std::future::poll_fn;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio_postgres::types::ToSql;
use tokio_postgres::{AsyncMessage, Client, Error, Row, Statement};

use super::errors::connect_error;
use super::tls;
use crate::{DatabaseUrl, PostgresConfig, StoreError};

/// How many statements are kept ready on one connection; beyond, all are forgotten.
const STATEMENTS: usize = 256;

/// What is said of a server that says nothing.
pub(super) const SILENT: &str = "it does not answer in time";

const SECOND: Duration = Duration::from_secs(1);

pub(super) type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

pub(super) struct Session {
    client: Client,
    statements: Mutex<HashMap<Box<str>, Statement>>,
    driver: AbortHandle,
    open: Arc<AtomicU64>,
    /// Answers that came so far: one that stays silent while none come is of no use.
    pub(super) answered: AtomicU64,
    /// In milliseconds, as it was last set on the server.
    statement_limit: AtomicU64,
}

impl Session {
    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    pub(super) async fn statement(&self, sql: &str) -> Result<Statement, Error> {
        if let Some(known) = self.lock().get(sql) {
            return Ok(known.clone());
        }
        let statement = self.client.prepare(sql).await?;
        let mut statements = self.lock();
        if statements.len() >= STATEMENTS {
            statements.clear();
        }
        statements.insert(sql.into(), statement.clone());
        Ok(statement)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Box<str>, Statement>> {
        self.statements.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn query(&self, sql: &str, params: Params<'_>) -> Result<Vec<Row>, Error> {
        let statement = self.statement(sql).await?;
        let rows = self.client.query(&statement, params).await?;
        self.answered.fetch_add(1, Ordering::Relaxed);
        Ok(rows)
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Lets the server end statements after this long at most. Rounded up to a power of two, so that it is seldom
    /// another than before.
    pub(super) async fn limit_statements(&self, limit: Duration) -> Result<(), Error> {
        let millis = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX).clamp(1, 1 << 30).next_power_of_two();
        if self.statement_limit.swap(millis, Ordering::Relaxed) != millis {
            self.client.batch_execute(&format!("SET statement_timeout TO {millis}")).await?;
        }
        Ok(())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Without waiting for answers that may never come; the server sees the connection end.
        self.driver.abort();
        self.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Makes connections.
pub(super) struct Connector {
    pub(super) url: DatabaseUrl,
    pub(super) schema: String,
    password_file: Option<PathBuf>,
    application: String,
    pub(super) connect_limit: Duration,
    pub(super) statement_limit: Duration,
    /// Where connections are driven.
    pub(super) engine: Handle,
    /// Told of each notification.
    pub(super) changed: Arc<Notify>,
    pub(super) open: Arc<AtomicU64>,
    pub(super) connects: AtomicU64,
}

impl Connector {
    pub(super) fn new(config: &PostgresConfig, table: &str, engine: Handle) -> Self {
        Self {
            url: config.url.clone(),
            schema: config.schema.clone(),
            password_file: config.password_file.clone(),
            application: format!("campus-{table}"),
            connect_limit: Duration::from_millis(config.connect_limit_ms.max(1)),
            statement_limit: Duration::from_millis(config.statement_limit_ms.max(1)),
            engine,
            changed: Arc::default(),
            open: Arc::default(),
            connects: AtomicU64::new(0),
        }
    }

    /// Makes a connection, within the limit for it, on the threads that will drive it.
    pub(super) async fn connect(self: &Arc<Self>) -> Result<Arc<Session>, StoreError> {
        let own = Arc::clone(self);
        let connecting = self.engine.spawn(async move {
            let late = |_| Err(StoreError::Unavailable(SILENT.to_owned()));
            tokio::time::timeout(own.connect_limit, own.connect_here()).await.unwrap_or_else(late)
        });
        connecting.await.unwrap_or(Err(StoreError::Closed))
    }

    async fn connect_here(&self) -> Result<Arc<Session>, StoreError> {
        let tls = tls::connector(&self.url).map_err(StoreError::Unavailable)?;
        let mut config = self.url.config.clone();
        config.connect_timeout(self.connect_limit).tcp_user_timeout(2 * self.connect_limit);
        // The system counts these in whole seconds.
        let (idle, between) = (self.connect_limit.max(SECOND), (self.connect_limit / 3).max(SECOND));
        config.keepalives_idle(idle).keepalives_interval(between).keepalives_retries(3);
        if config.get_application_name().is_none() {
            config.application_name(&*self.application);
        }
        if let Some(file) = &self.password_file {
            // Read each time, so that a new password counts without a restart.
            config.password(password(file).map_err(StoreError::Unavailable)?.trim_ascii_end());
        } else if let (None, Some(password)) = (config.get_password(), std::env::var_os("PGPASSWORD")) {
            config.password(password.as_encoded_bytes());
        }
        let failed = |error: Error| connect_error(&error);
        let (client, mut connection) = config.connect(tls).await.map_err(failed)?;
        let changed = Arc::clone(&self.changed);
        let driver = tokio::spawn(async move {
            while let Some(Ok(message)) = poll_fn(|cx| connection.poll_message(cx)).await {
                if matches!(message, AsyncMessage::Notification(_)) {
                    changed.notify_one();
                }
            }
            // Whoever waits for changes looks for itself what has become of the database.
            changed.notify_one();
        });
        self.open.fetch_add(1, Ordering::Relaxed);
        self.connects.fetch_add(1, Ordering::Relaxed);
        let session = Session {
            client,
            statements: Mutex::default(),
            driver: driver.abort_handle(),
            open: Arc::clone(&self.open),
            answered: AtomicU64::new(0),
            statement_limit: AtomicU64::new(0),
        };
        session.client.batch_execute(&self.setup()).await.map_err(failed)?;
        session.limit_statements(self.statement_limit).await.map_err(failed)?;
        Ok(Arc::new(session))
    }

    /// What every connection begins with.
    fn setup(&self) -> String {
        let idle = (2 * self.connect_limit).as_millis();
        format!(
            r#"SET search_path TO "{}";
               SET jit TO off;
               SET idle_in_transaction_session_timeout TO {idle};
               SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off';
               SELECT set_config(name, '1000', false) FROM pg_settings
               WHERE name = 'client_connection_check_interval' AND vartype = 'integer'"#,
            self.schema
        )
    }
}

/// The content of the file with the password.
pub(super) fn password(file: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(file).map_err(|error| format!("setting store.password_file: {}: {error}", file.display()))
}
