//! The book: people as bytes, by id.

use bytes::Bytes;
use campus_proto::personguide::Person;
use campus_resource::Error;
use campus_schema::wire::{self, WireValue};
use campus_store::{Expect, Op, Outcome, Query, Scan, Store, Table};

use crate::record::{Stamp, content};

/// Number of `Person.phones`.
const PHONES: u32 = 4;
/// People of a file who are written at once.
const BATCH: usize = 4096;

/// People and their phones. Cheap to clone; clones are the same book.
#[derive(Clone)]
pub(crate) struct Book(Store);

impl Book {
    /// The book that `store` keeps.
    pub(crate) fn new(store: Store) -> Self {
        Self(store)
    }

    /// What the store has to know.
    pub(crate) fn table(name: &'static str) -> Table {
        Table { name, columns: Vec::new(), derive: std::sync::Arc::new(|_| Vec::new()), derivation: 0 }
    }

    /// The first phone of a person, encoded.
    ///
    /// # Errors
    /// [`Error::Missing`], or what the store failed with.
    pub(crate) async fn phone(&self, id: i32) -> Result<Bytes, Error> {
        let missing = |what: &str, name: String| Error::Missing { resource: format!("personguide/{what}"), name };
        let person = self.0.get(&key(id)).await?.ok_or_else(|| missing("Person", format!("people/{id}")))?.body;
        let first = phones(&person).next();
        first.ok_or_else(|| missing("PhoneNumber", format!("people/{id}/phones")))
    }

    /// All phones of a person, each encoded; none if the id is unknown.
    ///
    /// # Errors
    /// What the store failed with.
    pub(crate) async fn phones(&self, id: i32) -> Result<Vec<Bytes>, Error> {
        let person = self.0.get(&key(id)).await?;
        Ok(person.iter().flat_map(|row| phones(&row.body)).collect())
    }

    /// Everybody, in id order.
    pub(crate) fn everybody(&self) -> Scan {
        self.0.scan(Query::default())
    }

    /// Adds those whom the book does not have, and returns how many they are. The others stay as they are.
    ///
    /// # Errors
    /// What the store failed with.
    pub(crate) async fn add(&self, people: &[Person]) -> Result<usize, Error> {
        let (stamp, mut added) = (Stamp::now(), 0);
        for some in people.chunks(BATCH) {
            let op = |person: &Person| put(person.id, stamp.on(&content(person)), Expect::Absent);
            let outcomes = self.0.write(some.iter().map(op).collect()).await?;
            added += outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Created)).count();
        }
        Ok(added)
    }

    /// Writes people, each new or in place of the one with this id, in one transaction.
    ///
    /// # Errors
    /// What the store failed with; nobody is written then.
    pub(crate) async fn replace(&self, people: &[(i32, Bytes)]) -> Result<(), Error> {
        let ops = people.iter().map(|(id, body)| put(*id, body.clone(), Expect::Any));
        self.0.write(ops.collect()).await?;
        Ok(())
    }
}

fn put(id: i32, body: Bytes, expect: Expect) -> Op {
    Op::Put { key: key(id), expect, version: fastrand::u64(1..), body, values: Vec::new(), request: None }
}

/// Keys sort as ids do, negative ones first.
fn key(id: i32) -> String {
    format!("{:08x}", id.cast_unsigned() ^ 1 << 31)
}

/// The phones of an encoded person, as they are in it.
fn phones(person: &Bytes) -> impl Iterator<Item = Bytes> + '_ {
    wire::fields(person).flatten().filter_map(|(number, value, _)| match value {
        WireValue::Len(phone) if number == PHONES => Some(person.slice_ref(phone)),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_as_ids_do() {
        let ids = [i32::MIN, -70_000, -2, -1, 0, 1, 9, 10, 255, 256, 70_000, i32::MAX];
        let keys: Vec<String> = ids.iter().map(|id| key(*id)).collect();
        assert!(keys.is_sorted() && keys.iter().all(|key| key.len() == 8), "{keys:?}");
    }
}
