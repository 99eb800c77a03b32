//! Many who do nothing wrong, all at once.

use std::collections::HashMap;

use campus_host::Settings;
use campus_proto::standard::{ChangeType, StreamRequest, WatchRequest};
use campus_testkit::{Client, Person, within};
use prost::Message;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::{KINDS, Scene, scene, scene_with, told};

const WRITERS: usize = 1000;
const CONNECTIONS: usize = 16;

/// Creates from all writers at once: what became of each, by name.
async fn write_at_once(scene: &Scene) -> Vec<(String, Result<Person, Status>)> {
    let mut clients = Vec::new();
    for at in 0..CONNECTIONS {
        clients.push(Client::new(KINDS[at % KINDS.len()], scene.campus.channel().await));
    }
    let writers = (0..WRITERS).map(|writer| {
        let client = clients[writer % CONNECTIONS].clone();
        let id = format!("w{writer}");
        tokio::spawn(async move { (client.kind.name(&id), client.add(&id, &client.kind.person(writer)).await) })
    });
    let writers: Vec<_> = writers.collect();
    let mut outcomes = Vec::new();
    for writer in writers {
        outcomes.push(within("a writer", writer).await.unwrap());
    }
    outcomes
}

/// Everything that is there, by name.
async fn stored(scene: &Scene) -> HashMap<String, Person> {
    let mut all = HashMap::new();
    for client in &scene.neighbours {
        let mut records = client.stream(StreamRequest::default()).await.unwrap();
        while let Some(record) = records.message().await.unwrap() {
            all.insert(record.name.clone(), record);
        }
    }
    all
}

#[tokio::test]
async fn a_thousand_writers_at_once_all_succeed() {
    scene(async |scene| {
        let outcomes = write_at_once(scene).await;
        let stored = stored(scene).await;
        for (name, outcome) in outcomes {
            assert_eq!(stored.get(&name), Some(&outcome.unwrap()));
        }
    })
    .await;
}

#[tokio::test]
async fn writers_beyond_the_queue_are_told_when_to_try_again_and_leave_nothing() {
    scene_with(
        |settings: &mut Settings| settings.store.queue = 16,
        async |scene| {
            let outcomes = write_at_once(scene).await;
            let (stored, mut refused) = (stored(scene).await, 0);
            for (name, outcome) in outcomes {
                match outcome {
                    Ok(made) => assert_eq!(stored.get(&name), Some(&made), "what was acknowledged is there"),
                    Err(status) => {
                        assert_eq!(told(&status), (Code::ResourceExhausted, "WRITE_QUEUE_FULL".to_owned()));
                        let wait = status.get_error_details().retry_info().and_then(|info| info.retry_delay);
                        assert!(wait.is_some_and(|wait| !wait.is_zero()), "{status:?}");
                        assert_eq!(stored.get(&name), None, "what was refused was not done");
                        refused += 1;
                    }
                }
            }
            assert!(refused > 0, "the queue was never full: the test shows nothing");
        },
    )
    .await;
}

#[tokio::test]
async fn two_hundred_watches_each_see_every_write() {
    const WATCHES: usize = 200;
    const WRITES: usize = 200;
    scene(async |scene| {
        let mut watches = Vec::new();
        for at in 0..WATCHES {
            let client = &scene.neighbours[at % KINDS.len()];
            let mut watch = client.watch(WatchRequest::default()).await.unwrap();
            let mark = watch.message().await.unwrap().unwrap();
            assert_eq!(mark.change_type(), ChangeType::Unspecified);
            watches.push(tokio::spawn(async move {
                let mut seen = Vec::new();
                while seen.len() < WRITES {
                    let change = within("a change", watch.message()).await.unwrap().unwrap();
                    if change.change_type() == ChangeType::Created {
                        seen.push(Person::decode(change.record.unwrap()).unwrap());
                    }
                }
                seen
            }));
        }
        let mut made = Vec::new();
        for client in &scene.neighbours {
            let writes = (0..WRITES).map(|n| {
                let client = client.clone();
                tokio::spawn(async move { client.add(&format!("seen-{n}"), &client.kind.person(n)).await.unwrap() })
            });
            let mut written = Vec::new();
            for write in writes.collect::<Vec<_>>() {
                written.push(within("a write", write).await.unwrap());
            }
            written.sort_by(|a, b| a.name.cmp(&b.name));
            made.push(written);
        }
        let mut orders: Vec<Option<Vec<Person>>> = vec![None; KINDS.len()];
        for (at, watch) in watches.into_iter().enumerate() {
            let seen = within("a watch", watch).await.unwrap();
            let order = orders[at % KINDS.len()].get_or_insert_with(|| seen.clone());
            assert!(*order == seen, "every watch sees the same order");
            let mut sorted = seen;
            sorted.sort_by(|a, b| a.name.cmp(&b.name));
            assert!(sorted == made[at % KINDS.len()], "each write once, as it was acknowledged");
        }
    })
    .await;
}
