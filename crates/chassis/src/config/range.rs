//! What the type of a setting does not say: between which values it may be.

use super::{ByteSize, HumanDuration};
use std::{borrow::Cow, ops::RangeInclusive, path::PathBuf};

/// A setting is outside of what is possible; says in one line which, what it is, and what it may be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("setting {setting} is {value}: {possible}")]
pub struct OutOfRange {
    /// Dotted (`server.max_streams`).
    pub setting: &'static str,
    /// As it would be written in a file.
    pub value: String,
    /// What is possible.
    pub possible: Cow<'static, str>,
}

/// A value that can be held against a range.
pub trait Measure {
    /// A number as it is, a size in bytes, a duration in whole milliseconds, a path in bytes of its text, a
    /// list in items.
    fn measure(&self) -> u64;
    /// As it would be written in a file.
    fn text(&self) -> String;
}

/// The row of a table of what settings may be; see [`check`].
#[derive(Clone, Debug)]
pub struct Range {
    setting: &'static str,
    value: Option<(u64, String)>,
    allowed: RangeInclusive<u64>,
    possible: &'static str,
}

impl Range {
    /// `setting` (dotted) is `value` and must be within `allowed`, in the unit of [`Measure::measure`]; `possible` says
    /// so in words.
    pub fn new(
        setting: &'static str,
        value: &impl Measure,
        allowed: RangeInclusive<u64>,
        possible: &'static str,
    ) -> Self {
        Self { setting, value: Some((value.measure(), value.text())), allowed, possible }
    }

    /// The same for a setting that may be unset.
    pub fn optional(
        setting: &'static str,
        value: Option<&impl Measure>,
        allowed: RangeInclusive<u64>,
        possible: &'static str,
    ) -> Self {
        Self { setting, value: value.map(|value| (value.measure(), value.text())), allowed, possible }
    }
}

/// Holds each setting against its range.
///
/// # Errors
/// [`OutOfRange`] for the first that is outside.
pub fn check(ranges: impl IntoIterator<Item = Range>) -> Result<(), OutOfRange> {
    for Range { setting, value, allowed, possible } in ranges {
        if let Some((_, value)) = value.filter(|(measure, _)| !allowed.contains(measure)) {
            return Err(OutOfRange { setting, value, possible: possible.into() });
        }
    }
    Ok(())
}

impl Measure for u32 {
    fn measure(&self) -> u64 {
        (*self).into()
    }

    fn text(&self) -> String {
        self.to_string()
    }
}

impl Measure for u64 {
    fn measure(&self) -> u64 {
        *self
    }

    fn text(&self) -> String {
        self.to_string()
    }
}

impl Measure for usize {
    fn measure(&self) -> u64 {
        u64::try_from(*self).unwrap_or(u64::MAX)
    }

    fn text(&self) -> String {
        self.to_string()
    }
}

impl Measure for ByteSize {
    fn measure(&self) -> u64 {
        self.0
    }

    fn text(&self) -> String {
        format!("\"{self}\"")
    }
}

impl Measure for HumanDuration {
    fn measure(&self) -> u64 {
        u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX)
    }

    fn text(&self) -> String {
        format!("\"{self}\"")
    }
}

impl Measure for String {
    /// Its length, where it is visible ASCII; no range includes any other.
    fn measure(&self) -> u64 {
        if self.bytes().all(|byte| byte.is_ascii_graphic()) { self.len().measure() } else { 0 }
    }

    fn text(&self) -> String {
        format!("{self:?}")
    }
}

impl Measure for PathBuf {
    fn measure(&self) -> u64 {
        self.as_os_str().len().measure()
    }

    fn text(&self) -> String {
        format!("{self:?}")
    }
}
