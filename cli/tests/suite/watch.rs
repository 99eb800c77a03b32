//! Watch: each change once, in order, from every token.

use std::collections::BTreeMap;

use campus_proto::standard::{ChangeType, DeleteRequest, UpdateRequest, WatchRequest, WatchResponse};
use campus_testkit::{Campus, Client, Kind, Person, within};
use prost::Message;
use tonic::{Code, Streaming};

use super::contract::{PARTS, reason, violations};

fn person(step: &WatchResponse) -> Person {
    Person::decode(step.record.clone().unwrap_or_default()).unwrap()
}

async fn next(watch: &mut Streaming<WatchResponse>) -> WatchResponse {
    within("the next step of a watch", watch.message()).await.unwrap().expect("a watch does not end by itself")
}

/// Begins a watch and takes its first mark.
async fn begin(client: &Client, resume_token: &str, filter: &str) -> Streaming<WatchResponse> {
    let request = WatchRequest { resume_token: resume_token.into(), filter: filter.into() };
    let mut watch = client.watch(request).await.unwrap();
    let mark = next(&mut watch).await;
    assert_eq!((mark.change_type(), mark.record), (ChangeType::Unspecified, None), "the first step is a mark");
    assert!(!mark.resume_token.is_empty() && mark.change_time.is_some());
    watch
}

async fn campus(kind: Kind) -> (Campus, Client) {
    let campus = super::ENGINE.start(&PARTS);
    let client = Client::new(kind, campus.channel().await);
    (campus, client)
}

#[tokio::test]
async fn a_watch_tells_what_was_made_changed_and_removed() {
    let (_campus, client) = campus(Kind::STUDENT).await;
    client.add("before", &client.kind.person(1)).await.unwrap();
    let mut watch = begin(&client, "", "").await;
    let made = client.add("1", &client.kind.person(1)).await.unwrap();
    let patch = Person { name: made.name.clone(), given_name: "New".into(), ..Person::default() };
    let update = UpdateRequest { record: patch.encoded(), ..UpdateRequest::default() };
    let changed = client.update(update.clone()).await.unwrap();
    client.update(update).await.unwrap();
    client.delete(DeleteRequest { name: made.name.clone(), ..DeleteRequest::default() }).await.unwrap();
    let steps = [next(&mut watch).await, next(&mut watch).await, next(&mut watch).await];
    assert_eq!(
        steps.each_ref().map(WatchResponse::change_type),
        [ChangeType::Created, ChangeType::Updated, ChangeType::Deleted]
    );
    assert_eq!(person(&steps[0]), made, "as the change left it, not as it is now");
    assert_eq!(person(&steps[1]), changed, "the update that changed nothing is no change");
    assert_eq!(person(&steps[2]), Person { name: made.name, ..Person::default() }, "only the name");
}

#[tokio::test]
async fn a_filtered_watch_sees_records_enter_and_leave() {
    let (_campus, client) = campus(Kind::EMPLOYEE).await;
    let mut watch = begin(&client, "", "family_name = In").await;
    let named = |family_name: &str| Person { family_name: family_name.into(), ..client.kind.person(1) };
    let update = |family_name: &str| UpdateRequest { record: named(family_name).encoded(), ..UpdateRequest::default() };
    client.add("1", &named("Out")).await.unwrap();
    client.update(update("In")).await.unwrap();
    client.update(update("Out")).await.unwrap();
    client.update(update("Further")).await.unwrap();
    client.add("2", &named("In")).await.unwrap();
    let mut seen = Vec::new();
    for _ in 0..3 {
        let step = next(&mut watch).await;
        seen.push((step.change_type(), person(&step).name));
    }
    let (one, two) = (client.kind.name(1), client.kind.name(2));
    assert_eq!(seen, [(ChangeType::Updated, one.clone()), (ChangeType::Deleted, one), (ChangeType::Created, two)]);
}

