//! Reads JSON, and knows where.

use std::{fmt, time::Duration};

use serde_json::Value;
use tonic::Code;

/// A value and the way to it.
pub(super) struct At<'a> {
    value: &'a Value,
    path: String,
}

/// A value is not what it should be.
#[derive(Debug)]
pub(super) struct Wrong(String);

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'a> At<'a> {
    pub(super) fn root(value: &'a Value) -> Self {
        Self { value, path: String::new() }
    }

    pub(super) fn wrong(&self, expected: &str) -> Wrong {
        let place = if self.path.is_empty() { "the whole" } else { &self.path };
        Wrong(format!("{place} is {}; it must be {expected}", self.value))
    }

    pub(super) fn object(&self) -> Result<(), Wrong> {
        self.value.as_object().map(|_| ()).ok_or_else(|| self.wrong("an object"))
    }

    /// The names in an object.
    pub(super) fn names(&self) -> Result<impl Iterator<Item = &'a str> + use<'a>, Wrong> {
        Ok(self.value.as_object().ok_or_else(|| self.wrong("an object"))?.keys().map(String::as_str))
    }

    /// A field of an object; null is none.
    pub(super) fn get(&self, name: &str) -> Option<Self> {
        let value = self.value.get(name).filter(|value| !value.is_null())?;
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        Some(Self { value, path })
    }

    pub(super) fn required(&self, name: &str) -> Result<Self, Wrong> {
        self.object()?;
        let place = if self.path.is_empty() { String::new() } else { format!("{}.", self.path) };
        self.get(name).ok_or_else(|| Wrong(format!("{place}{name} is missing")))
    }

    pub(super) fn list(&self) -> Result<Vec<Self>, Wrong> {
        let list = self.value.as_array().ok_or_else(|| self.wrong("a list"))?;
        Ok(list.iter().enumerate().map(|(at, value)| Self { value, path: format!("{}[{at}]", self.path) }).collect())
    }

    pub(super) fn text(&self) -> Result<&'a str, Wrong> {
        self.value.as_str().ok_or_else(|| self.wrong("a text"))
    }

    pub(super) fn flag(&self) -> Result<bool, Wrong> {
        self.value.as_bool().ok_or_else(|| self.wrong("true or false"))
    }

    pub(super) fn number(&self) -> Result<f64, Wrong> {
        self.value.as_f64().ok_or_else(|| self.wrong("a number"))
    }

    pub(super) fn whole(&self) -> Result<u32, Wrong> {
        let number = self.value.as_u64().and_then(|number| u32::try_from(number).ok());
        number.ok_or_else(|| self.wrong("a whole number, not negative"))
    }

    pub(super) fn percent(&self) -> Result<u32, Wrong> {
        self.whole().ok().filter(|percent| *percent <= 100).ok_or_else(|| self.wrong("a whole number from 0 to 100"))
    }

    /// Seconds with an `s`, as protobuf's JSON has durations.
    pub(super) fn duration(&self) -> Result<Duration, Wrong> {
        let wrong = || self.wrong("seconds such as \"0.1s\", not negative");
        let seconds = self.value.as_str().and_then(|text| text.strip_suffix('s')).ok_or_else(wrong)?;
        let plain = !seconds.is_empty() && seconds.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let seconds = seconds.parse().ok().filter(|_| plain).ok_or_else(wrong)?;
        Duration::try_from_secs_f64(seconds).map_err(|_| wrong())
    }

    pub(super) fn positive(&self) -> Result<Duration, Wrong> {
        self.duration()
            .ok()
            .filter(|duration| !duration.is_zero())
            .ok_or_else(|| self.wrong("seconds such as \"0.1s\", above 0"))
    }

    /// Of gRPC, by name or by number.
    pub(super) fn code(&self) -> Result<Code, Wrong> {
        let by_number = self.value.as_u64().and_then(|number| CODES.get(usize::try_from(number).ok()?));
        let by_name =
            || CODES.iter().find(|(name, _)| self.value.as_str().is_some_and(|text| text.eq_ignore_ascii_case(name)));
        let found =
            by_number.or_else(by_name).ok_or_else(|| self.wrong("a status code of gRPC such as \"UNAVAILABLE\""));
        found.map(|(_, code)| *code)
    }
}

const CODES: [(&str, Code); 17] = [
    ("OK", Code::Ok),
    ("CANCELLED", Code::Cancelled),
    ("UNKNOWN", Code::Unknown),
    ("INVALID_ARGUMENT", Code::InvalidArgument),
    ("DEADLINE_EXCEEDED", Code::DeadlineExceeded),
    ("NOT_FOUND", Code::NotFound),
    ("ALREADY_EXISTS", Code::AlreadyExists),
    ("PERMISSION_DENIED", Code::PermissionDenied),
    ("RESOURCE_EXHAUSTED", Code::ResourceExhausted),
    ("FAILED_PRECONDITION", Code::FailedPrecondition),
    ("ABORTED", Code::Aborted),
    ("OUT_OF_RANGE", Code::OutOfRange),
    ("UNIMPLEMENTED", Code::Unimplemented),
    ("INTERNAL", Code::Internal),
    ("UNAVAILABLE", Code::Unavailable),
    ("DATA_LOSS", Code::DataLoss),
    ("UNAUTHENTICATED", Code::Unauthenticated),
];
