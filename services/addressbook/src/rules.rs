//! What a person must be.

use campus_proto::personguide::Person;
use campus_resource::Violations;

const LONGEST_NAME: usize = 100;
const LONGEST_NUMBER: usize = 50;
const MOST_PHONES: usize = 100;

/// Adds every fault of a person.
pub(crate) fn check(person: &Person, violations: &mut Violations) {
    required(violations, "name", &person.name, LONGEST_NAME);
    violations.email("email", &person.email);
    if person.phones.len() > MOST_PHONES {
        violations.add("phones", format!("must hold at most {MOST_PHONES}, holds {}", person.phones.len()));
        return;
    }
    for (at, phone) in person.phones.iter().enumerate() {
        required(violations, &format!("phones[{at}].number"), &phone.number, LONGEST_NUMBER);
    }
}

fn required(violations: &mut Violations, field: &str, value: &str, longest: usize) {
    if value.is_empty() {
        violations.add(field, "is required");
    }
    violations.text(field, value, longest);
}

#[cfg(test)]
mod tests {
    use campus_proto::personguide::PhoneNumber;

    use super::*;

    fn faults(person: &Person) -> Vec<String> {
        let mut violations = Violations::default();
        check(person, &mut violations);
        violations.into_vec().into_iter().map(|violation| violation.field).collect()
    }

    fn named(name: &str) -> Person {
        Person { name: name.into(), ..Person::default() }
    }

    fn phones(count: usize) -> Vec<PhoneNumber> {
        (0..count).map(|at| PhoneNumber { number: at.to_string(), r#type: 0 }).collect()
    }

    #[test]
    fn a_name_is_all_that_a_person_needs() {
        assert!(faults(&named("Ada")).is_empty());
        assert_eq!(faults(&Person { id: 7, ..Person::default() }), ["name"]);
        assert_eq!(faults(&named(&"é".repeat(101))), ["name"]);
        assert!(faults(&named(&"é".repeat(100))).is_empty());
    }

    #[test]
    fn every_fault_is_found() {
        let phones = vec![
            PhoneNumber { number: String::new(), r#type: 0 },
            PhoneNumber { number: "+44 20 7946 0000".into(), r#type: 99 },
            PhoneNumber { number: "1".repeat(51), r#type: 1 },
        ];
        let person = Person { email: "nobody".into(), phones, ..named("a\u{7}") };
        assert_eq!(faults(&person), ["name", "email", "phones[0].number", "phones[2].number"]);
    }

    #[test]
    fn more_than_a_hundred_phones_are_refused() {
        assert!(faults(&Person { phones: phones(100), ..named("Ada") }).is_empty());
        assert_eq!(faults(&Person { phones: phones(101), ..named("Ada") }), ["phones"]);
    }
}
