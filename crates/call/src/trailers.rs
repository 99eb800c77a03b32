use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use http::{HeaderMap, HeaderName, HeaderValue};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Names that belong to HTTP.
const OF_HTTP: [&str; 6] = ["connection", "content-length", "content-type", "te", "trailer", "transfer-encoding"];

/// What a handler wants to tell behind its last message. Most calls have none, and pay nothing.
#[derive(Debug, Default)]
pub(crate) struct Trailers(OnceLock<Box<Mutex<HeaderMap>>>);

/// A name or value that cannot be sent as metadata.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadMetadata {
    /// A key has lower-case letters, digits, `_`, `.` and `-`.
    #[error("metadata key {0:?} must be of a-z, 0-9, _, . and -")]
    Key(String),
    /// The name is taken by gRPC or HTTP.
    #[error("metadata key {0:?} is reserved for gRPC and HTTP")]
    Reserved(String),
    /// Keys that end in `-bin` carry bytes, all others printable ASCII.
    #[error("metadata key {0:?} carries {kind}", kind = if .0.ends_with("-bin") { "bytes: use `add_binary_trailer`" } else { "printable ASCII" })]
    Value(String),
}

impl Trailers {
    /// Adds a value of printable ASCII.
    pub(crate) fn text(&self, key: &str, value: &str) -> Result<(), BadMetadata> {
        let printable = value.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        match HeaderValue::from_str(value) {
            Ok(value) if printable && !key.ends_with("-bin") => self.add(key, value),
            _ => Err(BadMetadata::Value(key.to_owned())),
        }
    }

    /// Adds bytes, which travel as base64.
    pub(crate) fn bytes(&self, key: &str, value: &[u8]) -> Result<(), BadMetadata> {
        match HeaderValue::try_from(STANDARD_NO_PAD.encode(value)) {
            Ok(value) if key.ends_with("-bin") => self.add(key, value),
            _ => Err(BadMetadata::Value(key.to_owned())),
        }
    }

    fn add(&self, key: &str, value: HeaderValue) -> Result<(), BadMetadata> {
        let legal = key.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'-'));
        let name = HeaderName::try_from(key).ok().filter(|_| legal).ok_or_else(|| BadMetadata::Key(key.to_owned()))?;
        if key.starts_with("grpc-") || OF_HTTP.contains(&key) {
            return Err(BadMetadata::Reserved(key.to_owned()));
        }
        self.0.get_or_init(Box::default).lock().unwrap_or_else(PoisonError::into_inner).append(name, value);
        Ok(())
    }

    pub(crate) fn take(&self) -> HeaderMap {
        let given =
            self.0.get().map(|given| std::mem::take(&mut *given.lock().unwrap_or_else(PoisonError::into_inner)));
        given.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_is_there_once() {
        let trailers = Trailers::default();
        assert_eq!(trailers.take(), HeaderMap::new());
        trailers.text("x-rows", "7").unwrap();
        trailers.bytes("x-token-bin", &[0, 255]).unwrap();
        let taken = trailers.take();
        assert_eq!((&taken["x-rows"], &taken["x-token-bin"]), (&"7".parse().unwrap(), &"AP8".parse().unwrap()));
        assert_eq!(trailers.take(), HeaderMap::new());
    }

    #[test]
    fn what_cannot_be_metadata_is_refused_by_name() {
        let trailers = Trailers::default();
        let refused = |key: &str, value: &str| trailers.text(key, value).unwrap_err();
        assert_eq!(refused("grpc-status", "0"), BadMetadata::Reserved("grpc-status".into()));
        assert_eq!(refused("te", "0"), BadMetadata::Reserved("te".into()));
        for key in ["", "X-Rows", "x rows", ":path", "ä"] {
            assert_eq!(refused(key, "0"), BadMetadata::Key(key.into()));
        }
        assert_eq!(refused("x-rows", "a\nb").to_string(), "metadata key \"x-rows\" carries printable ASCII");
        let bytes = "metadata key \"x-bin\" carries bytes: use `add_binary_trailer`";
        assert_eq!(refused("x-bin", "a").to_string(), bytes);
        assert_eq!(trailers.bytes("x-rows", &[1]).unwrap_err(), BadMetadata::Value("x-rows".into()));
        assert_eq!(trailers.take(), HeaderMap::new());
    }
}
