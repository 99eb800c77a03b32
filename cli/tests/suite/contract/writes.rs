//! Create, Update and Delete.

use bytes::Bytes;
use campus_proto::standard::{CreateRequest, DeleteRequest, ListRequest, UpdateRequest};
use campus_testkit::{Client, Person};
use prost::Message;
use tonic::Code;
use tonic_types::StatusExt;

use super::{contract, mask, reason, violations, with_email};

contract! {
    create_returns_the_record_with_what_the_server_sets
    create_chooses_an_id_when_none_is_given
    create_refuses_a_taken_id
    create_reports_every_violation_at_once
    create_is_harmless_to_repeat_with_its_request_id
    an_email_is_taken_once_whatever_its_case
    update_changes_what_the_mask_names
    update_without_a_mask_changes_what_is_set
    update_minds_the_etag
    an_unchanged_update_changes_nothing
    update_can_create_what_is_missing
    unknown_fields_survive
    delete_removes_for_good
}

async fn create_returns_the_record_with_what_the_server_sets(client: Client) {
    let sent = Person { name: "ignored".into(), etag: "ignored".into(), ..client.kind.person(1) };
    let made = client.add("a-1", &sent).await.unwrap();
    assert_eq!(made.name, client.kind.name("a-1"));
    assert_eq!((made.given_name.as_str(), made.birth_date.as_str()), (&*sent.given_name, &*sent.birth_date));
    assert!(!made.etag.is_empty() && made.etag != "ignored");
    assert_eq!(client.get(&made.name).await.unwrap(), made);
}

async fn create_chooses_an_id_when_none_is_given(client: Client) {
    let (a, b) =
        (client.add("", &client.kind.person(1)).await.unwrap(), client.add("", &client.kind.person(1)).await.unwrap());
    assert_ne!(a.name, b.name);
    assert!(a.name.starts_with(client.kind.prefix));
    assert_eq!(client.get(&b.name).await.unwrap(), b);
}

async fn create_refuses_a_taken_id(client: Client) {
    let first = client.add("1", &client.kind.person(1)).await.unwrap();
    let status = client.add("1", &client.kind.person(2)).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::AlreadyExists, "RESOURCE_EXISTS"));
    assert_eq!(status.get_error_details().resource_info().unwrap().resource_name, first.name);
    assert_eq!(client.get(&first.name).await.unwrap(), first, "the first one is as it was");
}

async fn create_reports_every_violation_at_once(client: Client) {
    let field = client.kind.field;
    let bad =
        Person { given_name: "\u{7}".into(), birth_date: "1990-02-30".into(), gender: 44, ..client.kind.person(1) };
    let request = CreateRequest { record: bad.encoded(), id: "No".into(), request_id: "x".into() };
    let status = client.create(request).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    let mut fields = violations(&status);
    fields.sort();
    let mut expected = vec![
        format!("{field}.birth_date"),
        format!("{field}.gender"),
        format!("{field}.given_name"),
        format!("{field}_id"),
        "request_id".to_owned(),
    ];
    expected.sort();
    assert_eq!(fields, expected);
    let status = client.create(CreateRequest::default()).await.unwrap_err();
    assert_eq!((status.code(), violations(&status)), (Code::InvalidArgument, vec![field.to_owned()]));
    let half = CreateRequest { record: Some(Bytes::from_static(b"\x1a\x05abc")), ..CreateRequest::default() };
    assert_eq!(client.create(half).await.unwrap_err().code(), Code::InvalidArgument, "cut short");
    let binary = CreateRequest { record: Some(Bytes::from_static(b"\x1a\x02\xff\xfe")), ..CreateRequest::default() };
    assert_eq!(violations(&client.create(binary).await.unwrap_err()), [format!("{field}.given_name")], "not UTF-8");
    assert_eq!(client.list(ListRequest::default()).await.unwrap().0, [], "nothing was written");
}

