//! The contract of the standard methods, as one table of cases that every service is held to over a real connection.

use bytes::Bytes;
use campus_host::Part;
use campus_proto::standard::{
    BatchGetRequest, CreateRequest, DeleteRequest, GetRequest, ImportRequest, ListRequest, StreamRequest, UpdateRequest,
};
use campus_testkit::{Campus, Client, Kind, Person};
use prost::Message;
use prost_types::FieldMask;
use tokio_stream::StreamExt;
use tonic::{Code, Status};
use tonic_types::StatusExt;

pub(crate) const PARTS: [Part; 2] = [Part::of::<campus_employee::Employees>(), Part::of::<campus_student::Students>()];

macro_rules! contract {
    ($($case:ident)*) => {
        mod employees {
            $(#[tokio::test] async fn $case() { super::on(super::Kind::EMPLOYEE, async |client| super::$case(client).await).await })*
        }
        mod students {
            $(#[tokio::test] async fn $case() { super::on(super::Kind::STUDENT, async |client| super::$case(client).await).await })*
        }
    };
}

contract! {
    create_returns_the_record_with_what_the_server_sets
    create_chooses_an_id_when_none_is_given
    create_refuses_a_taken_id
    create_reports_every_violation_at_once
    create_is_harmless_to_repeat_with_its_request_id
    an_email_is_taken_once_whatever_its_case
    get_says_what_is_not_there_and_what_is_no_name
    a_read_mask_narrows_the_answer_and_refuses_unknown_fields
    batch_get_answers_in_the_order_of_the_names
    list_goes_through_all_pages_in_key_order
    list_filters_and_orders
    list_refuses_what_it_cannot_read
    update_changes_what_the_mask_names
    update_without_a_mask_changes_what_is_set
    update_minds_the_etag
    an_unchanged_update_changes_nothing
    update_can_create_what_is_missing
    unknown_fields_survive
    delete_removes_for_good
    stream_sends_all_in_key_order_and_resumes
    import_counts_what_it_did
    import_rejects_bad_records_alone
    lookup_answers_every_name_in_order
}

async fn on(kind: Kind, case: impl AsyncFnOnce(Client)) {
    let campus = Campus::start(&PARTS);
    case(Client::new(kind, campus.channel().await)).await;
    campus.stop();
}

fn mask(paths: &[&str]) -> Option<FieldMask> {
    Some(FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() })
}

/// The fields a status complains of.
pub(crate) fn violations(status: &Status) -> Vec<String> {
    let details = status.get_error_details();
    let bad = details.bad_request().unwrap_or_else(|| panic!("no BadRequest in {status:?}"));
    bad.field_violations.iter().map(|violation| violation.field.clone()).collect()
}

pub(crate) fn reason(status: &Status) -> String {
    status.get_error_details().error_info().map(|info| info.reason.clone()).unwrap_or_default()
}

fn with_email(kind: Kind, person: &Person, email: &str) -> Bytes {
    let mut record = person.encode_to_vec();
    prost::encoding::string::encode(kind.email, &email.to_owned(), &mut record);
    record.into()
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

async fn get_says_what_is_not_there_and_what_is_no_name(client: Client) {
    let status = client.get(client.kind.name("nobody")).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::NotFound, "RESOURCE_NOT_FOUND"));
    assert_eq!(status.get_error_details().resource_info().unwrap().resource_name, client.kind.name("nobody"));
    for name in ["", "nobody", "rooms/1", "employees/", "students/A", "employees/a/b", "students/1 "] {
        let status = client.get(name).await.unwrap_err();
        assert_eq!((status.code(), violations(&status)), (Code::InvalidArgument, vec!["name".to_owned()]), "{name:?}");
    }
}

async fn a_read_mask_narrows_the_answer_and_refuses_unknown_fields(client: Client) {
    let made = client.add("1", &client.kind.person(1)).await.unwrap();
    let get = |read_mask| GetRequest { name: made.name.clone(), read_mask };
    let narrow = client.get_with(get(mask(&["name", "family_name"]))).await.unwrap();
    assert_eq!(narrow, Person { name: made.name.clone(), family_name: made.family_name.clone(), ..Person::default() });
    assert_eq!(client.get_with(get(mask(&["*"]))).await.unwrap(), made);
    assert_eq!(client.get_with(get(mask(&[]))).await.unwrap(), made);
    let status = client.get_with(get(mask(&["famly_name"]))).await.unwrap_err();
    assert_eq!((status.code(), violations(&status)), (Code::InvalidArgument, vec!["read_mask".to_owned()]));
    assert!(
        status.message().contains("`famly_name`") && status.message().contains("`family_name`"),
        "{}",
        status.message()
    );
    let list = ListRequest { read_mask: mask(&["name"]), ..ListRequest::default() };
    assert_eq!(client.list(list).await.unwrap().0, [Person { name: made.name, ..Person::default() }]);
}

