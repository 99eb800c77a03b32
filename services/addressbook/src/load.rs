//! People from a JSON file.

use std::{collections::HashSet, path::Path};

use campus_host::{ByteSize, StartError, read_file};
use campus_proto::personguide::{AddressBook, Person};
use campus_schema::Schema;
use prost::{Message, Name};

use crate::record::checked;

/// Reads a list of people, or an object with one in `people`, in ProtoJSON.
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
    let is_list = text.trim_start().starts_with('[');
    let read = if is_list { book.from_json(&format!("{{\"people\":\n{text}}}")) } else { book.from_json(text) };
    let read = read.map_err(|mut fault| {
        // The line that was put before a list is none of the file.
        fault.line -= usize::from(is_list && fault.line > 0);
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
    fn the_first_fault_is_named_with_its_place() {
        for (text, place) in [
            ("", "line 1 column 0"),
            ("[\n{\"id\":1,\"name\":\"Ada\"},\n{\"id\":\"x\"}]", "line 3 column 10: people[1].id: "),
            ("{\"people\":[{\"nam\":\"Ada\"}]}", "did you mean \"name\"?"),
            (
                r#"[{"id":1,"name":"Ada"},{"id":2,"email":"x"}]"#,
                "people[1].name: is required; people[1].email: must be",
            ),
            (r#"[{"name":"Ada"},{"name":"Bo"}]"#, "people[1].id: stands twice"),
            (r#"[{"name":"Ada","phones":[{"number":"1","type":"FAX"}]}]"#, "people[0].phones[0].type: "),
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
