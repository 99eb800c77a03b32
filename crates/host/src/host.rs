//! A process with one or more services in it.

use std::{fs, net::SocketAddr, path::PathBuf, time::Duration};

use campus_chassis::{
    App, AppBuilder, BuildInfo, Listen, Metrics, Skip, Tracer, config::OutOfRange, descriptors, exit,
};
use campus_schema::Schema;
use campus_store::{OpenError, Store, StoreError};
use campus_telemetry::VariableError;
use futures_util::future::join_all;
use tokio::time::Instant;

use crate::{Observer, Opening, Part, Settings, metrics};

/// How long the start waits for what the services begin with.
const OPENING: Duration = Duration::from_secs(2);

/// Why a process could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting is outside of what is possible.
    #[error(transparent)]
    Setting(#[from] OutOfRange),
    /// A variable of the environment says what cannot be.
    #[error(transparent)]
    Variable(#[from] VariableError),
    /// The folder of the databases cannot be made.
    #[error("cannot make the data folder {}: {why}; choose another with store.dir", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the operating system said.
        why: std::io::Error,
    },
    /// A database cannot be opened.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// A port cannot be had.
    #[error(transparent)]
    Listen(#[from] campus_chassis::StartError),
    /// The contract and the definition of a record do not fit together.
    #[error("fault in this build: {0}")]
    Kind(#[from] campus_resource::KindError),
    /// The contract cannot be read.
    #[error("fault in this build: {0}")]
    Contract(#[from] campus_schema::SchemaError),
    /// A file of records that a setting names cannot be taken over.
    #[error("{setting}: {}: {why}", path.display())]
    Load {
        /// The setting.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and where.
        why: String,
    },
    /// Records cannot be read or written.
    #[error(transparent)]
    Records(#[from] campus_resource::Error),
}

impl StartError {
    /// What the process exits with.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Store(OpenError::Invalid(_)) => exit::USAGE,
            Self::Folder { .. } | Self::Store(_) | Self::Records(_) => exit::STORAGE,
            Self::Setting(_) | Self::Variable(_) | Self::Listen(_) | Self::Load { .. } => exit::USAGE,
            Self::Kind(_) | Self::Contract(_) => exit::INTERNAL,
        }
    }
}

/// Why a process ended before it was told to, or not as it should.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The server failed.
    #[error(transparent)]
    Serve(#[from] campus_chassis::RunError),
    /// A database could not be closed. What was acknowledged is on disk all the same.
    #[error("cannot close the database of {name}: {why}")]
    Close {
        /// The service.
        name: &'static str,
        /// What the store said.
        why: StoreError,
    },
}

impl RunError {
    /// What the process exits with.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Serve(_) => exit::INTERNAL,
            Self::Close { .. } => exit::STORAGE,
        }
    }
}

/// Services on their ports, ready to run.
pub struct Host {
    app: App,
    stores: Vec<(&'static str, Store)>,
}

impl Host {
    /// Opens the stores and binds the ports. Call it on a tokio runtime.
    ///
    /// # Errors
    /// [`StartError`]; nothing listens then.
    pub async fn build(settings: &Settings, parts: &[Part], info: BuildInfo) -> Result<Self, StartError> {
        Self::build_with(settings, parts, info, None, |app| app).await
    }

    /// As [`build`](Self::build), with its calls and metrics watched by `observer`.
    ///
    /// # Errors
    /// As [`build`](Self::build).
    pub async fn build_observed(
        settings: &Settings,
        parts: &[Part],
        info: BuildInfo,
        observer: &mut Observer,
    ) -> Result<Self, StartError> {
        Self::build_with(settings, parts, info, Some(observer), |app| app).await
    }

    /// As [`build`](Self::build), with whatever else the host's server is to have, and watched by the `observer` if there is
    /// one.
    ///
    /// # Errors
    /// As [`build`](Self::build).
    pub async fn build_with(
        settings: &Settings,
        parts: &[Part],
        info: BuildInfo,
        observer: Option<&mut Observer>,
        more: impl FnOnce(AppBuilder) -> AppBuilder,
    ) -> Result<Self, StartError> {
        let tracer = observer.as_ref().map_or_else(Tracer::default, |observer| observer.tracer());
        let host = Self::traced(settings, parts, info, tracer, more).await?;
        if let Some(observer) = observer {
            observer.watch(host.app.metrics());
        }
        Ok(host)
    }

    async fn traced(
        settings: &Settings,
        parts: &[Part],
        info: BuildInfo,
        tracer: Tracer,
        more: impl FnOnce(AppBuilder) -> AppBuilder,
    ) -> Result<Self, StartError> {
        settings.check()?;
        // Databases take files, too.
        descriptors::raise();
        if settings.store.url.is_none() {
            let dir = &settings.store.dir;
            fs::create_dir_all(dir).map_err(|why| StartError::Folder { path: dir.clone(), why })?;
        }
        let schema = Schema::from_descriptors(campus_proto::DESCRIPTORS)?;
        let app = App::builder(&settings.server, &settings.admin).build_info(info).tracer(tracer);
        let mut app = app.descriptors(campus_proto::DESCRIPTORS);
        let (until, services) = (Instant::now() + OPENING, parts.len());
        // At the same time, so that a database that does not answer is waited for once; and each to its end, so that the
        // same trouble is always told in the same words.
        let opened = join_all(parts.iter().map(async |part| {
            let opening = Opening { settings, schema: &schema, name: part.name, services, until };
            Ok::<_, StartError>((part.name, (part.open)(opening).await?))
        }));
        let mut stores = Vec::new();
        for opened in opened.await {
            let (name, opened) = opened?;
            app = watched((opened.mount)(app), name, &opened.store);
            stores.push((name, opened.store));
        }
        let app = more(app).build()?;
        app.metrics().register(|registry| metrics::register(registry, &stores));
        Ok(Self { app, stores })
    }

    /// Serves until `shutdown` ends and the calls that run have ended, then closes the stores. What `shutdown` gives can
    /// skip the wait.
    ///
    /// # Errors
    /// [`RunError`]; everything is closed then.
    pub async fn run_until<F: Future<Output: Skip> + Send>(self, shutdown: F) -> Result<(), RunError> {
        let served = self.app.run_until(shutdown).await;
        for (name, store) in &self.stores {
            store.close().await.map_err(|why| RunError::Close { name, why })?;
        }
        Ok(served?)
    }

    /// Where the services are.
    pub fn grpc_addresses(&self) -> &Listen {
        self.app.grpc_addresses()
    }

    /// The registry behind `/metrics`.
    pub fn metrics(&self) -> Metrics {
        self.app.metrics()
    }

    /// Where the web service is, if there is one.
    pub fn web_addresses(&self) -> &Listen {
        self.app.web_addresses()
    }

    /// Address of the admin port.
    pub fn admin_addr(&self) -> SocketAddr {
        self.app.admin_addr()
    }
}

/// Readiness asks the store.
fn watched(app: AppBuilder, name: &str, store: &Store) -> AppBuilder {
    let store = store.clone();
    app.ready_check(format!("{name}.store"), move || {
        let store = store.clone();
        async move { store.check().await.map_err(|why| why.to_string()) }
    })
}