async fn batch_get_answers_in_the_order_of_the_names(client: Client) {
    let kind = client.kind;
    client.import_all((1..=3).map(|n| kind.person(n)).collect()).await.unwrap();
    let get = |names: Vec<String>| BatchGetRequest { names, read_mask: None };
    let found = client.batch_get(get(vec![kind.name(3), kind.name(1), kind.name(3)])).await.unwrap();
    assert_eq!(found.iter().map(|p| p.name.clone()).collect::<Vec<_>>(), [kind.name(3), kind.name(1), kind.name(3)]);
    let status = client.batch_get(get(vec![kind.name(1), kind.name(9)])).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    assert_eq!(status.get_error_details().resource_info().unwrap().resource_name, kind.name(9));
    let status = client.batch_get(get(vec![kind.name(1), "x".into(), "y".into()])).await.unwrap_err();
    assert_eq!(violations(&status), ["names[1]", "names[2]"]);
    assert_eq!(violations(&client.batch_get(get(vec![])).await.unwrap_err()), ["names"]);
    assert_eq!(violations(&client.batch_get(get(vec![kind.name(1); 1001])).await.unwrap_err()), ["names"]);
    assert_eq!(client.batch_get(get(vec![kind.name(1); 1000])).await.unwrap().len(), 1000);
}

async fn all_pages(client: &Client, request: ListRequest) -> Vec<String> {
    let (mut names, mut request) = (Vec::new(), request);
    loop {
        let (people, token) = client.list(request.clone()).await.unwrap();
        names.extend(people.into_iter().map(|person| person.name));
        if token.is_empty() {
            return names;
        }
        request.page_token = token;
    }
}

async fn list_goes_through_all_pages_in_key_order(client: Client) {
    let kind = client.kind;
    client.import_all((0..1105).map(|n| kind.person(n)).collect()).await.unwrap();
    let (people, token) = client.list(ListRequest::default()).await.unwrap();
    assert_eq!((people.len(), token.is_empty()), (50, false), "50 unless told otherwise");
    let (people, _) = client.list(ListRequest { page_size: 5000, ..ListRequest::default() }).await.unwrap();
    assert_eq!(people.len(), 1000, "never more than 1,000");
    let mut expected: Vec<String> = (0..1105).map(|n| kind.name(n)).collect();
    expected.sort();
    assert_eq!(all_pages(&client, ListRequest { page_size: 100, ..ListRequest::default() }).await, expected);
    let (people, token) = client
        .list(ListRequest { page_size: 1000, filter: format!("name = \"{}\"", kind.name(7)), ..ListRequest::default() })
        .await
        .unwrap();
    assert_eq!((people.len(), token.as_str()), (1, ""), "no token on the last page");
}

async fn list_filters_and_orders(client: Client) {
    let kind = client.kind;
    client.import_all((0..60).map(|n| kind.person(n)).collect()).await.unwrap();
    let request = |filter: &str, order_by: &str| ListRequest {
        filter: filter.into(),
        order_by: order_by.into(),
        page_size: 7,
        ..ListRequest::default()
    };
    let mut expected: Vec<Person> = (0..60).map(|n| kind.person(n)).filter(|p| p.family_name == "Family3").collect();
    expected.sort_by(|a, b| a.name.cmp(&b.name));
    let names = |people: &[Person]| people.iter().map(|p| p.name.clone()).collect::<Vec<_>>();
    assert_eq!(all_pages(&client, request("family_name = \"Family3\"", "")).await, names(&expected));
    let mut expected: Vec<Person> = (0..60).map(|n| kind.person(n)).collect();
    expected.sort_by(|a, b| {
        b.family_name.cmp(&a.family_name).then(a.birth_date.cmp(&b.birth_date)).then(a.name.cmp(&b.name))
    });
    assert_eq!(all_pages(&client, request("", "family_name desc, birth_date")).await, names(&expected));
    expected.retain(|p| *p.birth_date < *"1970-01-01" && p.gender == 1);
    let both = request("birth_date < \"1970-01-01\" AND gender = GENDER_FEMALE", "family_name desc, birth_date");
    assert_eq!(all_pages(&client, both).await, names(&expected));
}

async fn list_refuses_what_it_cannot_read(client: Client) {
    client.import_all((0..60).map(|n| client.kind.person(n)).collect()).await.unwrap();
    let list = ListRequest::default;
    let (_, token) = client.list(list()).await.unwrap();
    let cases = [
        (ListRequest { page_size: -1, ..list() }, "page_size"),
        (ListRequest { filter: "famly_name = x".into(), ..list() }, "filter"),
        (ListRequest { filter: "(".into(), ..list() }, "filter"),
        (ListRequest { order_by: "famly_name".into(), ..list() }, "order_by"),
        (ListRequest { page_token: "x".into(), ..list() }, "page_token"),
        (ListRequest { page_token: token.clone(), filter: "gender = GENDER_MALE".into(), ..list() }, "page_token"),
        (ListRequest { page_token: token, order_by: "family_name".into(), ..list() }, "page_token"),
        (ListRequest { read_mask: mask(&["x"]), ..list() }, "read_mask"),
    ];
    for (request, field) in cases {
        let status = client.list(request).await.unwrap_err();
        assert_eq!((status.code(), violations(&status)), (Code::InvalidArgument, vec![field.to_owned()]));
    }
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
