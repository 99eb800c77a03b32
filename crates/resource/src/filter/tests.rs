//! Filters, by what they match and by what they say of faults.

use campus_proto::{
    DESCRIPTORS,
    campus::employee::v1::{Employee, Gender},
};
use campus_schema::Schema;
use prost::Message;

use super::parse;
use crate::{
    error::Error,
    kind::{Declared, Kind, Rules},
    order,
    rules::Violations,
};

struct People;

impl Rules for People {
    type Record = Employee;

    const COLUMNS: &'static [Declared] = &[
        Declared::field("given_name"),
        Declared::field("family_name"),
        Declared::field("gender"),
        Declared::field("hire_date").date(),
        Declared::field("email").unique(),
    ];

    fn check(_: &Employee, _: &mut Violations) {}
}

fn kind() -> Kind {
    Kind::of::<People>(&Schema::from_descriptors(DESCRIPTORS).unwrap(), "employee").unwrap()
}

/// The ids of the records that a filter matches.
fn matching(filter: &str) -> Vec<&'static str> {
    let people = [
        ("1", "Georgi", "Facello", Gender::Male, "1986-06-26"),
        ("2", "Bezalel", "Simmel", Gender::Female, "1985-11-21"),
        ("3", "Fa*st", "O'Neil \"Jr\"", Gender::Unspecified, ""),
    ];
    let kind = kind();
    let expr = parse(&kind, filter).unwrap_or_else(|error| panic!("{filter}: {error}"));
    let matches = |(id, given_name, family_name, gender, hire_date): &(&str, &str, &str, Gender, &str)| {
        let employee = Employee {
            name: format!("employees/{id}"),
            given_name: (*given_name).into(),
            family_name: (*family_name).into(),
            gender: (*gender).into(),
            hire_date: (*hire_date).into(),
            email: format!("{given_name}@campus.example"),
            create_time: Some("2026-01-31T12:00:00Z".parse().unwrap()),
            ..Employee::default()
        };
        let values = kind.values(&employee.encode_to_vec());
        expr.as_ref().is_none_or(|expr| expr.matches(&employee.name, &values))
    };
    people.iter().filter(|person| matches(person)).map(|person| person.0).collect()
}

#[test]
fn filters_match_what_the_language_says() {
    let table: &[(&str, &[&str])] = &[
        ("", &["1", "2", "3"]),
        ("  ", &["1", "2", "3"]),
        ("family_name = \"Facello\"", &["1"]),
        ("family_name=Facello", &["1"]),
        ("family_name = 'Facello'", &["1"]),
        ("family_name != Facello", &["2", "3"]),
        ("given_name = \"*e*\"", &["1", "2"]),
        ("given_name = \"G*\"", &["1"]),
        ("given_name = *el", &["2"]),
        ("given_name = \"Fa\\*st\"", &["3"]),
        ("given_name = \"Fa\\*s*\"", &["3"]),
        ("family_name = \"O'Neil \\\"Jr\\\"\"", &["3"]),
        ("family_name:ell", &["1"]),
        ("hire_date:*", &["1", "2"]),
        ("NOT hire_date:*", &["3"]),
        ("-hire_date:*", &["3"]),
        ("hire_date < 1986-01-01", &["2"]),
        ("hire_date >= \"1985-11-21\"", &["1", "2"]),
        ("hire_date = \"\"", &["3"]),
        ("hire_date = \"1986-*\"", &["1"]),
        ("email = \"GEORGI@Campus.example\"", &["1"]),
        ("email = georgi@*", &["1"]),
        ("gender = GENDER_FEMALE", &["2"]),
        ("gender != GENDER_FEMALE", &["1", "3"]),
        ("gender:*", &["1", "2"]),
        ("name = employees/2", &["2"]),
        ("name > \"employees/1\"", &["2", "3"]),
        ("gender = GENDER_MALE OR gender = GENDER_FEMALE", &["1", "2"]),
        ("hire_date:* family_name:ell", &["1"]),
        ("gender = GENDER_MALE AND given_name = X OR given_name = Georgi", &["1"]),
        ("(gender = GENDER_MALE AND given_name = X) OR given_name = Bezalel", &["2"]),
        ("NOT (gender = GENDER_MALE OR gender = GENDER_FEMALE)", &["3"]),
        ("create_time = 2026-01-31T12:00:00Z", &["1", "2", "3"]),
        ("create_time < \"2026-01-31T13:00:00+02:00\"", &[]),
        ("create_time > 2026-01-31", &["1", "2", "3"]),
    ];
    for (filter, ids) in table {
        assert_eq!(matching(filter), *ids, "{filter}");
    }
}

