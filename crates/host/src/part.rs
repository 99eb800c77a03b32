//! One service of a process: what it keeps, and how it is mounted.

use std::pin::Pin;

use campus_chassis::{AppBuilder, GrpcService};
use campus_resource::{Api, Collection, Kind, Limits, Rules};
use campus_schema::Schema;
use campus_store::{Store, Table};
use tokio::time::Instant;

use crate::{Settings, StartError};

/// A service that keeps records in a store of its own.
pub trait Service: 'static {
    /// Its name, for example `employee`: of its table and its database file.
    const NAME: &'static str;

    /// What its own program takes beside the flags of every service.
    const FLAGS: &'static [Flag] = &[];

    /// Looks at what its settings name, without changing anything.
    ///
    /// # Errors
    /// [`StartError`], as [`open`](Self::open) would end with.
    fn check(_settings: &Settings) -> Result<(), StartError> {
        Ok(())
    }

    /// Opens its store and hands over its generated server.
    fn open(opening: Opening<'_>) -> impl Future<Output = Result<Opened, StartError>> + Send;
}

/// A flag that gives a setting.
#[derive(Debug, Clone, Copy)]
pub struct Flag {
    /// Without the hyphens, for example `load`.
    pub name: &'static str,
    /// What its value is called, for example `FILE`.
    pub value: &'static str,
    /// The setting, for example `addressbook.load`.
    pub setting: &'static str,
    /// What it does.
    pub help: &'static str,
}

/// What a service finds when it is opened.
pub struct Opening<'a> {
    /// All settings.
    pub settings: &'a Settings,
    /// What the messages of the contract look like.
    pub schema: &'a Schema,
    pub(crate) name: &'static str,
    /// How many services the process has.
    pub(crate) services: usize,
    /// Until when the start waits for more than the store.
    pub until: Instant,
}

/// A service whose store is open.
pub struct Opened {
    pub(crate) store: Store,
    pub(crate) mount: Box<dyn FnOnce(AppBuilder) -> AppBuilder + Send>,
}

impl Opening<'_> {
    /// Opens the service's store.
    ///
    /// # Errors
    /// [`StartError::Store`].
    pub async fn store(&self, table: Table) -> Result<Store, StartError> {
        Ok(Store::open(self.settings.store.of(self.name, self.services), table).await?)
    }

    /// Opens a service of the standard methods, whose records have the rules `R`; `serve` makes its generated server.
    ///
    /// # Errors
    /// [`StartError::Kind`], [`StartError::Store`].
    pub async fn standard<R, S>(self, serve: impl FnOnce(Api<R::Record>) -> S) -> Result<Opened, StartError>
    where
        R: Rules<Record: 'static>,
        S: GrpcService,
    {
        let kind = Kind::of::<R>(self.schema, self.name)?;
        let store = self.store(kind.table()).await?;
        let collection = Collection::new(kind, store.clone(), Limits::default());
        let server = serve(Api::new(collection.clone()));
        Ok(Opened::new(store, server).and(|app| app.on_drain(move || collection.stop_watches())))
    }
}

impl Opened {
    /// A service on its store.
    pub fn new(store: Store, server: impl GrpcService) -> Self {
        Self { store, mount: Box::new(|app| app.service(server)) }
    }

    /// The service is ready only while `ask` says so; asked again every `admin.ready_interval`.
    #[must_use]
    pub fn ready_when<F, A>(self, name: &'static str, ask: F) -> Self
    where
        F: Fn() -> A + Send + Sync + 'static,
        A: Future<Output = Result<(), String>> + Send + 'static,
    {
        self.and(move |app| app.ready_check(name, ask))
    }

    fn and(self, more: impl FnOnce(AppBuilder) -> AppBuilder + Send + 'static) -> Self {
        Self { mount: Box::new(|app| more((self.mount)(app))), ..self }
    }
}

type OpenFn = for<'a> fn(Opening<'a>) -> Pin<Box<dyn Future<Output = Result<Opened, StartError>> + Send + 'a>>;

/// A service that can be started.
#[derive(Clone, Copy)]
pub struct Part {
    /// Its name.
    pub name: &'static str,
    pub(crate) open: OpenFn,
    pub(crate) check: fn(&Settings) -> Result<(), StartError>,
}

impl Part {
    /// The service `S`.
    pub const fn of<S: Service>() -> Self {
        Self { name: S::NAME, open: |opening| Box::pin(S::open(opening)), check: S::check }
    }
}
