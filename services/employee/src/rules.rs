//! What an employee's record must be.

use campus_proto::campus::employee::v1::{Employee, Gender};
use campus_resource::{Declared, Rules, Violations};

const LONGEST_NAME: usize = 100;

/// The rules of [`Employee`].
pub struct EmployeeRules;

impl Rules for EmployeeRules {
    type Record = Employee;

    const COLUMNS: &'static [Declared] = &[
        Declared::field("given_name"),
        Declared::field("family_name"),
        Declared::field("gender"),
        Declared::field("birth_date").date(),
        Declared::field("hire_date").date(),
        Declared::field("email").unique(),
    ];

    fn check(employee: &Employee, violations: &mut Violations) {
        violations.text("given_name", &employee.given_name, LONGEST_NAME);
        violations.text("family_name", &employee.family_name, LONGEST_NAME);
        violations.declared::<Gender>("gender", employee.gender);
        let born = violations.date("birth_date", &employee.birth_date);
        let hired = violations.date("hire_date", &employee.hire_date);
        if born.zip(hired).is_some_and(|(born, hired)| hired < born) {
            violations.add("hire_date", "must not be before birth_date");
        }
        violations.email("email", &employee.email);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(change: impl FnOnce(&mut Employee)) -> Vec<String> {
        let mut employee = Employee {
            given_name: "Georgi".into(),
            family_name: "Facello".into(),
            gender: Gender::Male.into(),
            birth_date: "1953-09-02".into(),
            hire_date: "1986-06-26".into(),
            email: "georgi.facello@campus.example".into(),
            ..Employee::default()
        };
        change(&mut employee);
        let mut violations = Violations::default();
        EmployeeRules::check(&employee, &mut violations);
        violations.into_vec().into_iter().map(|violation| violation.field).collect()
    }

    #[test]
    fn a_good_record_has_no_fault() {
        assert!(faults(|_| ()).is_empty());
        assert!(faults(|e| e.hire_date = e.birth_date.clone()).is_empty(), "hired on the day of birth");
        assert!(faults(|e| (e.birth_date, e.hire_date, e.email, e.gender) = Default::default()).is_empty());
    }

    #[test]
    fn each_rule_is_reported_on_its_field_and_all_at_once() {
        assert_eq!(faults(|e| e.hire_date = "1953-09-01".into()), ["hire_date"]);
        assert_eq!(faults(|e| e.birth_date = "1953-02-30".into()), ["birth_date"]);
        assert_eq!(faults(|e| e.given_name = "x".repeat(101)), ["given_name"]);
        assert_eq!(faults(|e| e.family_name = "a\u{7}b".into()), ["family_name"]);
        assert_eq!(faults(|e| e.gender = 77), ["gender"]);
        let all = faults(|e| {
            (e.given_name, e.family_name) = ("\n".into(), "\t".into());
            (e.gender, e.birth_date, e.hire_date, e.email) = (9, "x".into(), "y".into(), "z".into());
        });
        assert_eq!(all, ["given_name", "family_name", "gender", "birth_date", "hire_date", "email"]);
    }
}
