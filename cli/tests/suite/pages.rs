//! Pagination and streams while records are being written neither skip nor repeat a stable one.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use campus_proto::standard::{DeleteRequest, ListRequest, StreamRequest, UpdateRequest};
use campus_testkit::{Client, Kind, Person};
use tokio_stream::StreamExt;

use super::contract::PARTS;

/// Stable records have even numbers; the odd ones come and go while `read` runs.
async fn while_others_write(read: impl AsyncFn(&Client) -> Vec<String>) {
    let campus = super::ENGINE.start(&PARTS);
    let client = Client::new(Kind::EMPLOYEE, campus.channel().await);
    client.import_all((0..2000).step_by(2).map(|n| client.kind.person(n)).collect()).await.unwrap();
    let (done, writer) = (Arc::new(AtomicBool::new(false)), Client::new(Kind::EMPLOYEE, campus.channel().await));
    let writing = tokio::spawn({
        let done = done.clone();
        async move {
            let mut writes = 0_usize;
            while !done.load(Ordering::Relaxed) {
                let person = Person { given_name: format!("W{writes}"), ..writer.kind.person((writes * 2 + 1) % 2000) };
                let request = UpdateRequest { record: person.encoded(), allow_missing: true, update_mask: None };
                writer.update(request).await.unwrap();
                if writes % 3 == 2 {
                    let request = DeleteRequest { name: person.name, allow_missing: true, ..DeleteRequest::default() };
                    writer.delete(request).await.unwrap();
                }
                writes += 1;
            }
            writes
        }
    });
    let mut expected: Vec<String> = (0..2000).step_by(2).map(|n| client.kind.name(n)).collect();
    expected.sort();
    for _ in 0..5 {
        let seen = read(&client).await;
        let mut once = seen.clone();
        once.sort();
        once.dedup();
        assert_eq!(once.len(), seen.len(), "no record twice");
        let stable = |name: &&String| name.rsplit('/').next().unwrap().parse::<usize>().unwrap() % 2 == 0;
        assert_eq!(once.iter().filter(stable).collect::<Vec<_>>(), expected.iter().collect::<Vec<_>>());
    }
    done.store(true, Ordering::Relaxed);
    assert!(writing.await.unwrap() > 0, "there were writes meanwhile");
}

async fn pages(client: &Client, order_by: &str) -> Vec<String> {
    let (mut seen, mut request) =
        (Vec::new(), ListRequest { page_size: 37, order_by: order_by.into(), ..ListRequest::default() });
    loop {
        let (people, token) = client.list(request.clone()).await.unwrap();
        seen.extend(people.into_iter().map(|person| person.name));
        if token.is_empty() {
            return seen;
        }
        request.page_token = token;
    }
}

#[tokio::test]
async fn pages_in_key_order() {
    while_others_write(async |client| pages(client, "").await).await;
}

#[tokio::test]
async fn pages_in_another_order() {
    while_others_write(async |client| pages(client, "family_name desc, birth_date").await).await;
}

#[tokio::test]
async fn a_stream() {
    while_others_write(async |client| {
        let stream = client.stream(StreamRequest::default()).await.unwrap();
        stream.map(|person| person.unwrap().name).collect().await
    })
    .await;
}
