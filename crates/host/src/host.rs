//! A process with one or more services in it.

use std::{fs, net::SocketAddr, path::PathBuf};

use campus_chassis::{App, AppBuilder, BuildInfo, Listen, Skip, config::OutOfRange, exit};
use campus_schema::Schema;
use campus_store::{Store, StoreError};

use crate::{
    Part, Settings, metrics,
    part::{Mount, Opened},
};

/// Why a process could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting is outside of what is possible.
    #[error(transparent)]
    Setting(#[from] OutOfRange),
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
    Store(#[from] campus_store::OpenError),
    /// A port cannot be had.
    #[error(transparent)]
    Listen(#[from] campus_chassis::StartError),
    /// The contract and the definition of a record do not fit together.
    #[error("fault in this build: {0}")]
    Kind(#[from] campus_resource::KindError),
    /// The contract cannot be read.
    #[error("fault in this build: {0}")]
    Contract(#[from] campus_schema::SchemaError),
    /// A service did not hand the server on.
    #[error("fault in this build: a service kept the server to itself")]
    Lost,
}

impl StartError {
    /// What the process exits with.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Folder { .. } | Self::Store(_) => exit::STORAGE,
            Self::Setting(_) | Self::Listen(_) => exit::USAGE,
            Self::Kind(_) | Self::Contract(_) | Self::Lost => exit::INTERNAL,
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
        settings.check()?;
        let dir = &settings.store.dir;
        fs::create_dir_all(dir).map_err(|why| StartError::Folder { path: dir.clone(), why })?;
        let schema = Schema::from_descriptors(campus_proto::DESCRIPTORS)?;
        let builder =
            App::builder(&settings.server, &settings.admin).build_info(info).descriptors(campus_proto::DESCRIPTORS);
        let (mut app, mut stores) = (Some(builder), Vec::new());
        for part in parts {
            let opened = part.open(&schema, &settings.store).await?;
            stores.push((part.name, opened.store.clone()));
            app = app.map(|app| watched(app, &opened));
            (opened.mount)(opened.collection, Mount(&mut app));
        }
        let app = app.ok_or(StartError::Lost)?.build()?;
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

    /// Address of the admin port.
    pub fn admin_addr(&self) -> SocketAddr {
        self.app.admin_addr()
    }
}

/// Readiness asks the store; a drain ends the watches.
fn watched(app: AppBuilder, opened: &Opened) -> AppBuilder {
    let (store, collection) = (opened.store.clone(), opened.collection.clone());
    app.ready_check(format!("{}.store", opened.name), move || {
        let store = store.clone();
        async move { store.check().await.map_err(|why| why.to_string()) }
    })
    .on_drain(move || collection.stop_watches())
}
