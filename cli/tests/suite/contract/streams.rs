//! Stream, Import and Lookup.

use bytes::Bytes;
use campus_proto::standard::{ImportRequest, StreamRequest};
use campus_testkit::{Client, Person};
use prost::Message;
use tokio_stream::StreamExt;
use tonic::Code;

use super::{contract, violations, with_email};

contract! {
    stream_sends_all_in_key_order_and_resumes
    import_counts_what_it_did
    import_rejects_bad_records_alone
    lookup_answers_every_name_in_order
}

async fn stream_sends_all_in_key_order_and_resumes(client: Client) {
    let kind = client.kind;
    client.import_all((0..1300).map(|n| kind.person(n)).collect()).await.unwrap();
    let names = async |request: StreamRequest| -> Vec<String> {
        let stream = client.stream(request).await.unwrap();
        stream.map(|person| person.unwrap().name).collect().await
    };
    let mut expected: Vec<String> = (0..1300).map(|n| kind.name(n)).collect();
    expected.sort();
    assert_eq!(names(StreamRequest::default()).await, expected);
    let after = StreamRequest { after: expected[700].clone(), ..StreamRequest::default() };
    assert_eq!(names(after).await, expected[701..]);
    let gone = StreamRequest {
        after: format!("{}-", expected[700]).trim_end_matches('-').to_owned() + "0",
        ..StreamRequest::default()
    };
    let position = expected.partition_point(|name| *name <= gone.after);
    assert_eq!(names(gone).await, expected[position..], "the name need not exist");
    let filtered = StreamRequest { filter: "family_name = Family3".into(), ..StreamRequest::default() };
    assert_eq!(names(filtered).await.len(), (0..1300).filter(|n| n % 7 == 3).count());
    let status = client.stream(StreamRequest { filter: "x".into(), ..StreamRequest::default() }).await.unwrap_err();
    assert_eq!(violations(&status), ["filter"]);
}

async fn import_counts_what_it_did(client: Client) {
    let kind = client.kind;
    let people = || (0..1200).map(|n| kind.person(n)).collect::<Vec<_>>();
    let counts = |reply: campus_proto::standard::ImportResponse| {
        (reply.created_count, reply.updated_count, reply.unchanged_count, reply.rejected_count)
    };
    assert_eq!(counts(client.import_all(people()).await.unwrap()), (1200, 0, 0, 0));
    let before = client.get(kind.name(5)).await.unwrap();
    assert_eq!(counts(client.import_all(people()).await.unwrap()), (0, 0, 1200, 0));
    assert_eq!(client.get(kind.name(5)).await.unwrap(), before, "unchanged to the etag");
    let mut some = people();
    some.iter_mut().take(10).for_each(|person| person.given_name = "Changed".into());
    assert_eq!(counts(client.import_all(some).await.unwrap()), (0, 10, 1190, 0));
    let twice = vec![
        Person { given_name: "First".into(), ..kind.person(7777) },
        Person { given_name: "Second".into(), ..kind.person(7777) },
        Person { given_name: "Second".into(), ..kind.person(7777) },
    ];
    assert_eq!(counts(client.import_all(twice).await.unwrap()), (1, 1, 1, 0), "the later one sees the earlier one");
    assert_eq!(client.get(kind.name(7777)).await.unwrap().given_name, "Second");
    assert_eq!(counts(client.import_all(vec![]).await.unwrap()), (0, 0, 0, 0));
}

async fn import_rejects_bad_records_alone(client: Client) {
    let kind = client.kind;
    let mut requests: Vec<ImportRequest> =
        (0..700).map(|n| ImportRequest { record: kind.person(n).encoded() }).collect();
    requests[3].record = None;
    requests[600].record = Person { birth_date: "1999-02-30".into(), gender: 50, ..kind.person(600) }.encoded();
    requests[601].record = Some(Bytes::from_static(b"\x1a\x02\xff\xff"));
    requests[602].record = Person { name: "nobody".into(), ..kind.person(602) }.encoded();
    requests[10].record = Some(with_email(kind, &kind.person(10), "same@campus.example"));
    requests[11].record = Some(with_email(kind, &kind.person(11), "same@campus.example"));
    let reply = client.import(tokio_stream::iter(requests)).await.unwrap();
    assert_eq!((reply.created_count, reply.rejected_count), (695, 5));
    let positions: Vec<_> = reply.rejections.iter().map(|r| (r.position, r.status.as_ref().unwrap().code)).collect();
    let (invalid, exists) = (Code::InvalidArgument as i32, Code::AlreadyExists as i32);
    assert_eq!(positions, [(3, invalid), (11, exists), (600, invalid), (601, invalid), (602, invalid)]);
    assert_eq!(reply.rejections[2].name, kind.name(600));
    let bad: Vec<ImportRequest> = (0..5000).map(|_| ImportRequest { record: None }).collect();
    let reply = client.import(tokio_stream::iter(bad)).await.unwrap();
    assert_eq!((reply.rejected_count, reply.rejections.len()), (5000, 100));
    assert!(reply.rejections.iter().enumerate().all(|(at, r)| usize::try_from(r.position) == Ok(at)));
}

async fn lookup_answers_every_name_in_order(client: Client) {
    let kind = client.kind;
    client.import_all((0..100).map(|n| kind.person(n)).collect()).await.unwrap();
    let asked = vec![kind.name(5), "nonsense".into(), kind.name(500), kind.name(5), kind.name(99)];
    let answers: Vec<_> =
        client.lookup(tokio_stream::iter(asked.clone())).await.unwrap().map(Result::unwrap).collect().await;
    assert_eq!(answers.iter().map(|a| a.name.clone()).collect::<Vec<_>>(), asked);
    let codes: Vec<_> = answers.iter().map(|a| a.error.as_ref().map_or(0, |status| status.code)).collect();
    assert_eq!(codes, [0, Code::InvalidArgument as i32, Code::NotFound as i32, 0, 0]);
    for answer in answers.iter().filter(|a| a.error.is_none()) {
        assert_eq!(Person::decode(answer.record.clone().unwrap()).unwrap().name, answer.name);
    }
    // Answers come while the stream of names is open.
    let (send, names) = tokio::sync::mpsc::channel(1);
    let mut answers = client.lookup(tokio_stream::wrappers::ReceiverStream::new(names)).await.unwrap();
    for n in 0..5 {
        send.send(kind.name(n)).await.unwrap();
        assert_eq!(answers.next().await.unwrap().unwrap().name, kind.name(n));
    }
    drop(send);
    assert!(answers.next().await.is_none());
}
