use bytes::Bytes;
use http::HeaderValue;

/// Longest id that is taken from a client, in bytes.
const LONGEST: usize = 128;

/// Names a call in logs, errors and spans: 1 to 128 visible ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// A new one: 16 hexadecimal digits by chance.
    #[must_use]
    pub fn random() -> Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let number = fastrand::u64(..);
        let digit = |at: usize| DIGITS.get((number >> (60 - 4 * at) & 15) as usize).copied().unwrap_or(b'0');
        Self::value(Bytes::from_owner(std::array::from_fn::<u8, 16, _>(digit)))
    }

    /// The one a client gives, if it has the form of one.
    #[must_use]
    pub fn given(value: &HeaderValue) -> Option<Self> {
        let bytes = value.as_bytes();
        ((1..=LONGEST).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic)).then(|| Self(value.clone()))
    }

    /// As a header carries it. It is marked as one that HTTP/2 need not remember: no two calls have the same.
    #[must_use]
    pub fn header(&self) -> HeaderValue {
        let mut value = self.0.clone();
        value.set_sensitive(true);
        value
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Visible ASCII is UTF-8.
        std::str::from_utf8(self.0.as_bytes()).unwrap_or_default()
    }

    fn value(bytes: Bytes) -> Self {
        Self(HeaderValue::from_maybe_shared(bytes).unwrap_or_else(|_| HeaderValue::from_static("-")))
    }
}

impl From<&str> for RequestId {
    /// What cannot be in an id is left out.
    fn from(text: &str) -> Self {
        Self::value(text.bytes().filter(u8::is_ascii_graphic).take(LONGEST).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_id_is_sixteen_hexadecimal_digits_and_no_other_is_like_it() {
        let ids: std::collections::HashSet<String> =
            (0..1000).map(|_| RequestId::random().as_str().to_owned()).collect();
        assert_eq!(ids.len(), 1000);
        assert!(ids.iter().all(|id| id.len() == 16 && id.bytes().all(|b| b.is_ascii_hexdigit())));
    }

    #[test]
    fn a_given_id_is_visible_ascii_of_at_most_128_characters() {
        let given = |text: &str| RequestId::given(&HeaderValue::from_bytes(text.as_bytes()).unwrap());
        assert_eq!(given("order-7/x").unwrap().as_str(), "order-7/x");
        assert!(given(&"x".repeat(128)).is_some());
        for wrong in ["", "a b", "ä", &"x".repeat(129)] {
            assert_eq!(given(wrong), None, "{wrong:?}");
        }
    }
}