/// Writes from many tasks at once; returns when all are done.
async fn write_much(client: &Client, writers: usize, each: usize) {
    let tasks = (0..writers).map(|writer| {
        let client = client.clone();
        tokio::spawn(async move {
            for round in 0..each {
                let id = format!("{writer}-{}", round % 5);
                let name = client.kind.name(&id);
                let person = Person { name: name.clone(), given_name: format!("G{round}"), ..client.kind.person(1) };
                match round % 10 {
                    9 => {
                        let request = DeleteRequest { name, allow_missing: true, ..DeleteRequest::default() };
                        client.delete(request).await.unwrap();
                    }
                    _ => {
                        let request =
                            UpdateRequest { record: person.encoded(), allow_missing: true, update_mask: None };
                        client.update(request).await.unwrap();
                    }
                }
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
}

#[tokio::test]
async fn under_many_writers_each_change_comes_once_and_rebuilds_the_records() {
    let (_campus, client) = campus(Kind::EMPLOYEE).await;
    let mut watch = begin(&client, "", "").await;
    let writing = tokio::spawn({
        let client = client.clone();
        async move {
            write_much(&client, 16, 60).await;
            client.add("the-end", &client.kind.person(1)).await.unwrap();
        }
    });
    let (mut copy, mut steps) = (BTreeMap::new(), Vec::new());
    loop {
        let step = next(&mut watch).await;
        let record = person(&step);
        let before = match step.change_type() {
            ChangeType::Deleted => copy.remove(&record.name),
            _ => copy.insert(record.name.clone(), record.clone()),
        };
        let fits = match step.change_type() {
            ChangeType::Created => before.is_none(),
            ChangeType::Updated => before.is_some_and(|before| before.etag != record.etag),
            ChangeType::Deleted => before.is_some(),
            ChangeType::Unspecified => true,
        };
        assert!(fits, "{:?} of {} does not follow from what came before", step.change_type(), record.name);
        let ended = record.name.ends_with("the-end");
        steps.push(step);
        if ended {
            break;
        }
    }
    writing.await.unwrap();
    let stored =
        client.list(campus_proto::standard::ListRequest { page_size: 1000, ..Default::default() }).await.unwrap().0;
    assert_eq!(stored, copy.into_values().collect::<Vec<_>>(), "the copy is what is stored");

    // From every token, what follows is exactly what followed.
    for at in (0..steps.len() - 1).step_by(37) {
        let mut resumed = begin(&client, &steps[at].resume_token, "").await;
        for expected in steps.iter().skip(at + 1).take(40) {
            let step = next(&mut resumed).await;
            assert_eq!((step.resume_token, step.record), (expected.resume_token.clone(), expected.record.clone()));
        }
    }
}

#[tokio::test]
async fn a_watch_goes_on_over_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let campus = Campus::start_in(dir.path(), &PARTS, |settings| super::ENGINE.set(settings));
    let client = Client::new(Kind::EMPLOYEE, campus.channel().await);
    let mut watch = begin(&client, "", "").await;
    client.add("1", &client.kind.person(1)).await.unwrap();
    let token = next(&mut watch).await.resume_token;
    client.add("2", &client.kind.person(2)).await.unwrap();
    campus.stop();
    let campus = Campus::start_in(dir.path(), &PARTS, |settings| super::ENGINE.set(settings));
    let client = Client::new(Kind::EMPLOYEE, campus.channel().await);
    client.add("3", &client.kind.person(3)).await.unwrap();
    let mut watch = begin(&client, &token, "").await;
    assert_eq!(person(&next(&mut watch).await).name, client.kind.name(2));
    assert_eq!(person(&next(&mut watch).await).name, client.kind.name(3));
}

#[tokio::test]
async fn a_stopping_server_ends_its_watches_at_once_with_unavailable() {
    let (mut campus, client) = campus(Kind::EMPLOYEE).await;
    let mut watch = begin(&client, "", "").await;
    campus.begin_stop();
    let status = within("the end of the watch", watch.message()).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "STOPPING"));
}

#[tokio::test]
async fn a_token_that_leads_nowhere_is_refused() {
    let (_campus, client) = campus(Kind::EMPLOYEE).await;
    let watch = async |client: &Client, token: &str| {
        let request = WatchRequest { resume_token: token.into(), filter: String::new() };
        client.watch(request).await.unwrap_err()
    };
    let status = watch(&client, "nonsense").await;
    assert_eq!((status.code(), violations(&status)), (Code::InvalidArgument, vec!["resume_token".to_owned()]));
    let (_other, elsewhere) = campus(Kind::EMPLOYEE).await;
    let mut stream = elsewhere.watch(WatchRequest::default()).await.unwrap();
    let foreign = next(&mut stream).await.resume_token;
    let status = watch(&client, &foreign).await;
    assert_eq!((status.code(), reason(&status).as_str()), (Code::OutOfRange, "RESUME_TOKEN_EXPIRED"));
}

#[tokio::test]
async fn changes_that_are_no_longer_kept_are_out_of_range() {
    let campus = Campus::start_with(&PARTS, |settings| {
        super::ENGINE.set(settings);
        settings.store.max_changes = 10;
    });
    let client = Client::new(Kind::EMPLOYEE, campus.channel().await);
    let mut watch = client.watch(WatchRequest::default()).await.unwrap();
    let old = next(&mut watch).await.resume_token;
    drop(watch);
    client.import_all((0..500).map(|n| client.kind.person(n)).collect()).await.unwrap();
    let status = campus_testkit::eventually("the log is shortened", async || {
        let request = WatchRequest { resume_token: old.clone(), filter: String::new() };
        match client.watch(request).await {
            Err(status) => Some(status),
            Ok(mut stream) => {
                next(&mut stream).await;
                within("a step or an end", stream.message()).await.err()
            }
        }
    });
    let status = status.await;
    assert_eq!((status.code(), reason(&status).as_str()), (Code::OutOfRange, "RESUME_TOKEN_EXPIRED"));
}