async fn create_is_harmless_to_repeat_with_its_request_id(client: Client) {
    let request = |person: Person, id: &str| CreateRequest {
        record: person.encoded(),
        id: id.into(),
        request_id: "3f2b1c6e-8a51-4d0e-9a51-0c6d1f0a7b11".into(),
    };
    let person = client.kind.person(1);
    let first = client.create(request(person.clone(), "")).await.unwrap();
    assert_eq!(client.create(request(person.clone(), "")).await.unwrap(), first);
    let status = client.create(request(client.kind.person(2), "")).await.unwrap_err();
    assert_eq!((status.code(), violations(&status)), (Code::InvalidArgument, vec!["request_id".to_owned()]));
    let status = client.create(request(person, "other-id")).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument, "the id is part of the request");
    assert_eq!(client.list(ListRequest::default()).await.unwrap().0.len(), 1);
}

async fn an_email_is_taken_once_whatever_its_case(client: Client) {
    let kind = client.kind;
    let request = |id: &str, email: &str| CreateRequest {
        record: Some(with_email(kind, &kind.person(1), email)),
        id: id.into(),
        request_id: String::new(),
    };
    client.create(request("1", "ada@campus.example")).await.unwrap();
    let status = client.create(request("2", "Ada@Campus.example")).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::AlreadyExists, "VALUE_TAKEN"));
    assert_eq!(status.get_error_details().error_info().unwrap().metadata["field"], format!("{}.email", kind.field));
    assert!(!status.message().to_lowercase().contains("ada@"), "an address is personal: {}", status.message());
    client.add("3", &kind.person(3)).await.unwrap();
    client.add("4", &kind.person(4)).await.unwrap();
    let take = UpdateRequest {
        record: Some(with_email(kind, &kind.person(3), "ada@campus.example")),
        ..UpdateRequest::default()
    };
    assert_eq!(reason(&client.update(take).await.unwrap_err()), "VALUE_TAKEN");
}

async fn update_changes_what_the_mask_names(client: Client) {
    let made = client.add("1", &client.kind.person(1)).await.unwrap();
    let patch = Person { name: made.name.clone(), given_name: "New".into(), ..Person::default() };
    let update =
        |paths: &[&str]| UpdateRequest { record: patch.encoded(), update_mask: mask(paths), allow_missing: false };
    let changed = client.update(update(&["given_name", "birth_date"])).await.unwrap();
    assert_eq!((changed.given_name.as_str(), changed.birth_date.as_str()), ("New", ""), "masked and unset is cleared");
    assert_eq!(changed.family_name, made.family_name);
    assert_ne!(changed.etag, made.etag);
    assert_eq!(client.get(&made.name).await.unwrap(), changed);
    let status = client.update(update(&["given_nam"])).await.unwrap_err();
    assert_eq!(violations(&status), ["update_mask"]);
    assert!(status.message().contains("`given_name`"), "{}", status.message());
    let ignored = client.update(update(&["create_time", "etag", "name"])).await.unwrap();
    assert_eq!(ignored, changed, "what the server sets is the server's");
    let bad = Person { gender: 77, ..patch.clone() };
    let bad = UpdateRequest { record: bad.encoded(), update_mask: mask(&["gender"]), allow_missing: false };
    assert_eq!(violations(&client.update(bad).await.unwrap_err()), [format!("{}.gender", client.kind.field)]);
    assert_eq!(client.get(&made.name).await.unwrap(), changed);
}

async fn update_without_a_mask_changes_what_is_set(client: Client) {
    let made = client.add("1", &client.kind.person(1)).await.unwrap();
    let patch = Person { name: made.name.clone(), given_name: "New".into(), ..Person::default() };
    let request = UpdateRequest { record: patch.encoded(), ..UpdateRequest::default() };
    let changed = client.update(request.clone()).await.unwrap();
    assert_eq!(changed, Person { given_name: "New".into(), etag: changed.etag.clone(), ..made.clone() });
    let whole = Person { family_name: "Only".into(), ..patch };
    let request = UpdateRequest { record: whole.encoded(), update_mask: mask(&["*"]), allow_missing: false };
    let replaced = client.update(request).await.unwrap();
    assert_eq!(replaced, Person { etag: replaced.etag.clone(), ..whole }, "`*` clears what is not set");
}

