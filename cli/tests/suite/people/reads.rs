//! GetPhone and ListPersons.

use campus_proto::personguide::{Adress, Person, PhoneNumber};
use tokio_stream::StreamExt;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::{book, everybody, ids, only, person, record, unstamped};

fn resource(status: &Status) -> (String, String) {
    let details = status.get_error_details();
    assert_eq!(details.error_info().unwrap().reason, "RESOURCE_NOT_FOUND");
    let resource = details.resource_info().unwrap();
    (resource.resource_type.clone(), resource.resource_name.clone())
}

#[tokio::test]
async fn the_first_phone_of_a_person_is_found_by_the_id_alone() {
    let (_campus, mut guide) = book().await;
    let people: Vec<Person> = [i32::MIN, -1, 0, 1, i32::MAX].map(|id| person(id, 3)).into();
    record(&guide, people.clone()).await.unwrap();
    for known in people {
        let asked = Person { name: "somebody else".into(), ..only(known.id) };
        assert_eq!(guide.get_phone(asked).await.unwrap().into_inner(), known.phones[0], "{}", known.id);
    }
}

#[tokio::test]
async fn no_phone_is_not_found_whether_the_person_or_the_phone_is_missing() {
    let (_campus, mut guide) = book().await;
    record(&guide, vec![person(7, 0)]).await.unwrap();
    for (id, kind, name) in [(7, "personguide/PhoneNumber", "people/7/phones"), (-8, "personguide/Person", "people/-8")]
    {
        let status = guide.get_phone(only(id)).await.unwrap_err();
        assert_eq!(status.code(), Code::NotFound);
        assert_eq!(status.message(), format!("there is no {name}"));
        assert_eq!(resource(&status), (kind.to_owned(), name.to_owned()));
    }
}

#[tokio::test]
async fn a_kind_of_line_that_is_not_known_is_kept() {
    let (_campus, mut guide) = book().await;
    let phone = PhoneNumber { number: "1".into(), r#type: 77 };
    record(&guide, vec![Person { phones: vec![phone.clone()], ..person(1, 0) }]).await.unwrap();
    assert_eq!(guide.get_phone(only(1)).await.unwrap().into_inner(), phone);
}

#[tokio::test]
async fn everybody_comes_in_id_order_whatever_the_address_is() {
    let (_campus, mut guide) = book().await;
    assert_eq!(everybody(&guide).await, []);
    // More than the store reads at once, in an order that is none.
    let mut people: Vec<Person> = (0..1500).map(|n| person((n * 7919) % 3001 - 1500, 1)).collect();
    record(&guide, people.clone()).await.unwrap();
    people.sort_by_key(|person| person.id);
    assert_eq!(unstamped(&everybody(&guide).await), people);
    for name in ["", "Chennai", "\u{7f}\u{0}"] {
        let listed = guide.list_persons(Adress { name: name.into() }).await.unwrap().into_inner();
        let listed: Vec<Person> = listed.map(Result::unwrap).collect().await;
        assert_eq!(ids(&listed), ids(&people), "{name:?}");
    }
}
