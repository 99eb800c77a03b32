//! RecordPersons.

use std::time::{Duration, SystemTime};

use campus_proto::personguide::{Person, PhoneNumber};
use campus_testkit::within;
use prost::Message;
use prost_types::Timestamp;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;

use super::{book, everybody, ids, person, record, unstamped};
use crate::contract::{reason, violations};

#[tokio::test]
async fn what_was_recorded_comes_back_once_each_in_id_order_with_its_time() {
    let (_campus, guide) = book().await;
    // The server keeps whole microseconds.
    let before = SystemTime::now() - Duration::from_micros(1);
    let forged = Some(Timestamp { seconds: 1, nanos: 2 });
    let sent = vec![person(3, 1), person(-2, 0), Person { last_updated: forged, ..person(1, 2) }, person(3, 2)];
    let recorded = record(&guide, sent).await.unwrap();
    assert_eq!(unstamped(&recorded), [person(-2, 0), person(1, 2), person(3, 2)]);
    for person in &recorded {
        let time = SystemTime::try_from(person.last_updated.unwrap()).unwrap();
        assert!(before <= time && time <= SystemTime::now(), "{time:?}");
    }
    assert_eq!(everybody(&guide).await, recorded, "the answer is what is stored");
    assert_eq!(record(&guide, vec![]).await.unwrap(), []);
    assert_eq!(everybody(&guide).await, recorded);
}

#[tokio::test]
async fn a_known_id_is_replaced_as_a_whole_and_the_others_stay() {
    let (_campus, guide) = book().await;
    let first = record(&guide, vec![person(1, 3), person(2, 3)]).await.unwrap();
    let bare = Person { id: 1, name: "Renamed".into(), ..Person::default() };
    let second = record(&guide, vec![bare.clone()]).await.unwrap();
    assert_eq!(unstamped(&second), [bare]);
    let time = |people: &[Person]| SystemTime::try_from(people[0].last_updated.unwrap()).unwrap();
    assert!(time(&second) >= time(&first));
    assert_eq!(everybody(&guide).await, [second[0].clone(), first[1].clone()]);
}

#[tokio::test]
async fn a_bad_person_is_named_by_place_and_field_and_nothing_is_stored() {
    let (_campus, guide) = book().await;
    let kept = record(&guide, vec![person(1, 1)]).await.unwrap();
    let phone = |number: &str| PhoneNumber { number: number.into(), r#type: 0 };
    let bad = Person {
        name: " ".into(),
        email: "nobody".into(),
        phones: vec![phone("1"), phone(""), phone("\u{202e}")],
        ..person(9, 0)
    };
    let cases: [(Person, &[&str]); 5] = [
        (bad, &["people[2].name", "people[2].email", "people[2].phones[1].number", "people[2].phones[2].number"]),
        (Person::default(), &["people[2].name"]),
        (Person { name: "n".repeat(101), ..person(9, 0) }, &["people[2].name"]),
        (Person { phones: vec![phone(&"1".repeat(51))], ..person(9, 0) }, &["people[2].phones[0].number"]),
        (person(9, 101), &["people[2].phones"]),
    ];
    for (bad, fields) in cases {
        let status = record(&guide, vec![person(1, 3), person(2, 3), bad, person(4, 0)]).await.unwrap_err();
        assert_eq!(
            (status.code(), violations(&status)),
            (Code::InvalidArgument, fields.iter().map(ToString::to_string).collect())
        );
        assert_eq!(everybody(&guide).await, kept);
    }
}

#[tokio::test]
async fn the_call_ends_at_the_first_bad_person_while_the_client_still_sends() {
    let (_campus, mut guide) = book().await;
    let (send, people) = mpsc::channel(1);
    let call = tokio::spawn(async move { guide.record_persons(ReceiverStream::new(people)).await });
    send.send(person(1, 1)).await.unwrap();
    send.send(Person::default()).await.unwrap();
    let status = within("the answer", call).await.unwrap().unwrap_err();
    assert_eq!(violations(&status), ["people[1].name"]);
}

#[tokio::test]
async fn a_call_that_records_too_many_is_refused_as_a_whole() {
    let (_campus, guide) = book().await;
    let many: Vec<Person> = (0..10_000).map(|id| person(id, 0)).collect();
    let more = many.iter().cloned().chain([person(10_000, 0)]).collect();
    let status = record(&guide, more).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::ResourceExhausted, "TOO_MUCH_AT_ONCE"));
    assert_eq!(everybody(&guide).await, []);
    // Someone twice is one person.
    let recorded = record(&guide, many.iter().cloned().chain([person(5, 0)]).collect()).await.unwrap();
    assert_eq!(recorded.len(), 10_000);
}

#[tokio::test]
async fn the_largest_answer_is_one_that_clients_take_by_default() {
    let (_campus, guide) = book().await;
    let large = |id: i32| Person {
        name: "é".repeat(100),
        phones: vec![PhoneNumber { number: "1".repeat(50), r#type: 2 }; 100],
        ..person(id, 0)
    };
    let size = large(1_000_000).encoded_len() + 24;
    let fit = i32::try_from((4 << 20) / size).unwrap();
    // The client of this test has the usual limit of 4 MiB.
    let ids_of_one_length = |count: i32| (1_000_000..1_000_000 + count).map(large).collect::<Vec<_>>();
    assert_eq!(record(&guide, ids_of_one_length(fit)).await.unwrap().len(), usize::try_from(fit).unwrap());
    let status = record(&guide, ids_of_one_length(fit + 1)).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::ResourceExhausted, "TOO_MUCH_AT_ONCE"));
}

#[tokio::test]
async fn many_clients_that_record_at_once_lose_nothing() {
    let (campus, guide) = book().await;
    let mut clients = tokio::task::JoinSet::new();
    for client in 0..32 {
        let guide = super::Guide::new(campus.channel().await);
        clients.spawn(async move {
            for round in 0..8 {
                // One of their own, and some that all of them want.
                let own = 1000 + client * 8 + round;
                let shared = (0..5).map(|id| Person { name: format!("By {client}"), ..person(id, 1) });
                record(&guide, shared.chain([person(own, 2)]).collect()).await.unwrap();
            }
        });
    }
    clients.join_all().await;
    let people = everybody(&guide).await;
    assert_eq!(ids(&people), (0..5).chain(1000..1000 + 256).collect::<Vec<_>>());
    assert!(people[5..].iter().all(|stored| unstamped(std::slice::from_ref(stored)) == [person(stored.id, 2)]));
}