async fn update_minds_the_etag(client: Client) {
    let made = client.add("1", &client.kind.person(1)).await.unwrap();
    let update = |etag: &str, given_name: &str| UpdateRequest {
        record: Person {
            name: made.name.clone(),
            etag: etag.into(),
            given_name: given_name.into(),
            ..Person::default()
        }
        .encoded(),
        ..UpdateRequest::default()
    };
    let second = client.update(update(&made.etag, "Second")).await.unwrap();
    for stale in [made.etag.as_str(), "nonsense", "0000000000000000"] {
        let status = client.update(update(stale, "Third")).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::Aborted, "ETAG_MISMATCH"), "{stale}");
        assert_eq!(status.get_error_details().error_info().unwrap().metadata["etag"], second.etag);
    }
    assert_eq!(client.get(&made.name).await.unwrap(), second);
}

async fn an_unchanged_update_changes_nothing(client: Client) {
    let made = client.add("1", &client.kind.person(1)).await.unwrap();
    let same =
        UpdateRequest { record: client.kind.person(1).encoded(), update_mask: mask(&["*"]), allow_missing: false };
    assert_eq!(client.update(same.clone()).await.unwrap(), made);
    assert_eq!(client.update(same).await.unwrap().etag, made.etag);
}

async fn update_can_create_what_is_missing(client: Client) {
    let person = client.kind.person(1);
    let request =
        |allow_missing| UpdateRequest { record: person.encoded(), update_mask: mask(&["gender"]), allow_missing };
    assert_eq!(client.update(request(false)).await.unwrap_err().code(), Code::NotFound);
    let made = client.update(request(true)).await.unwrap();
    assert_eq!(made.given_name, person.given_name, "the mask is ignored then");
    assert_eq!(client.get(&person.name).await.unwrap(), made);
}

async fn unknown_fields_survive(client: Client) {
    let mut record = client.kind.person(1).encode_to_vec();
    prost::encoding::string::encode(900, &"from a newer client".to_owned(), &mut record);
    let request = CreateRequest { record: Some(record.into()), id: "1".into(), request_id: String::new() };
    client.create(request).await.unwrap();
    let change = Person { name: client.kind.name(1), given_name: "New".into(), ..Person::default() };
    client.update(UpdateRequest { record: change.encoded(), ..UpdateRequest::default() }).await.unwrap();

    #[derive(Clone, PartialEq, Message)]
    struct Newer {
        #[prost(string, tag = "3")]
        given_name: String,
        #[prost(string, tag = "900")]
        extra: String,
    }
    let (_, raw) = client.list_raw().await;
    let newer = Newer::decode(raw).unwrap();
    assert_eq!((newer.given_name.as_str(), newer.extra.as_str()), ("New", "from a newer client"));
}

async fn delete_removes_for_good(client: Client) {
    let made = client.add("1", &client.kind.person(1)).await.unwrap();
    let delete =
        |etag: &str, allow_missing| DeleteRequest { name: made.name.clone(), etag: etag.into(), allow_missing };
    let status = client.delete(delete("0000000000000001", false)).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Aborted, "ETAG_MISMATCH"));
    client.delete(delete(&made.etag, false)).await.unwrap();
    assert_eq!(client.get(&made.name).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(client.delete(delete("", false)).await.unwrap_err().code(), Code::NotFound);
    client.delete(delete("", true)).await.unwrap();
    let again = client.add("1", &client.kind.person(1)).await.unwrap();
    assert_ne!(again.etag, made.etag, "a record of the same name is another record");
}
