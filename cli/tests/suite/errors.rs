//! What callers are told when a call fails, word by word.

use std::fmt::Write;

use campus_proto::standard::{
    BatchGetRequest, CreateRequest, DeleteRequest, GetRequest, ListRequest, StreamRequest, UpdateRequest, WatchRequest,
};
use campus_testkit::{Campus, Client, Kind, Person};
use tonic::Status;
use tonic_types::StatusExt;

use crate::{
    contract::{PARTS, mask},
    golden::assert_golden,
};

#[tokio::test]
async fn error_bodies_are_those_on_file() {
    let campus = Campus::start(&PARTS);
    for kind in [Kind::EMPLOYEE, Kind::STUDENT] {
        let client = Client::new(kind, campus.channel().await);
        assert_golden(&format!("errors/{}.txt", kind.field), &bodies(&client).await);
    }
}

async fn bodies(client: &Client) -> String {
    let kind = client.kind;
    let made = client.add("1", &kind.person(1)).await.unwrap();
    let bad = Person { given_name: "\u{7}".into(), birth_date: "2023-02-29".into(), gender: 9, ..kind.person(2) };
    let create = |record: &Person, id: &str, request_id: &str| CreateRequest {
        record: record.encoded(),
        id: id.into(),
        request_id: request_id.into(),
    };
    let uuid = "0c6d1f0a-7b11-4d0e-9a51-3f2b1c6e8a51";
    client.create(create(&kind.person(2), "", uuid)).await.unwrap();
    let stale = Person { etag: "0000000000000001".into(), ..kind.person(1) };
    let update = |person: &Person| UpdateRequest { record: person.encoded(), ..UpdateRequest::default() };
    let list = |change: fn(&mut ListRequest)| {
        let mut request = ListRequest::default();
        change(&mut request);
        request
    };
    let mut out = String::new();
    let mut tell = |what: &str, status: Status| {
        writeln!(out, "{what}\n{}", body(&status).replace(&made.etag, "ETAG")).unwrap();
    };
    tell("Get, unknown", client.get(kind.name("nobody")).await.unwrap_err());
    tell("Get, no name", client.get("nobody").await.unwrap_err());
    let read = GetRequest { name: made.name.clone(), read_mask: mask(&["famly_name"]) };
    tell("Get, unknown field in the mask", client.get_with(read).await.unwrap_err());
    let names = vec![kind.name(1), "x".into()];
    tell("BatchGet, no name", client.batch_get(BatchGetRequest { names, read_mask: None }).await.unwrap_err());
    tell("Create, nothing", client.create(CreateRequest::default()).await.unwrap_err());
    tell("Create, everything wrong", client.create(create(&bad, "No", "no")).await.unwrap_err());
    tell("Create, taken", client.add("1", &kind.person(1)).await.unwrap_err());
    tell("Create, request id of another", client.create(create(&kind.person(3), "", uuid)).await.unwrap_err());
    tell("Update, unknown", client.update(update(&kind.person(7))).await.unwrap_err());
    tell("Update, changed since", client.update(update(&stale)).await.unwrap_err());
    let delete = DeleteRequest { name: kind.name("nobody"), ..DeleteRequest::default() };
    tell("Delete, unknown", client.delete(delete).await.unwrap_err());
    tell("List, size", client.list(list(|request| request.page_size = -1)).await.unwrap_err());
    tell("List, token", client.list(list(|request| request.page_token = "x".into())).await.unwrap_err());
    tell("List, filter", client.list(list(|request| request.filter = "gender = M".into())).await.unwrap_err());
    tell("List, order", client.list(list(|request| request.order_by = "family_name up".into())).await.unwrap_err());
    let stream = StreamRequest { after: "x".into(), ..StreamRequest::default() };
    tell("Stream, after", client.stream(stream).await.unwrap_err());
    let watch = WatchRequest { resume_token: "x".into(), filter: String::new() };
    tell("Watch, token", client.watch(watch).await.unwrap_err());
    out
}

fn body(status: &Status) -> String {
    let details = status.get_error_details();
    let mut out = format!("  {:?}: {}\n", status.code(), status.message());
    if let Some(info) = details.error_info() {
        let mut metadata: Vec<_> = info.metadata.iter().map(|(key, value)| format!(" {key}={value}")).collect();
        metadata.sort();
        writeln!(out, "  ErrorInfo {} {}{}", info.domain, info.reason, metadata.concat()).unwrap();
    }
    for violation in details.bad_request().iter().flat_map(|bad| &bad.field_violations) {
        writeln!(out, "  BadRequest {}: {}", violation.field, violation.description).unwrap();
    }
    if let Some(resource) = details.resource_info() {
        writeln!(out, "  ResourceInfo {} {}", resource.resource_type, resource.resource_name).unwrap();
    }
    if let Some(delay) = details.retry_info().and_then(|retry| retry.retry_delay) {
        writeln!(out, "  RetryInfo {delay:?}").unwrap();
    }
    out
}
