//! Lookup: names in, records out.

use campus_proto::standard::{LookupRequest, LookupResponse};

use crate::{collection::Collection, error::Error, name::Name};

impl Collection {
    /// The answer to one name. A name that is unknown or malformed is that answer's status.
    ///
    /// # Errors
    /// What the store failed with: that ends the stream.
    pub async fn lookup(&self, request: LookupRequest) -> Result<LookupResponse, Error> {
        let found = match Name::parse(&self.kind, &request.name, "name") {
            Ok(name) => self.store.get(name.as_str()).await?.ok_or_else(|| self.kind.missing(name.as_str())),
            Err(invalid) => Err(invalid),
        };
        let (record, error) = match found {
            Ok(row) => (Some(row.body), None),
            Err(error) => (None, Some(error.into())),
        };
        Ok(LookupResponse { name: request.name, record, error })
    }
}