#[test]
fn a_fault_says_where_it_is_and_what_would_be_right() {
    let table = [
        (
            "family_nam = x",
            "at character 1: `family_nam` is not a field that can be filtered or ordered by; did you mean `family_name`?",
        ),
        ("zzz = x", "the fields are name, given_name, family_name, gender, hire_date, email, create_time, update_time"),
        ("Facello", "at character 1: `Facello` stands alone"),
        ("\"Facello\"", "at character 1: a value stands alone"),
        ("given_name = a and family_name = b", "`and` is out of place"),
        ("given_name =", "at its end: a value is missing after `given_name =`"),
        ("given_name = a AND", "at its end: a comparison is missing"),
        ("(given_name = a", "at character 1: this parenthesis is not closed"),
        ("given_name = a)", "at character 15: this parenthesis closes nothing"),
        ("given_name = \"a", "at character 14: the quoted text does not end"),
        ("given_name ! a", "at character 12: `!` is not an operator"),
        ("given_name = a*b", "`*` may stand at the beginning and at the end"),
        ("gender = GENDER_MAL", "did you mean `GENDER_MALE`?"),
        ("gender = M", "`gender` is one of GENDER_UNSPECIFIED, GENDER_FEMALE"),
        ("gender < GENDER_MALE", "`gender` has no order"),
        ("hire_date > x", "`hire_date` is a date that exists, such as \"1986-06-26\""),
        ("hire_date >= \"2020-1-1\"", "`hire_date` is a date that exists"),
        ("hire_date = 2021-02-30", "`hire_date` is a date that exists"),
        ("create_time > yesterday", "`create_time` is a time such as"),
        ("length(given_name) = 3", "at character 1: `length` stands alone"),
    ];
    for (filter, says) in table {
        let Err(Error::Invalid(violations)) = parse(&kind(), filter) else { panic!("{filter} was taken") };
        assert_eq!(violations[0].field, "filter");
        assert!(violations[0].description.contains(says), "{filter}: {}", violations[0].description);
    }
}

#[test]
fn size_and_depth_have_limits() {
    assert!(parse(&kind(), &format!("given_name = {}", "x".repeat(9000))).is_err());
    assert!(parse(&kind(), &format!("{}given_name = x{}", "(".repeat(200), ")".repeat(200))).is_err());
    assert!(parse(&kind(), &"given_name = x ".repeat(101)).is_err());
}

#[test]
fn any_text_is_taken_or_refused_but_never_ends_the_process() {
    let mut random = fastrand::Rng::with_seed(7);
    let kind = kind();
    let words = ["(", ")", "AND", "OR", "NOT", "-", "=", "!", "<", ":", "*", "\"", "\\", "given_name", "é", " ", "1"];
    for _ in 0..20_000 {
        let text: String = (0..random.usize(0..12)).map(|_| words[random.usize(0..words.len())]).collect();
        let _ = parse(&kind, &text);
        let _ = order::parse(&kind, &text);
    }
}

#[test]
fn orders_are_fields_with_directions() {
    let kind = kind();
    assert_eq!(order::parse(&kind, "").unwrap().len(), 0);
    assert_eq!(order::parse(&kind, "family_name, hire_date desc ,given_name asc").unwrap().len(), 3);
    assert_eq!(order::parse(&kind, "name desc, family_name").unwrap().len(), 1, "nothing decides after the name");
    for bad in ["x", "family_name up", "family_name,", "family_name desc desc", "family_name, family_name desc"] {
        assert!(order::parse(&kind, bad).is_err(), "{bad}");
    }
}
