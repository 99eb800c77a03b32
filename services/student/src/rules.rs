//! What a student's record must be.

use std::collections::HashSet;

use campus_proto::campus::student::v1::{EducationLevel, Enrollment, Gender, Student, enrollment::Outcome};
use campus_resource::{Declared, Rules, Violations};

const LONGEST_NAME: usize = 100;
const LONGEST_BAND: usize = 20;
const LONGEST_CODE: usize = 20;
const MOST_ENROLLMENTS: usize = 1000;
const MOST_ATTEMPTS: i32 = 100;
const MOST_CREDITS: i32 = 10_000;

/// The rules of [`Student`].
pub struct StudentRules;

impl Rules for StudentRules {
    type Record = Student;

    const COLUMNS: &'static [Declared] = &[
        Declared::field("given_name"),
        Declared::field("family_name"),
        Declared::field("gender"),
        Declared::field("birth_date").date(),
        Declared::field("email").unique(),
        Declared::field("region"),
        Declared::field("education_level"),
        Declared::field("age_band"),
        Declared::field("deprivation_band"),
        Declared::field("disability_declared"),
    ];

    fn check(student: &Student, violations: &mut Violations) {
        violations.text("given_name", &student.given_name, LONGEST_NAME);
        violations.text("family_name", &student.family_name, LONGEST_NAME);
        violations.declared::<Gender>("gender", student.gender);
        violations.date("birth_date", &student.birth_date);
        violations.email("email", &student.email);
        violations.text("region", &student.region, LONGEST_NAME);
        violations.declared::<EducationLevel>("education_level", student.education_level);
        violations.text("age_band", &student.age_band, LONGEST_BAND);
        violations.text("deprivation_band", &student.deprivation_band, LONGEST_BAND);
        check_enrollments(&student.enrollments, violations);
    }
}

fn check_enrollments(enrollments: &[Enrollment], violations: &mut Violations) {
    if enrollments.len() > MOST_ENROLLMENTS {
        violations.add("enrollments", format!("must hold at most {MOST_ENROLLMENTS}, holds {}", enrollments.len()));
        return;
    }
    let mut seen = HashSet::new();
    for (at, enrollment) in enrollments.iter().enumerate() {
        let field = |name: &str| format!("enrollments[{at}].{name}");
        for (name, code) in [("module", &enrollment.module), ("presentation", &enrollment.presentation)] {
            if code.is_empty() {
                violations.add(field(name), "is required");
            }
            violations.text(&field(name), code, LONGEST_CODE);
        }
        violations.range(&field("previous_attempt_count"), enrollment.previous_attempt_count, 0, MOST_ATTEMPTS);
        violations.range(&field("studied_credits"), enrollment.studied_credits, 0, MOST_CREDITS);
        violations.declared::<Outcome>(&field("outcome"), enrollment.outcome);
        if !seen.insert((&enrollment.module, &enrollment.presentation)) {
            violations.add(format!("enrollments[{at}]"), "repeats a module and presentation; each may stand once");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(student: &Student) -> Vec<String> {
        let mut violations = Violations::default();
        StudentRules::check(student, &mut violations);
        violations.into_vec().into_iter().map(|violation| violation.field).collect()
    }

    fn enrolled(module: &str) -> Enrollment {
        Enrollment { module: module.into(), presentation: "2026J".into(), ..Enrollment::default() }
    }

    #[test]
    fn an_anonymous_record_is_good() {
        assert!(faults(&Student::default()).is_empty());
    }

    #[test]
    fn enrollments_are_checked_one_by_one() {
        let bad =
            Enrollment { previous_attempt_count: -1, studied_credits: 10_001, outcome: 9, ..Enrollment::default() };
        let student = Student { enrollments: vec![enrolled("AAA"), bad, enrolled("AAA")], ..Student::default() };
        assert_eq!(
            faults(&student),
            [
                "enrollments[1].module",
                "enrollments[1].presentation",
                "enrollments[1].previous_attempt_count",
                "enrollments[1].studied_credits",
                "enrollments[1].outcome",
                "enrollments[2]",
            ]
        );
    }

    #[test]
    fn more_than_a_thousand_enrollments_are_refused() {
        let many = |count: usize| (0..count).map(|at| enrolled(&format!("M{at}"))).collect::<Vec<_>>();
        assert!(faults(&Student { enrollments: many(1000), ..Student::default() }).is_empty());
        assert_eq!(faults(&Student { enrollments: many(1001), ..Student::default() }), ["enrollments"]);
    }
}
