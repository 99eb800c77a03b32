//! Names of records, parsed at the edge.

use std::fmt;

use crate::{error::Error, kind::Kind};

const MAX_ID: usize = 63;
const RULE: &str =
    "1 to 63 characters of a-z, 0-9 and hyphen, beginning with a letter or digit and not ending with a hyphen";

/// The last segment of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Id(String);

impl Id {
    /// Takes an id that a client chose; `field` is where it stood.
    ///
    /// # Errors
    /// A violation of `field` if the text is not an id.
    pub fn parse(text: &str, field: &str) -> Result<Self, Error> {
        if is_id(text) { Ok(Self(text.to_owned())) } else { Err(Error::invalid(field, format!("must be {RULE}"))) }
    }

    /// A new id: 10 characters of time (milliseconds), so that new records sort last and are written side by side, then
    /// 8 random ones.
    pub fn generate() -> Self {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let millis = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        let mut id = base32(millis, 10);
        id.push_str(&base32(fastrand::u64(..), 8));
        Self(id)
    }
}

/// The lowest `digits` x 5 bits in base 32, whose digits sort as their values do (RFC 4648, 7).
fn base32(number: u64, digits: u32) -> String {
    let digit = |at: u32| char::from_digit(u32::try_from(number >> (5 * at) & 31).unwrap_or_default(), 32);
    (0..digits).rev().filter_map(digit).collect()
}

fn is_id(text: &str) -> bool {
    let inner = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
    let bytes = text.as_bytes();
    bytes.len() <= MAX_ID
        && bytes.first().copied().is_some_and(inner)
        && bytes.last().copied().is_some_and(inner)
        && bytes.iter().all(|&c| inner(c) || c == b'-')
}

/// The name of a record of one kind, for example `employees/10001`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Name(String);

impl Name {
    /// Takes a name that a client sent; `field` is where it stood.
    ///
    /// # Errors
    /// A violation of `field` if the text is not a name of this kind.
    pub fn parse(kind: &Kind, text: &str, field: &str) -> Result<Self, Error> {
        match text.strip_prefix(kind.prefix()) {
            Some(id) if is_id(id) => Ok(Self(text.to_owned())),
            _ => Err(Error::invalid(field, format!("must be `{}` and an id: {RULE}", kind.prefix()))),
        }
    }

    /// The name of the record with this id.
    pub fn of(kind: &Kind, id: &Id) -> Self {
        Self(format!("{}{}", kind.prefix(), id.0))
    }

    /// The name as text, which is the store's key.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as text, which is the store's key.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_lower_case_letters_digits_and_inner_hyphens() {
        for good in ["1", "10001", "a-b", "a--b", &"x".repeat(63)] {
            assert!(is_id(good), "{good}");
        }
        for bad in ["", "-a", "a-", "A", "a b", "a/b", "é", "a\n", &"x".repeat(64)] {
            assert!(!is_id(bad), "{bad:?}");
        }
    }

    #[test]
    fn generated_ids_are_ids_and_differ() {
        let (a, b) = (Id::generate(), Id::generate());
        assert!(is_id(&a.0), "{a:?}");
        assert_ne!(a, b);
    }
}
