//! Random sequences of operations on the real service, beside a model in memory: both must answer alike.

use std::collections::BTreeMap;

use campus_proto::standard::{BatchGetRequest, DeleteRequest, ListRequest, UpdateRequest};
use campus_testkit::{Client, Kind, Person};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use prost_types::FieldMask;
use tonic::Code;

use super::contract::PARTS;

/// Few ids, so that operations meet.
const IDS: usize = 6;

#[derive(Debug, Clone)]
enum Step {
    Create { id: usize, given: String },
    Get { id: usize },
    Update { id: usize, given: String, family: String, mask: Vec<&'static str>, etag: Etag, allow_missing: bool },
    Delete { id: usize, etag: Etag, allow_missing: bool },
    Import { records: Vec<(usize, String)> },
    BatchGet { ids: Vec<usize> },
    List { page_size: i32 },
}

#[derive(Debug, Clone, Copy)]
enum Etag {
    None,
    Current,
    Wrong,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let id = || 0..IDS;
    let word = || "[A-C]{1,2}";
    let etag = || prop_oneof![3 => Just(Etag::None), 2 => Just(Etag::Current), 1 => Just(Etag::Wrong)];
    let mask = proptest::sample::subsequence(vec!["given_name", "family_name", "birth_date"], 0..=3);
    let step = prop_oneof![
        (id(), word()).prop_map(|(id, given)| Step::Create { id, given }),
        id().prop_map(|id| Step::Get { id }),
        (id(), word(), word(), mask, etag(), any::<bool>()).prop_map(
            |(id, given, family, mask, etag, allow_missing)| {
                Step::Update { id, given, family, mask, etag, allow_missing }
            }
        ),
        (id(), etag(), any::<bool>()).prop_map(|(id, etag, allow_missing)| Step::Delete { id, etag, allow_missing }),
        proptest::collection::vec((id(), word()), 0..5).prop_map(|records| Step::Import { records }),
        proptest::collection::vec(id(), 1..5).prop_map(|ids| Step::BatchGet { ids }),
        (1..5_i32).prop_map(|page_size| Step::List { page_size }),
    ];
    proptest::collection::vec(step, 1..40)
}

/// What the service should hold: for each name what a client may set, and the etag that was last seen.
#[derive(Default)]
struct Model(BTreeMap<String, Person>);

fn content(person: &Person) -> Person {
    Person { etag: String::new(), ..person.clone() }
}

impl Model {
    fn etag(&self, name: &str, etag: Etag) -> String {
        match etag {
            Etag::None => String::new(),
            Etag::Current => self.0.get(name).map(|person| person.etag.clone()).unwrap_or_default(),
            Etag::Wrong => "00000000000000ff".into(),
        }
    }

