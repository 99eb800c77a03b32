//! Get, BatchGet and List.

use campus_proto::standard::{BatchGetRequest, GetRequest, ListRequest};
use campus_testkit::{Client, Person};
use tonic::Code;
use tonic_types::StatusExt;

use super::{contract, mask, reason, violations};

contract! {
    get_says_what_is_not_there_and_what_is_no_name
    a_read_mask_narrows_the_answer_and_refuses_unknown_fields
    batch_get_answers_in_the_order_of_the_names
    list_goes_through_all_pages_in_key_order
    list_filters_and_orders
    list_refuses_what_it_cannot_read
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
