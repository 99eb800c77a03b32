//! Create, Update and Delete.

use bytes::Bytes;
use campus_proto::standard::{CreateRequest, DeleteRequest, UpdateRequest};
use campus_schema::Mask;
use campus_store::{Expect, Op, Outcome, RequestId, Row};
use xxhash_rust::xxh3::xxh3_128;

use crate::{
    collection::Collection,
    error::Error,
    name::{Id, Name},
    record,
    rules::Violation,
};

/// How often a write is tried again when another writer was faster.
const ROUNDS: usize = 16;

impl Collection {
    /// Adds a record and returns it. AIP-133.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every fault, [`Error::Exists`], [`Error::Taken`], or what the store failed with.
    pub async fn create(&self, request: &CreateRequest) -> Result<Bytes, Error> {
        let mut faults = Faults::default();
        let content =
            faults.gather(self.required(request.record.as_ref()).and_then(|r| record::content(&self.kind, r)))?;
        let id_field = format!("{}_id", self.kind.singular());
        let chosen = (!request.id.is_empty()).then(|| Id::parse(&request.id, &id_field)).transpose();
        let chosen = faults.gather(chosen)?.flatten();
        faults.gather(check_request_id(&request.request_id))?;
        let Some(content) = content.filter(|_| faults.0.is_empty()) else { return Err(Error::Invalid(faults.0)) };

        let id = chosen.clone().unwrap_or_else(Id::generate);
        let name = Name::of(&self.kind, &id);
        let request_id = (!request.request_id.is_empty()).then(|| RequestId {
            id: request.request_id.to_ascii_lowercase(),
            digest: xxh3_128(&[request.id.as_bytes(), b"\0", &content].concat()),
        });
        let outcome = self.put(&name, &content, None, request_id).await?;
        match outcome {
            (Outcome::Created, body) => Ok(body),
            (Outcome::Repeated(first), _) => Ok(first),
            (Outcome::RequestReused, _) => {
                Err(Error::invalid("request_id", "was used for another request; choose a new UUID for each new record"))
            }
            (Outcome::Exists(_), _) => {
                Err(Error::Exists { resource: self.kind.resource().into(), name: name.into_string() })
            }
            (Outcome::Taken { column }, _) => {
                Err(self.taken(column, if chosen.is_some() { name.as_str() } else { "" }))
            }
            (other, _) => Err(unexpected(&other)),
        }
    }

    /// Changes the masked fields of a record and returns it. AIP-134.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every fault, [`Error::Missing`], [`Error::Conflict`] if the etag is not the stored one,
    /// [`Error::Taken`], or what the store failed with.
    pub async fn update(&self, request: &UpdateRequest) -> Result<Bytes, Error> {
        let kind = &self.kind;
        let sent = self.required(request.record.as_ref())?;
        let mut faults = Faults::default();
        let name_field = format!("{}.name", kind.singular());
        let name = faults.gather(Name::parse(kind, record::text(sent, kind.server.name), &name_field))?;
        let mask = faults.gather(kind.mask(request.update_mask.as_ref(), "update_mask"))?;
        let patch = faults.gather(record::unchecked(kind, sent))?;
        let (Some(name), Some(mask), Some(patch)) = (name, mask, patch) else { return Err(Error::Invalid(faults.0)) };
        let change = Change {
            mask: if request.update_mask.as_ref().is_none_or(|m| m.paths.is_empty()) {
                self.set_fields(&patch)?
            } else {
                mask
            },
            etag: record::text(sent, kind.server.etag).to_owned(),
            name,
            patch,
        };
        for _ in 0..ROUNDS {
            let done = match self.store.get(change.name.as_str()).await? {
                Some(row) => self.update_row(&change, &row).await?,
                None if request.allow_missing && change.etag.is_empty() => self.create_missing(&change).await?,
                None => return Err(kind.missing(change.name.as_str())),
            };
            if let Some(body) = done {
                return Ok(body);
            }
        }
        Err(Error::Contended { name: change.name.into_string() })
    }

    /// Nothing if another writer was faster and the change is to be made again on what it left.
    async fn update_row(&self, change: &Change, row: &Row) -> Result<Option<Bytes>, Error> {
        if !change.etag.is_empty() && record::version_of(&change.etag) != Some(row.version) {
            return Err(self.conflict(change.name.as_str(), row));
        }
        let before = record::parts(&self.kind, row);
        let merged = self.kind.message.merge(before.content, &change.patch, &change.mask).and_then(|merged| {
            self.kind.message.without(&merged, &self.kind.server.all()) // a mask may name them; they are the server's
        });
        let merged = merged.map_err(|fault| {
            tracing::error!(%fault, "a stored record cannot be merged");
            Error::Corrupt
        })?;
        self.kind.check(&merged)?;
        if merged == before.content {
            return Ok(Some(row.body.clone()));
        }
        match self.put(&change.name, &merged, Some(row), None).await? {
            (Outcome::Updated, body) => Ok(Some(body)),
            (Outcome::Conflict(_) | Outcome::Missing, _) => Ok(None),
            (Outcome::Taken { column }, _) => Err(self.taken(column, change.name.as_str())),
            (other, _) => Err(unexpected(&other)),
        }
    }