    /// Holds what the service answered if it is what the model expects.
    fn agree(&mut self, expected: &Person, answered: Person) {
        assert_eq!(content(expected), content(&answered));
        let before = self.0.get(&answered.name);
        let unchanged = before.is_some_and(|before| content(before) == content(&answered));
        if let Some(before) = before {
            assert_eq!(before.etag == answered.etag, unchanged, "the etag changes exactly when the record does");
        }
        self.0.insert(answered.name.clone(), answered);
    }
}

async fn run(client: &Client, model: &mut Model, step: Step) {
    let kind = client.kind;
    let person = |id: usize, given: &str| Person { name: kind.name(id), given_name: given.into(), ..kind.person(1) };
    match step {
        Step::Create { id, given } => {
            let answer = client.add(&id.to_string(), &person(id, &given)).await;
            match answer {
                Ok(made) => {
                    assert!(!model.0.contains_key(&made.name));
                    model.agree(&person(id, &given), made);
                }
                Err(status) => {
                    assert_eq!(status.code(), Code::AlreadyExists);
                    assert!(model.0.contains_key(&kind.name(id)));
                }
            }
        }
        Step::Get { id } => match client.get(kind.name(id)).await {
            Ok(found) => assert_eq!(Some(&found), model.0.get(&found.name)),
            Err(status) => assert_eq!((status.code(), model.0.get(&kind.name(id))), (Code::NotFound, None)),
        },
        Step::Update { id, given, family, mask, etag, allow_missing } => {
            let etag = model.etag(&kind.name(id), etag);
            let patch = Person { etag: etag.clone(), family_name: family, ..person(id, &given) };
            let paths = mask.iter().map(|path| (*path).to_owned()).collect();
            let request =
                UpdateRequest { record: patch.encoded(), update_mask: Some(FieldMask { paths }), allow_missing };
            update(client, model, request, &patch, &mask).await;
        }
        Step::Delete { id, etag, allow_missing } => {
            let name = kind.name(id);
            let etag = model.etag(&name, etag);
            let answer = client.delete(DeleteRequest { name: name.clone(), etag: etag.clone(), allow_missing }).await;
            let expected = match model.0.get(&name) {
                Some(stored) if etag.is_empty() || etag == stored.etag => Code::Ok,
                Some(_) => Code::Aborted,
                None if allow_missing => Code::Ok,
                None => Code::NotFound,
            };
            assert_eq!(answer.map_or_else(|status| status.code(), |()| Code::Ok), expected);
            if expected == Code::Ok {
                model.0.remove(&name);
            }
        }
        Step::Import { records } => import(client, model, &records).await,
        Step::BatchGet { ids } => {
            let names: Vec<String> = ids.iter().map(|id| kind.name(id)).collect();
            let expected: Option<Vec<Person>> = names.iter().map(|name| model.0.get(name).cloned()).collect();
            let answer = client.batch_get(BatchGetRequest { names, read_mask: None }).await;
            assert_eq!(answer.ok(), expected);
        }
        Step::List { page_size } => {
            let (mut seen, mut request) = (Vec::new(), ListRequest { page_size, ..ListRequest::default() });
            loop {
                let (people, token) = client.list(request.clone()).await.unwrap();
                seen.extend(people);
                if token.is_empty() {
                    break;
                }
                request.page_token = token;
            }
            assert_eq!(seen, model.0.values().cloned().collect::<Vec<_>>());
        }
    }
}

async fn update(client: &Client, model: &mut Model, request: UpdateRequest, patch: &Person, mask: &[&str]) {
    let allow_missing = request.allow_missing;
    let answer = client.update(request).await;
    let Some(stored) = model.0.get(&patch.name).cloned() else {
        match answer {
            Ok(made) => {
                assert!(allow_missing && patch.etag.is_empty());
                model.agree(patch, made);
            }
            Err(status) => assert_eq!(status.code(), Code::NotFound),
        }
        return;
    };
    if !patch.etag.is_empty() && patch.etag != stored.etag {
        assert_eq!(answer.unwrap_err().code(), Code::Aborted);
        return;
    }
    let masked = |field: &str| mask.is_empty() || mask.contains(&field);
    let mut expected = stored;
    if masked("given_name") {
        expected.given_name.clone_from(&patch.given_name);
    }
    if masked("family_name") {
        expected.family_name.clone_from(&patch.family_name);
    }
    if masked("birth_date") {
        expected.birth_date.clone_from(&patch.birth_date);
    }
    model.agree(&expected, answer.unwrap());
}

async fn import(client: &Client, model: &mut Model, records: &[(usize, String)]) {
    let kind = client.kind;
    let people: Vec<Person> = records
        .iter()
        .map(|(id, given)| Person { name: kind.name(id), given_name: given.clone(), ..kind.person(1) })
        .collect();
    let (mut created, mut updated, mut unchanged) = (0, 0, 0);
    let mut after: BTreeMap<String, Person> =
        model.0.iter().map(|(name, person)| (name.clone(), content(person))).collect();
    for person in &people {
        match after.insert(person.name.clone(), person.clone()) {
            None => created += 1,
            Some(before) if before == *person => unchanged += 1,
            Some(_) => updated += 1,
        }
    }
    let reply = client.import_all(people.clone()).await.unwrap();
    let counts = (reply.created_count, reply.updated_count, reply.unchanged_count, reply.rejected_count);
    assert_eq!(counts, (created, updated, unchanged, 0));
    for person in people {
        let stored = client.get(person.name.clone()).await.unwrap();
        assert_eq!(Some(&content(&stored)), after.get(&person.name));
        model.0.insert(person.name, stored);
    }
}

fn check(kind: Kind) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut runner =
        TestRunner::new(Config { cases: 24, max_shrink_iters: 200, failure_persistence: None, ..Config::default() });
    let checked = runner.run(&steps(), |steps| {
        runtime.block_on(async {
            let campus = super::ENGINE.start(&PARTS);
            let client = Client::new(kind, campus.channel().await);
            let mut model = Model::default();
            for step in steps {
                run(&client, &mut model, step).await;
            }
        });
        Ok(())
    });
    checked.unwrap();
}

#[test]
fn employees_behave_as_the_model() {
    check(Kind::EMPLOYEE);
}

#[test]
fn students_behave_as_the_model() {
    check(Kind::STUDENT);
}
