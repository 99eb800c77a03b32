//! The address book, over a real connection.

mod commands;
mod hostile;
mod load;
mod published;
mod reads;
mod records;
mod streams;

use campus_client::Channel;
use campus_host::Part;
use campus_proto::personguide::{Adress, Person, PhoneNumber, PhoneType, person_guide_client::PersonGuideClient};
use campus_testkit::Campus;
use tokio_stream::StreamExt;
use tonic::Status;

pub(crate) const PARTS: [Part; 1] = [Part::of::<campus_addressbook::AddressBook>()];

type Guide = PersonGuideClient<Channel>;

/// An empty book, which lasts as long as the first of the two.
async fn book() -> (Campus, Guide) {
    let campus = super::ENGINE.start(&PARTS);
    let guide = Guide::new(campus.channel().await);
    (campus, guide)
}

/// Somebody, different for each id, with as many phones as asked for.
fn person(id: i32, phones: usize) -> Person {
    let phone = |at: usize| PhoneNumber {
        number: format!("+44 1632 {id} {at}"),
        r#type: [PhoneType::Home, PhoneType::Mobile, PhoneType::Work][at % 3].into(),
    };
    Person {
        id,
        name: format!("Person {id}"),
        email: format!("p{id}@campus.example"),
        phones: (0..phones).map(phone).collect(),
        last_updated: None,
    }
}

fn only(id: i32) -> Person {
    Person { id, ..Person::default() }
}

async fn record(guide: &Guide, people: Vec<Person>) -> Result<Vec<Person>, Status> {
    Ok(guide.clone().record_persons(tokio_stream::iter(people)).await?.into_inner().people)
}

async fn everybody(guide: &Guide) -> Vec<Person> {
    let people = guide.clone().list_persons(Adress::default()).await.unwrap().into_inner();
    people.map(Result::unwrap).collect().await
}

/// As a client sent them.
fn unstamped(people: &[Person]) -> Vec<Person> {
    people.iter().map(|person| Person { last_updated: None, ..person.clone() }).collect()
}

fn ids(people: &[Person]) -> Vec<i32> {
    people.iter().map(|person| person.id).collect()
}
