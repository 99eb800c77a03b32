//! Contents of records appear in no log, span, metric or error of the server's own.

use super::collector::{Collector, Manner};
use campus_proto::standard::{
    BatchGetRequest, CreateRequest, DeleteRequest, GetRequest, ListRequest, StreamRequest, UpdateRequest, WatchRequest,
};
use campus_testkit::{Client, Kind, Person, Process, admin_get, flags, within};
use std::{fs, process::Command};
use tokio_stream::StreamExt;

/// In no word of any language.
const MARKER: &str = "Zzyzx-Marker-Person";

fn marked(kind: Kind, number: usize) -> Person {
    Person { given_name: MARKER.to_owned(), family_name: MARKER.to_owned(), ..kind.person(number) }
}

/// Every method, well and badly asked, with the marker wherever a request has room for it.
async fn say_it_everywhere(client: &Client) {
    let kind = client.kind;
    let person = marked(kind, 1);
    let filters = [format!("given_name = \"{MARKER}\""), format!("{MARKER} = 1"), format!("given_name = {MARKER} \"")];
    let created = client.add("1", &person).await.unwrap();
    drop(client.add("1", &person).await.unwrap_err());
    drop(client.add(MARKER, &person).await);
    drop(
        client
            .create(CreateRequest {
                record: Some(MARKER.as_bytes().to_vec().into()),
                id: "9".into(),
                ..CreateRequest::default()
            })
            .await
            .unwrap_err(),
    );
    let wrong = Person { birth_date: MARKER.to_owned(), etag: MARKER.to_owned(), gender: 99, ..person.clone() };
    drop(client.add("2", &wrong).await.unwrap_err());
    drop(client.get(kind.name("1")).await.unwrap());
    drop(client.get(kind.name(MARKER)).await.unwrap_err());
    let mask = Some(prost_types::FieldMask { paths: vec![MARKER.to_owned()] });
    drop(client.get_with(GetRequest { name: kind.name("1"), read_mask: mask.clone() }).await.unwrap_err());
    drop(
        client
            .batch_get(BatchGetRequest { names: vec![MARKER.to_owned()], ..BatchGetRequest::default() })
            .await
            .unwrap_err(),
    );
    for filter in filters {
        drop(client.list(ListRequest { filter: filter.clone(), ..ListRequest::default() }).await);
        drop(
            client
                .list(ListRequest {
                    filter,
                    order_by: MARKER.to_owned(),
                    page_token: MARKER.to_owned(),
                    ..ListRequest::default()
                })
                .await
                .unwrap_err(),
        );
    }
    let stream = StreamRequest { filter: format!("family_name = \"{MARKER}\""), ..StreamRequest::default() };
    let all: Vec<_> = client.stream(stream).await.unwrap().collect().await;
    assert!(!all.is_empty());
    let mut watch = client.watch(WatchRequest::default()).await.unwrap();
    within("the watch", watch.next()).await.unwrap().unwrap();
    let change = Person { family_name: format!("{MARKER}-2"), ..created.clone() };
    let update = UpdateRequest { record: change.encoded(), ..UpdateRequest::default() };
    drop(client.update(update.clone()).await.unwrap());
    drop(client.update(update).await);
    drop(
        client.update(UpdateRequest { record: change.encoded(), update_mask: mask, ..UpdateRequest::default() }).await,
    );
    within("the change", watch.next()).await.unwrap().unwrap();
    drop(client.watch(WatchRequest { resume_token: MARKER.to_owned(), ..WatchRequest::default() }).await);
    let import = vec![marked(kind, 5), wrong.clone(), Person { name: format!("{MARKER}/5"), ..person }];
    client.import_all(import).await.unwrap();
    let names = tokio_stream::iter([kind.name("5"), MARKER.to_owned()]);
    let found: Vec<_> = client.lookup(names).await.unwrap().collect().await;
    assert!(!found.is_empty());
    drop(client.delete(DeleteRequest { name: kind.name(MARKER), ..DeleteRequest::default() }).await.unwrap_err());
    client.delete(DeleteRequest { name: kind.name("1"), ..DeleteRequest::default() }).await.unwrap();
}

#[tokio::test]
async fn a_name_that_is_said_everywhere_is_found_nowhere() {
    let collector = Collector::start(Manner::Takes);
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("stdout");
    let mut command = Command::new("sh");
    command.args(["-c", "exec \"$0\" serve \"$@\" >\"$OUT\"", env!("CARGO_BIN_EXE_campus")]).args(flags(dir.path()));
    command.env("OUT", &out).env("CAMPUS__SERVER__DRAIN_DELAY", "0s");
    command.env("CAMPUS__LOG__LEVEL", "trace").env("CAMPUS__LOG__FORMAT", "json");
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{}", collector.address));
    let process = Process::start(&mut command);
    for kind in [Kind::EMPLOYEE, Kind::STUDENT] {
        say_it_everywhere(&Client::new(kind, process.channel().await)).await;
    }
    let (_, page) = admin_get(process.admin, "/metrics").await;
    let log = process.stop().log;
    let got = collector.got();
    assert!(log.len() > 100 && got.spans.len() > 40 && !got.metrics.is_empty(), "there is something to search");
    let marker = MARKER.to_ascii_lowercase();
    let said = |text: &str| text.to_ascii_lowercase().contains(&marker);
    assert!(
        !said(&String::from_utf8_lossy(&got.bytes)),
        "by OTLP: {:?}",
        got.spans.iter().find(|span| said(&format!("{span:?}")))
    );
    assert_eq!(log.iter().find(|line| said(line)), None, "in the log");
    assert!(!said(&page), "on the metrics page");
    assert!(!said(&fs::read_to_string(out).unwrap()), "on stdout");
}
