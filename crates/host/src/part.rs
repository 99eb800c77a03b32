//! One service of a process: a kind of record, its store, and how it is mounted.

use std::pin::Pin;

use campus_chassis::AppBuilder;
use campus_resource::{Api, Collection, Kind, Limits, Rules};
use campus_schema::Schema;
use campus_store::Store;

use crate::{StartError, StoreSettings};

/// A service that keeps records of one kind.
pub trait Service: 'static {
    /// The records it keeps, and what they must be.
    type Rules: Rules<Record: 'static>;

    /// Its name, for example `employee`: of its table and its database file.
    const NAME: &'static str;

    /// Hands the generated server to the chassis.
    fn mount(api: Api<<Self::Rules as Rules>::Record>, mount: Mount<'_>);
}

/// Where a service puts its generated server.
pub struct Mount<'a>(pub(crate) &'a mut Option<AppBuilder>);

impl Mount<'_> {
    /// Serves it.
    pub fn service(self, service: impl campus_chassis::GrpcService) {
        *self.0 = self.0.take().map(|app| app.service(service));
    }
}

type Opening<'a> = Pin<Box<dyn Future<Output = Result<Opened, StartError>> + Send + 'a>>;

/// A service that can be started.
#[derive(Clone, Copy)]
pub struct Part {
    /// Its name.
    pub name: &'static str,
    open: for<'a> fn(&'a Schema, &'a StoreSettings) -> Opening<'a>,
}

/// A service whose store is open.
pub(crate) struct Opened {
    pub(crate) name: &'static str,
    pub(crate) collection: Collection,
    pub(crate) store: Store,
    pub(crate) mount: fn(Collection, Mount<'_>),
}

impl Part {
    /// The service `S`.
    pub const fn of<S: Service>() -> Self {
        Self { name: S::NAME, open: |schema, settings| Box::pin(open::<S>(schema, settings)) }
    }

    pub(crate) async fn open(&self, schema: &Schema, settings: &StoreSettings) -> Result<Opened, StartError> {
        (self.open)(schema, settings).await
    }
}

async fn open<S: Service>(schema: &Schema, settings: &StoreSettings) -> Result<Opened, StartError> {
    let kind = Kind::of::<S::Rules>(schema, S::NAME)?;
    let store = Store::open(settings.of(S::NAME), kind.table()).await?;
    Ok(Opened {
        name: S::NAME,
        collection: Collection::new(kind, store.clone(), Limits::default()),
        store,
        mount: |collection, mount| S::mount(Api::new(collection), mount),
    })
}