    async fn create_missing(&self, change: &Change) -> Result<Option<Bytes>, Error> {
        self.kind.check(&change.patch)?;
        match self.put(&change.name, &change.patch, None, None).await? {
            (Outcome::Created, body) => Ok(Some(body)),
            (Outcome::Exists(_), _) => Ok(None),
            (Outcome::Taken { column }, _) => Err(self.taken(column, change.name.as_str())),
            (other, _) => Err(unexpected(&other)),
        }
    }

    /// Removes a record. AIP-135.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Missing`] unless the caller allows it, [`Error::Conflict`] if the etag is not the
    /// stored one, or what the store failed with.
    pub async fn delete(&self, request: &DeleteRequest) -> Result<(), Error> {
        let name = Name::parse(&self.kind, &request.name, "name")?;
        let expect = if request.etag.is_empty() {
            None
        } else {
            // An etag that is none of ours is no version's: version 0 is never given.
            Some(record::version_of(&request.etag).unwrap_or_default())
        };
        let outcomes = self.store.write(vec![Op::Delete { key: name.as_str().to_owned(), expect }]).await?;
        match outcomes.into_iter().next() {
            Some(Outcome::Deleted) => Ok(()),
            Some(Outcome::Missing) if request.allow_missing => Ok(()),
            Some(Outcome::Missing) => Err(self.kind.missing(name.as_str())),
            Some(Outcome::Conflict(row)) => Err(self.conflict(name.as_str(), &row)),
            other => Err(unexpected(&other)),
        }
    }

    async fn put(
        &self,
        name: &Name,
        content: &[u8],
        before: Option<&Row>,
        request: Option<RequestId>,
    ) -> Result<(Outcome, Bytes), Error> {
        let (op, body) = self.put_op(name, content, before, request);
        let outcomes = self.store.write(vec![op]).await?;
        outcomes.into_iter().next().map(|outcome| (outcome, body)).ok_or(Error::Internal)
    }

    /// The write of a record's content: new, or the next version of `before`.
    pub(crate) fn put_op(
        &self,
        name: &Name,
        content: &[u8],
        before: Option<&Row>,
        request: Option<RequestId>,
    ) -> (Op, Bytes) {
        let stored = match before {
            Some(row) => record::next(&self.kind, name, content, &record::parts(&self.kind, row)),
            None => record::first(&self.kind, name, content),
        };
        let body = stored.body.clone();
        let op = Op::Put {
            key: name.as_str().to_owned(),
            expect: before.map_or(Expect::Absent, |row| Expect::Version(row.version)),
            version: stored.version,
            body: stored.body,
            values: stored.values,
            request,
        };
        (op, body)
    }

    fn required<'a>(&self, sent: Option<&'a Bytes>) -> Result<&'a Bytes, Error> {
        sent.ok_or_else(|| Error::invalid(self.kind.singular(), "is required"))
    }

    /// The mask of an update without one: every field that is set.
    fn set_fields(&self, patch: &[u8]) -> Result<Mask, Error> {
        Mask::of_set_fields(self.kind.message, patch).map_err(|fault| {
            tracing::error!(%fault, "a canonical record cannot be read");
            Error::Internal
        })
    }

    pub(crate) fn taken(&self, column: usize, name: &str) -> Error {
        let field = self.kind.columns.get(column).map(|column| column.name).unwrap_or_default();
        Error::Taken {
            resource: self.kind.resource().into(),
            name: name.into(),
            field: format!("{}.{field}", self.kind.singular()),
        }
    }

    fn conflict(&self, name: &str, row: &Row) -> Error {
        Error::Conflict { resource: self.kind.resource().into(), name: name.into(), etag: record::etag(row.version) }
    }
}

/// An update that has been read and checked as far as it can be without the record.
struct Change {
    name: Name,
    mask: Mask,
    patch: Vec<u8>,
    etag: String,
}

/// Violations of several parts of a request, so that all are reported at once.
#[derive(Default)]
struct Faults(Vec<Violation>);

impl Faults {
    fn gather<T>(&mut self, result: Result<T, Error>) -> Result<Option<T>, Error> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(Error::Invalid(violations)) => {
                self.0.extend(violations);
                Ok(None)
            }
            Err(other) => Err(other),
        }
    }
}

fn check_request_id(text: &str) -> Result<(), Error> {
    let groups = || text.split('-').map(str::len).eq([8, 4, 4, 4, 12]);
    let is_uuid = || groups() && text.bytes().all(|c| c.is_ascii_hexdigit() || c == b'-');
    if text.is_empty() || is_uuid() {
        return Ok(());
    }
    Err(Error::invalid("request_id", "must be a UUID such as `3f2b1c6e-8a51-4d0e-9a51-0c6d1f0a7b11`"))
}

fn unexpected(outcome: &impl std::fmt::Debug) -> Error {
    tracing::error!(?outcome, "the store answered with an outcome that does not fit the write");
    Error::Internal
}
