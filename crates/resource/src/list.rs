//! List and Stream.

use bytes::Bytes;
use campus_proto::standard::{ListRequest, StreamRequest};
use campus_schema::wire;
use campus_store::{Order, Position, Query};
use futures_util::{Stream, stream};

use crate::{collection::Collection, error::Error, filter, name::Name, order, token};

impl Collection {
    /// One page, as an encoded `List*Response`. AIP-132, 158.
    ///
    /// # Errors
    /// [`Error::Invalid`], or what the store failed with.
    pub async fn list(&self, request: &ListRequest) -> Result<Bytes, Error> {
        let size = self.page_size(request.page_size)?;
        let mask = self.kind.mask(request.read_mask.as_ref(), "read_mask")?;
        let filter = filter::parse(&self.kind, &request.filter)?;
        let order = order::parse(&self.kind, &request.order_by)?;
        let digest = token::digest(&[&request.filter, &request.order_by]);
        let store = self.store.id().await?;
        let after = if request.page_token.is_empty() {
            None
        } else {
            Some(token::read_page(store, digest, &request.page_token).and_then(|p| fits(p, &order))?)
        };
        let page = self.store.page(&Query { filter, order, after }, size).await?;
        let mut reply = Vec::with_capacity(page.rows.bodies().len() + size * 4 + 128);
        for row in page.rows.iter() {
            wire::put_len(&mut reply, 1, &self.masked(row.body, &mask)?);
        }
        if let Some(next) = page.next {
            wire::put_len(&mut reply, 2, token::page(store, digest, &next).as_bytes());
        }
        Ok(reply.into())
    }

    fn page_size(&self, asked: i32) -> Result<usize, Error> {
        match usize::try_from(asked) {
            Ok(0) => Ok(self.limits.default_page),
            Ok(size) => Ok(size.min(self.limits.largest_page)),
            Err(_) => Err(Error::invalid("page_size", "must not be negative; 0 takes the default")),
        }
    }

    /// Every record that matches, in key order and in chunks. The store is read as the stream is.
    ///
    /// # Errors
    /// [`Error::Invalid`]; the stream's items fail with what the store failed with.
    pub fn stream(
        &self,
        request: &StreamRequest,
    ) -> Result<impl Stream<Item = Result<Vec<Bytes>, Error>> + Send + use<>, Error> {
        let mask = self.kind.mask(request.read_mask.as_ref(), "read_mask")?;
        let filter = filter::parse(&self.kind, &request.filter)?;
        let after = if request.after.is_empty() {
            None
        } else {
            let name = Name::parse(&self.kind, &request.after, "after")?;
            Some(Position { values: Vec::new(), key: name.into_string() })
        };
        let scan = self.store.scan(Query { filter, order: Vec::new(), after });
        let state = (self.clone(), scan, mask);
        Ok(stream::try_unfold(state, async |(collection, mut scan, mask)| {
            let Some(rows) = scan.next().await? else { return Ok(None) };
            let bodies = if mask.is_all() {
                rows.iter().map(|row| row.body).collect()
            } else {
                rows.iter().map(|row| collection.masked(row.body, &mask)).collect::<Result<_, _>>()?
            };
            Ok(Some((bodies, (collection, scan, mask))))
        }))
    }
}

/// A token's position must have a value for each field of the order; its digest says so already, unless two orders have
/// the same digest.
fn fits(position: Position, order: &[Order]) -> Result<Position, Error> {
    if position.values.len() == order.len() {
        return Ok(position);
    }
    Err(Error::invalid("page_token", "belongs to another query; start again without one"))
}
