//! What a kind's rules are written with: violations, and the checks that kinds share.

use std::fmt;

/// One fault of one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field in the request, for example `employee.given_name`.
    pub field: String,
    /// What is wrong, and what would be right. Never holds the value: that may be personal.
    pub description: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.description)
    }
}

/// The faults of one record, gathered so that all are reported at once.
#[derive(Debug, Default)]
pub struct Violations {
    prefix: String,
    list: Vec<Violation>,
}

impl Violations {
    /// Faults of the fields below `prefix`, for example `employee.`.
    pub fn below(prefix: impl Into<String>) -> Self {
        Self { prefix: prefix.into(), list: Vec::new() }
    }

    /// Adds a fault of a field, whose path is relative to the record.
    pub fn add(&mut self, field: impl AsRef<str>, description: impl Into<String>) {
        let field = format!("{}{}", self.prefix, field.as_ref());
        self.list.push(Violation { field, description: description.into() });
    }

    /// Whether there is no fault.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The faults in the order in which they were found.
    pub fn into_vec(self) -> Vec<Violation> {
        self.list
    }

    /// Text that people read: at most `max` characters, no control characters, no space at either end.
    pub fn text(&mut self, field: &str, value: &str, max: usize) {
        if value.is_ascii() && value.len() <= max && !value.bytes().any(|c| c.is_ascii_control()) {
            if value.starts_with(' ') || value.ends_with(' ') {
                self.add(field, "must not begin or end with a space");
            }
            return;
        }
        let length = value.chars().count();
        if length > max {
            self.add(field, format!("must have at most {max} characters, has {length}"));
        }
        if value.chars().any(is_control) {
            self.add(field, "must not contain control characters");
        } else if value.trim() != value {
            self.add(field, "must not begin or end with a space");
        }
    }

    /// An e-mail address: one `@`, something before it, a domain with a dot after it, at most 254 characters.
    pub fn email(&mut self, field: &str, value: &str) {
        if !value.is_empty() && !is_email(value) {
            self.add(
                field,
                "must be an e-mail address such as `ada@campus.example`: ASCII, at most 254 characters (an international domain in its `xn--` form)",
            );
        }
    }

    /// A date that exists, or empty, which gives nothing.
    pub fn date(&mut self, field: &str, value: &str) -> Option<Date> {
        if value.is_empty() {
            return None;
        }
        let date = Date::parse(value);
        if date.is_none() {
            self.add(field, "must be a date that exists, written YYYY-MM-DD, for example `1986-06-26`");
        }
        date
    }

    /// A value that the enum declares.
    pub fn declared<E: TryFrom<i32>>(&mut self, field: &str, value: i32) {
        if E::try_from(value).is_err() {
            self.add(field, format!("{value} is not a value of this enum"));
        }
    }

    /// A whole number from `least` to `most`.
    pub fn range(&mut self, field: &str, value: i32, least: i32, most: i32) {
        if !(least..=most).contains(&value) {
            self.add(field, format!("must be from {least} to {most}, is {value}"));
        }
    }
}

/// Control characters, and the ones that change the direction or the lines of the text around them.
fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let label = |l: &str| {
        (1..=63).contains(&l.len())
            && l.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-')
            && !l.starts_with('-')
            && !l.ends_with('-')
    };
    // RFC 5321, 4.5.3.1, and the dot-atom form of RFC 5322, 3.2.3.
    text.len() <= 254
        && (1..=64).contains(&local.len())
        && local.bytes().all(|c| c.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&c))
        && local.split('.').all(|atom| !atom.is_empty())
        && domain.contains('.')
        && domain.split('.').all(label)
}

/// A day of the Gregorian calendar, year 1 to 9999. Later days compare greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

impl Date {
    /// Reads `YYYY-MM-DD`; nothing if that is no day.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let number = |from: usize, to: usize| -> Option<u16> {
            bytes.get(from..to)?.iter().try_fold(0, |n, c| c.is_ascii_digit().then(|| n * 10 + u16::from(c - b'0')))
        };
        if bytes.len() != 10 || bytes.get(4) != Some(&b'-') || bytes.get(7) != Some(&b'-') {
            return None;
        }
        let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
        let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let days = match month {
            2 => 28 + u16::from(leap),
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return None,
        };
        let exists = year > 0 && (1..=days).contains(&day);
        Some(Self { year, month: u8::try_from(month).ok()?, day: u8::try_from(day).ok()? }).filter(|_| exists)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(check: impl FnOnce(&mut Violations)) -> Vec<String> {
        let mut violations = Violations::below("employee.");
        check(&mut violations);
        violations.into_vec().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn only_days_that_exist_are_dates() {
        for good in ["1986-06-26", "2000-02-29", "2024-02-29", "0001-01-01", "9999-12-31"] {
            assert!(Date::parse(good).is_some(), "{good}");
        }
        for bad in ["1900-02-29", "2023-02-29", "2023-04-31", "2023-13-01", "2023-00-10", "2023-01-00", "0000-01-01"] {
            assert!(Date::parse(bad).is_none(), "{bad}");
        }
        for bad in ["", "2023-1-1", "2023/01/01", "20230101", "2023-01-01 ", "+023-01-01", "２０２３-01-01"] {
            assert!(Date::parse(bad).is_none(), "{bad}");
        }
        assert!(Date::parse("1999-12-31") < Date::parse("2000-01-01"));
    }

    #[test]
    fn addresses_are_checked_for_their_form() {
        for good in ["a@b.c", "georgi.10001@campus.example", "o'hara+x@xn--bcher-kva.example"] {
            assert!(is_email(good), "{good}");
        }
        for bad in ["a", "@b.c", "a@b", "a@b..c", ".a@b.c", "a b@c.d", "a@-b.c", "é@b.c", "a@b.c\n", "a@b@c.d"] {
            assert!(!is_email(bad), "{bad}");
        }
    }

    #[test]
    fn text_counts_characters_and_refuses_what_cannot_be_seen() {
        assert!(faults(|v| v.text("x", &"é".repeat(100), 100)).is_empty());
        assert!(faults(|v| v.text("x", "Zoë 👩‍🎓 שלום", 100)).is_empty(), "joined emoji and right-to-left text");
        assert_eq!(
            faults(|v| v.text("x", &"é".repeat(101), 100)),
            ["employee.x: must have at most 100 characters, has 101"]
        );
        for bad in ["a\0b", "a\nb", "a\u{202e}b", "a\u{7f}"] {
            assert_eq!(
                faults(|v| v.text("x", bad, 100)),
                ["employee.x: must not contain control characters"],
                "{bad:?}"
            );
        }
        for bad in [" a", "a ", "é\u{a0}"] {
            assert_eq!(
                faults(|v| v.text("x", bad, 100)),
                ["employee.x: must not begin or end with a space"],
                "{bad:?}"
            );
        }
    }
}
