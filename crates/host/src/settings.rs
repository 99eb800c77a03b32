//! The settings of a service: those of the chassis, and where and how records are kept.

use std::path::PathBuf;

use campus_chassis::{
    AdminConfig, Listen, LogConfig, ServerConfig,
    config::{ByteSize, HumanDuration, OutOfRange, Range, check},
};
use campus_store::{DatabaseUrl, PostgresConfig};
use serde::{Deserialize, Serialize};

/// All settings. Each is `section.key` in a file and `CAMPUS__SECTION__KEY` in the environment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The gRPC port.
    pub server: ServerConfig,
    /// The admin port.
    pub admin: AdminConfig,
    /// Logs.
    pub log: LogConfig,
    /// The records.
    pub store: StoreSettings,
    /// Traces and metrics sent by OTLP; where to is said by the `OTEL_*` variables.
    pub telemetry: TelemetrySettings,
    /// The address book.
    pub addressbook: AddressBookSettings,
}

impl Settings {
    /// Checks what the types of the settings do not: that each makes sense.
    ///
    /// # Errors
    /// [`OutOfRange`].
    pub fn check(&self) -> Result<(), OutOfRange> {
        self.server.check()?;
        self.admin.check(&self.server.listen, &Listen::default())?;
        self.log.check()?;
        let load = self.addressbook.load.as_ref();
        check([Range::optional(
            "addressbook.load",
            load,
            1..=u64::MAX,
            "give the path of a JSON file, or leave it out",
        )])?;
        self.store.check()
    }
}

/// How telemetry is sent, as far as no `OTEL_*` variable says it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetrySettings {
    /// At the stop: how long sending what waits may take.
    pub flush_limit: HumanDuration,
}

impl Default for TelemetrySettings {
    fn default() -> Self {
        Self { flush_limit: HumanDuration::secs(2) }
    }
}

/// Where and how records are kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreSettings {
    /// The folder of the databases, one file a service; made if it is missing.
    pub dir: PathBuf,
    /// Writes that may wait for the disk; more are refused with RESOURCE_EXHAUSTED.
    pub queue: usize,
    /// Bytes of records that may wait for the disk.
    pub queue_size: ByteSize,
    /// How long changes are kept for watches to resume from.
    pub keep_changes: HumanDuration,
    /// How many changes are kept at most.
    pub max_changes: u64,
    /// How long to wait for a lock that another program holds on a database file.
    pub lock_limit: HumanDuration,
    /// Keeps the records of all services in a PostgreSQL database, and not in files.
    pub url: Option<DatabaseUrl>,
    /// A file with the password of the database, read whenever a connection is made.
    pub password_file: Option<PathBuf>,
    /// The schema of the tables in the database.
    pub schema: String,
    /// Connections of each service to the database.
    pub connections: u64,
    /// How long a connection to the database may take to be made.
    pub connect_limit: HumanDuration,
    /// How long a statement may take in the database.
    pub statement_limit: HumanDuration,
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self {
            dir: default_data_dir(),
            queue: 32_768,
            queue_size: ByteSize::mib(64),
            keep_changes: HumanDuration::secs(7 * 24 * 60 * 60),
            max_changes: 10_000_000,
            lock_limit: HumanDuration::secs(2),
            url: None,
            password_file: None,
            schema: "public".to_owned(),
            connections: 8,
            connect_limit: HumanDuration::secs(5),
            statement_limit: HumanDuration::secs(30),
        }
    }
}

impl StoreSettings {
    #[rustfmt::skip] // a row a setting
    fn check(&self) -> Result<(), OutOfRange> {
        check([
            Range::new("store.dir", &self.dir, 1..=u64::MAX, "give the path of a folder, or leave it out for the platform's"),
            Range::new("store.queue", &self.queue, 1..=u64::MAX, "at least 1 write must have room"),
            Range::new("store.queue_size", &self.queue_size, 1 << 20..=u64::MAX, "at least 1MiB is needed"),
            Range::new("store.keep_changes", &self.keep_changes, 1000..=u64::MAX, "at least 1s is needed"),
            Range::new("store.max_changes", &self.max_changes, 1..=u64::MAX, "at least 1 must be kept"),
            Range::new("store.connections", &self.connections, 5..=10_000, "5 to 10000: 4 have their task, the others read"),
            Range::new("store.connect_limit", &self.connect_limit, 10..=600_000, "10ms to 10m"),
            Range::new("store.statement_limit", &self.statement_limit, 10..=86_400_000, "10ms to 24h"),
        ])?;
        match PostgresConfig::schema_fault(&self.schema) {
            None => Ok(()),
            Some(why) => Err(OutOfRange { setting: "store.schema", value: format!("{:?}", self.schema), possible: why.into() }),
        }
    }

    /// What the store of one service needs to know, of so many services of the process.
    pub(crate) fn of(&self, service: &str, services: usize) -> campus_store::Config {
        let connections = usize::try_from(self.connections).unwrap_or(usize::MAX);
        campus_store::Config {
            path: self.dir.join(format!("{service}.db")),
            queue_ops: self.queue,
            queue_mib: usize::try_from(self.queue_size.0 >> 20).unwrap_or(usize::MAX),
            change_age_s: self.keep_changes.0.as_secs(),
            change_rows: self.max_changes,
            busy_timeout_ms: millis(self.lock_limit),
            postgres: self.url.clone().map(|url| PostgresConfig {
                url,
                password_file: self.password_file.clone(),
                schema: self.schema.clone(),
                connections,
                all_connections: connections.saturating_mul(services),
                connect_limit_ms: millis(self.connect_limit),
                statement_limit_ms: millis(self.statement_limit),
            }),
            ..campus_store::Config::default()
        }
    }
}

fn millis(duration: HumanDuration) -> u64 {
    u64::try_from(duration.0.as_millis()).unwrap_or(u64::MAX)
}

/// What the address book begins with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AddressBookSettings {
    /// A JSON file of people, of whom those that the book does not have are added at the start.
    pub load: Option<PathBuf>,
}

/// The platform's folder for data of a user's programs, or `campus-data` here where there is none.
pub fn default_data_dir() -> PathBuf {
    use etcetera::BaseStrategy;
    etcetera::choose_base_strategy()
        .map_or_else(|_| PathBuf::from("campus-data"), |base| base.data_dir().join("campus"))
}
