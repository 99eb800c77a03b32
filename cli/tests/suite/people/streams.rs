//! RoutePhones.

use std::time::Duration;

use campus_proto::personguide::{Person, PhoneNumber};
use campus_testkit::within;
use tokio::sync::mpsc;
use tokio_stream::{StreamExt, wrappers::ReceiverStream};
use tonic::{Code, Request};

use super::{book, only, person, record};

#[tokio::test]
async fn each_person_is_answered_in_turn_while_the_client_still_sends() {
    let (_campus, mut guide) = book().await;
    record(&guide, (0..50).map(|id| person(id, 3)).collect()).await.unwrap();
    let (send, people) = mpsc::channel(1);
    // No answer waits for the second message.
    let mut phones = within("the start", guide.route_phones(ReceiverStream::new(people))).await.unwrap().into_inner();
    for id in [7, 3, 7, 49] {
        send.send(only(id)).await.unwrap();
        for expected in person(id, 3).phones {
            assert_eq!(within("a phone", phones.next()).await.unwrap().unwrap(), expected);
        }
    }
    drop(send);
    assert!(phones.next().await.is_none());
}

#[tokio::test]
async fn who_is_unknown_or_has_no_phone_gives_none_and_does_not_end_the_stream() {
    let (_campus, mut guide) = book().await;
    record(&guide, vec![person(1, 2), person(2, 0)]).await.unwrap();
    // What the client says of a person is not what the book says.
    let told = Person { phones: vec![PhoneNumber { number: "0".into(), r#type: 1 }], ..only(99) };
    let asked = tokio_stream::iter([told, only(2), only(1), only(-1), only(1)]);
    let phones = guide.route_phones(asked).await.unwrap().into_inner();
    let phones: Vec<PhoneNumber> = phones.map(Result::unwrap).collect().await;
    assert_eq!(phones, [person(1, 2).phones, person(1, 2).phones].concat());
}

#[tokio::test]
async fn ten_thousand_ids_are_answered_in_their_order() {
    let (_campus, mut guide) = book().await;
    record(&guide, (0..100).map(|id| person(id, 2)).collect()).await.unwrap();
    let asked: Vec<i32> = (0..10_000).map(|n| (n * 37) % 100).collect();
    let people: Vec<Person> = asked.iter().map(|id| only(*id)).collect();
    let phones = guide.route_phones(tokio_stream::iter(people)).await.unwrap().into_inner();
    let phones: Vec<String> = phones.map(|phone| phone.unwrap().number).collect().await;
    let expected = asked.iter().flat_map(|id| person(*id, 2).phones).map(|phone| phone.number);
    assert!(expected.eq(phones));
}

#[tokio::test]
async fn the_callers_deadline_ends_it() {
    let (_campus, mut guide) = book().await;
    record(&guide, vec![person(1, 1)]).await.unwrap();
    let (send, people) = mpsc::channel(1);
    let mut request = Request::new(ReceiverStream::new(people));
    request.set_timeout(Duration::from_millis(200));
    send.send(only(1)).await.unwrap();
    let mut phones = guide.route_phones(request).await.unwrap().into_inner();
    assert_eq!(phones.next().await.unwrap().unwrap(), person(1, 1).phones[0]);
    let status = within("the end", phones.next()).await.unwrap().unwrap_err();
    assert!([Code::DeadlineExceeded, Code::Cancelled].contains(&status.code()), "{status:?}");
    drop(send);
}
