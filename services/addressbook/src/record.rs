//! RecordPersons: what one call gathers before anything is written.

use std::{
    collections::BTreeMap,
    time::{SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use campus_proto::{Sent, personguide::Person};
use campus_resource::{Error, Violations};
use campus_schema::{Malformed, MessageType, wire};
use prost::Message;
use prost_types::Timestamp;

use crate::rules;

/// Number of `Person.last_updated`.
const LAST_UPDATED: u32 = 5;
/// Number of `AddressBook.people`.
const PEOPLE: u32 = 1;
/// Most people of a call, and bytes of its answer: the size that clients accept by default.
const MOST: usize = 10_000;
const LARGEST: usize = 4 << 20;
/// What a person costs in the answer beside the content, at most: the stamp, and tag and length around all.
const AROUND: usize = 24;

/// The people of a call so far, by id.
pub(crate) struct Recording {
    /// What a person looks like.
    person: MessageType,
    people: BTreeMap<i32, Bytes>,
    bytes: usize,
    position: usize,
}

impl Recording {
    /// Of nobody yet.
    pub(crate) fn new(person: MessageType) -> Self {
        Self { person, people: BTreeMap::new(), bytes: 0, position: 0 }
    }

    /// Takes the next person of the stream, in place of an earlier one with this id.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every fault of this person, [`Error::TooMuch`].
    pub(crate) fn add(&mut self, person: &Sent<Person>) -> Result<(), Error> {
        checked(&person.message, self.position)?;
        let content = self
            .content(&person.bytes)
            .map_err(|fault| Error::invalid(format!("people[{}].{}", self.position, fault.path()), fault.reason()))?;
        self.position += 1;
        self.bytes += content.len() + AROUND;
        if let Some(earlier) = self.people.insert(person.message.id, content) {
            self.bytes -= earlier.len() + AROUND;
        }
        if self.people.len() > MOST || self.bytes > LARGEST {
            let limits = format!("at most {MOST} people, whose answer takes at most {} MiB", LARGEST >> 20);
            return Err(Error::TooMuch(format!("a call records {limits}; nothing of it was stored, send it in parts")));
        }
        Ok(())
    }

    /// A person as a client may set it, with what only the client knows of it.
    fn content(&self, sent: &[u8]) -> Result<Bytes, Malformed> {
        let canonical = self.person.canonical(sent)?;
        Ok(self.person.without(&canonical, &[LAST_UPDATED])?.into())
    }

    /// The people, recorded now, in id order.
    pub(crate) fn stamped(self) -> Vec<(i32, Bytes)> {
        let stamp = Stamp::now();
        self.people.into_iter().map(|(id, content)| (id, stamp.on(&content))).collect()
    }
}

/// An encoded `AddressBook`.
pub(crate) fn address_book(people: &[(i32, Bytes)]) -> Bytes {
    let mut reply = Vec::new();
    for (_, person) in people {
        wire::put_len(&mut reply, PEOPLE, person);
    }
    reply.into()
}

/// Every fault of the person at a place of a list.
///
/// # Errors
/// [`Error::Invalid`].
pub(crate) fn checked(person: &Person, position: usize) -> Result<(), Error> {
    let mut violations = Violations::below(format!("people[{position}]."));
    rules::check(person, &mut violations);
    if violations.is_empty() { Ok(()) } else { Err(violations.into()) }
}

/// A person as a client may set it, encoded.
pub(crate) fn content(person: &Person) -> Bytes {
    Person { last_updated: None, ..person.clone() }.encode_to_vec().into()
}

/// A moment of recording, encoded.
pub(crate) struct Stamp(Vec<u8>);

impl Stamp {
    /// The present one, in whole microseconds.
    pub(crate) fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let time = Timestamp {
            seconds: i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
            nanos: i32::try_from(since.subsec_micros() * 1000).unwrap_or_default(),
        };
        Self(time.encode_to_vec())
    }

    /// A person with this moment in `last_updated`.
    pub(crate) fn on(&self, content: &[u8]) -> Bytes {
        let mut body = Vec::with_capacity(content.len() + AROUND);
        body.extend_from_slice(content);
        wire::put_len(&mut body, LAST_UPDATED, &self.0);
        body.into()
    }
}

#[cfg(test)]
mod tests {
    use campus_proto::{DESCRIPTORS, personguide::AddressBook};
    use campus_schema::Schema;

    use super::*;

    fn person(id: i32, name: &str) -> Sent<Person> {
        Person { id, name: name.into(), ..Person::default() }.into()
    }

    fn recording() -> Recording {
        Recording::new(Schema::from_descriptors(DESCRIPTORS).unwrap().message("personguide.Person").unwrap())
    }

    #[test]
    fn what_only_the_client_knows_of_a_person_is_kept_and_its_time_is_not() {
        let mut sent = Person { last_updated: Some(Timestamp::default()), ..person(1, "Ada").message }.encode_to_vec();
        wire::put_len(&mut sent, 1001, b"note");
        let mut recording = recording();
        recording.add(&Sent::decode(sent.as_slice()).unwrap()).unwrap();
        let mut expected = person(1, "Ada").bytes.to_vec();
        wire::put_len(&mut expected, 1001, b"note");
        assert_eq!(recording.people.get(&1).unwrap(), &expected);
    }

    #[test]
    fn the_later_of_two_with_one_id_counts() {
        let mut recording = recording();
        for (id, name) in [(3, "Ada"), (-1, "Bo"), (3, "Cy")] {
            recording.add(&person(id, name)).unwrap();
        }
        let book = AddressBook::decode(address_book(&recording.stamped())).unwrap();
        let people: Vec<_> = book.people.iter().map(|p| (p.id, p.name.as_str(), p.last_updated.is_some())).collect();
        assert_eq!(people, [(-1, "Bo", true), (3, "Cy", true)]);
    }

    #[test]
    fn what_is_counted_is_never_less_than_the_answer() {
        let mut recording = recording();
        for id in -300..300 {
            recording.add(&person(id, &"n".repeat(1 + id.unsigned_abs() as usize % 100))).unwrap();
        }
        let counted = recording.bytes;
        let answer = address_book(&recording.stamped()).len();
        assert!((answer..answer + 600 * AROUND).contains(&counted), "{counted} for {answer}");
    }

    #[test]
    fn a_call_has_room_for_ten_thousand_people_and_replacements_cost_nothing() {
        let mut recording = recording();
        for _ in 0..2 {
            (0..10_000).for_each(|id| recording.add(&person(id, "Ada")).unwrap());
        }
        let refused = recording.add(&person(10_000, "Ada")).unwrap_err();
        assert!(matches!(refused, Error::TooMuch(_)), "{refused:?}");
        assert!(refused.to_string().contains("at most 10000 people, whose answer takes at most 4 MiB"), "{refused}");
    }
}
