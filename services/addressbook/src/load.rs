//! People from a JSON file.

use std::{collections::HashSet, path::Path};

use campus_host::{ByteSize, StartError, read_file};
use campus_proto::personguide::{AddressBook, Person};
use campus_schema::Schema;
use prost::{Message, Name};
use serde_json::Value;

use crate::record::checked;

/// Reads a list of people, an object with one in `people`, or one person a line, in ProtoJSON.
///
/// # Errors
/// [`StartError::Load`] with the first fault: which person, which field.
pub(crate) fn people(schema: &Schema, path: &Path) -> Result<Vec<Person>, StartError> {
    let failed = |why: String| StartError::Load { setting: "addressbook.load", path: path.to_owned(), why };
    let bytes = read_file(path, ByteSize(u64::MAX)).map_err(|error| failed(format!("cannot be read: {error}")))?;
    let text = String::from_utf8(bytes).map_err(|error| failed(format!("is not UTF-8: {error}")))?;
    parse(schema, text.trim_start_matches('\u{feff}')).map_err(failed)
}

fn parse(schema: &Schema, text: &str) -> Result<Vec<Person>, String> {
    let book = schema.message(&AddressBook::full_name()).ok_or("the contract has no AddressBook")?;
    if text.trim().is_empty() {
        return Err("is empty; write [] for nobody".to_owned());
    }
    let read = book.from_json(&as_book(text)).map_err(|mut fault| {
        // The line that was put before the text is none of the file.
        fault.line = fault.line.saturating_sub(1);
        fault.to_string()
    })?;
    let people = AddressBook::decode(read.as_slice()).map_err(|fault| fault.to_string())?.people;
    let mut known = HashSet::new();
    for (at, person) in people.iter().enumerate() {
        checked(person, at).map_err(|faults| faults.to_string())?;
        if !known.insert(person.id) {
            return Err(format!("people[{at}].id: stands twice; give each person an id of their own"));
        }
    }
    Ok(people)
}

/// The text as an object with `people`, behind a line of its own.
fn as_book(text: &str) -> String {
    let (mut people, mut from) = (String::new(), 0);
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    let end = loop {
        let value = match values.next() {
            Some(Ok(Value::Object(value))) => value,
            end => break end,
        };
        if from == 0 && (value.is_empty() || value.contains_key("people")) {
            return format!("\n{text}");
        }
        let comma = if people.is_empty() { "" } else { "," };
        people.extend([comma, text.get(from..values.byte_offset()).unwrap_or_default()]);
        from = values.byte_offset();
    };
    // What was cut off is not closed here: the fault would be found in another place.
    let close = |with: &'static str| if matches!(end, Some(Err(_))) { "" } else { with };
    let rest = text.get(from..).unwrap_or_default();
    match from {
        0 if text.trim_start().starts_with('[') => format!("{{\"people\":\n{text}{}", close("}")),
        0 => format!("\n{text}"),
        _ if rest.trim().is_empty() => format!("{{\"people\":[\n{people}]}}"),
        _ => format!("{{\"people\":[\n{people},{rest}{}", close("]}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<i32>, String> {
        let schema = Schema::from_descriptors(campus_proto::DESCRIPTORS).unwrap();
        parse(&schema, text).map(|people| people.iter().map(|person| person.id).collect())
    }

    #[test]
    fn a_list_and_an_address_book_are_the_same() {
        assert_eq!(read(r#" [{"id":2,"name":"Bo"},{"id":-1,"name":"Ada"}]"#), Ok(vec![2, -1]));
        assert_eq!(read(r#"{"people":[{"id":2,"name":"Bo"}]}"#), Ok(vec![2]));
        assert_eq!(read("[]"), Ok(vec![]));
        assert_eq!(read("{}"), Ok(vec![]));
    }

    #[test]
    fn one_person_and_one_a_line_are_taken_as_well() {
        assert_eq!(read("{\"id\":2,\n\"name\":\"Bo\"}\n"), Ok(vec![2]));
        assert_eq!(read("{\"id\":2,\"name\":\"Bo\"}\n\n{\"id\":-1,\"name\":\"Ada\"}\n"), Ok(vec![2, -1]));
    }

    #[test]
    fn the_first_fault_is_named_with_its_place() {
        for (text, place) in [
            ("", "is empty; write [] for nobody"),
            ("{", "line 1 column"),
            ("[{\"id\":58", "line 1 column 9: people[0]"),
            ("[{\"id\":58,\"name\":\"A", "line 1 column 19: people[0].name: "),
            (r#"[{"id":20,"name":"A","id":21}]"#, "people[0].id: is given twice"),
            (r#"{"id":20,"name":"A","id":21}"#, "people[0].id: is given twice"),
            (r#"{"people":[],"people":[]}"#, "people: is given twice"),
            ("{\"id\":1,\"name\":\"Ada\"}\n{\"id\":2,\"nam\":\"Bo\"}", "line 2 column 13: people[1].nam: "),
            ("{\"id\":1,\"name\":\"Ada\"}\n\n{\"id\":2,\"name\"", "line 3 column"),
            ("{\"id\":1,\"name\":\"Ada\"}\n{\"id\":1,\"name\":\"Bo\"}", "people[1].id: stands twice"),
            ("[\n{\"id\":1,\"name\":\"Ada\"},\n{\"id\":\"x\"}]", "line 3 column 10: people[1].id: "),
            ("{\"people\":[{\"nam\":\"Ada\"}]}", "did you mean \"name\"?"),
            (
                r#"[{"id":1,"name":"Ada"},{"id":2,"email":"x"}]"#,
                "people[1].name: is required; people[1].email: must be",
            ),
            (r#"[{"name":"Ada"},{"name":"Bo"}]"#, "people[1].id: stands twice"),
            (
                r#"[{"name":"Ada","phones":[{"number":"1","type":"FAX"}]}]"#,
                "people[0].phones[0].type: expected MOBILE, HOME or WORK, or the number of one of them",
            ),
        ] {
            let fault = read(text).unwrap_err();
            assert!(fault.contains(place), "{text}: {fault}");
        }
    }

    #[test]
    fn the_example_is_ten_people_with_a_phone_of_each_kind() {
        assert_eq!(read(include_str!("../../../examples/people.json")), Ok((1..=10).collect()));
    }
}
