//! The records of one kind: reading them by name.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use campus_proto::standard::{BatchGetRequest, GetRequest};
use campus_schema::{Mask, wire};
use campus_store::Store;
use tokio::sync::watch;

use crate::{error::Error, kind::Kind, name::Name};

/// What a collection does not go beyond.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Records on a page if the caller does not say.
    pub default_page: usize,
    /// Most records on a page.
    pub largest_page: usize,
    /// Most names in a batch.
    pub largest_batch: usize,
    /// An idle watch says how far it is after this time.
    pub watch_mark: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { default_page: 50, largest_page: 1000, largest_batch: 1000, watch_mark: Duration::from_secs(30) }
    }
}

/// The records of one kind in a store. Cheap to clone; clones are the same collection.
#[derive(Clone)]
pub struct Collection {
    pub(crate) kind: Arc<Kind>,
    pub(crate) store: Store,
    pub(crate) limits: Limits,
    stopping: Arc<watch::Sender<bool>>,
}

impl Collection {
    /// The records of `kind` that `store` keeps.
    pub fn new(kind: Kind, store: Store, limits: Limits) -> Self {
        Self { kind: Arc::new(kind), store, limits, stopping: Arc::new(watch::Sender::new(false)) }
    }

    /// Ends every watch with [`Error::Stopping`], now and later: the server is about to stop.
    pub fn stop_watches(&self) {
        self.stopping.send_replace(true);
    }

    pub(crate) fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
    }

    /// One record.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Missing`], or what the store failed with.
    pub async fn get(&self, request: &GetRequest) -> Result<Bytes, Error> {
        let name = Name::parse(&self.kind, &request.name, "name")?;
        let mask = self.kind.mask(request.read_mask.as_ref(), "read_mask")?;
        let row = self.store.get(name.as_str()).await?.ok_or_else(|| self.kind.missing(name.as_str()))?;
        self.masked(row.body, &mask)
    }

    /// The named records in the order of the names, as an encoded `BatchGet*Response`.
    ///
    /// # Errors
    /// As [`get`](Self::get); one unknown name fails the whole call.
    pub async fn batch_get(&self, request: &BatchGetRequest) -> Result<Bytes, Error> {
        let most = self.limits.largest_batch;
        if request.names.is_empty() || request.names.len() > most {
            let count = request.names.len();
            return Err(Error::invalid("names", format!("must hold 1 to {most} names, holds {count}")));
        }
        let mask = self.kind.mask(request.read_mask.as_ref(), "read_mask")?;
        let names = self.names(&request.names)?;
        let rows = self.store.get_many(&names).await?;
        let mut reply = Vec::with_capacity(rows.len() * 192);
        for (name, row) in names.iter().zip(rows) {
            let row = row.ok_or_else(|| self.kind.missing(name))?;
            wire::put_len(&mut reply, 1, &self.masked(row.body, &mask)?);
        }
        Ok(reply.into())
    }

    fn names(&self, texts: &[String]) -> Result<Vec<String>, Error> {
        let (mut names, mut faults) = (Vec::with_capacity(texts.len()), Vec::new());
        for (at, text) in texts.iter().enumerate() {
            match Name::parse(&self.kind, text, &format!("names[{at}]")) {
                Ok(name) => names.push(name.into_string()),
                Err(Error::Invalid(violations)) => faults.extend(violations),
                Err(other) => return Err(other),
            }
        }
        if faults.is_empty() { Ok(names) } else { Err(Error::Invalid(faults)) }
    }

    /// The part of a stored record that the caller asked for.
    pub(crate) fn masked(&self, body: Bytes, mask: &Mask) -> Result<Bytes, Error> {
        if mask.is_all() {
            return Ok(body);
        }
        self.kind.message.project(&body, mask).map(Bytes::from).map_err(|fault| {
            tracing::error!(%fault, "a stored record cannot be read");
            Error::Corrupt
        })
    }
}
