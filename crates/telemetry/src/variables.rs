//! Reads the variables of the environment, strictly: what is not understood stops the start.

use std::{ffi::OsString, time::Duration};

/// A variable says what cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct VariableError(String);

impl VariableError {
    /// A value that may be shown.
    pub(crate) fn new(name: &str, value: &str, advice: impl AsRef<str>) -> Self {
        Self(format!("{name} is {value:?}: {}", advice.as_ref()))
    }

    /// A value that may be a secret.
    pub(crate) fn hidden(name: &str, advice: impl AsRef<str>) -> Self {
        Self(format!("{name}: {}", advice.as_ref()))
    }
}

type Lookup<'a> = dyn Fn(&str) -> Option<OsString> + 'a;

/// Where variables are looked up.
#[derive(Clone, Copy)]
pub(crate) struct Variables<'a>(pub(crate) &'a Lookup<'a>);

/// A variable that is set.
pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) value: String,
}

impl Variable {
    pub(crate) fn error(&self, advice: impl AsRef<str>) -> VariableError {
        VariableError::new(&self.name, &self.value, advice)
    }

    /// One of a few words, in any case.
    pub(crate) fn choice<T: Copy>(&self, choices: &[(&str, T)]) -> Result<T, VariableError> {
        let found = choices.iter().find(|(word, _)| word.eq_ignore_ascii_case(&self.value));
        found.map(|(_, choice)| *choice).ok_or_else(|| {
            let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
            self.error(format!("use {}", words.join(", ")))
        })
    }

    /// `key=value` pairs between commas; values are percent-encoded. `None` when it is something else.
    pub(crate) fn pairs(&self) -> Option<Vec<(String, String)>> {
        let parts = self.value.split(',').map(str::trim).filter(|part| !part.is_empty());
        parts.map(|part| part.split_once('=').and_then(|(key, value)| pair(key.trim(), value.trim()))).collect()
    }
}

fn pair(key: &str, value: &str) -> Option<(String, String)> {
    let is_hex = |part: &str| part.get(..2).is_some_and(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
    if !value.split('%').skip(1).all(is_hex) {
        return None;
    }
    let value = percent_encoding::percent_decode_str(value).decode_utf8().ok()?;
    Some((key.to_owned(), value.into_owned())).filter(|_| !key.is_empty())
}

impl Variables<'_> {
    /// A variable; one that is empty counts as unset, as the specification says.
    pub(crate) fn get(&self, name: &str) -> Result<Option<Variable>, VariableError> {
        let Some(value) = (self.0)(name).filter(|value| !value.is_empty()) else { return Ok(None) };
        match value.into_string() {
            Ok(value) => Ok(Some(Variable { name: name.to_owned(), value: value.trim().to_owned() })),
            Err(_) => Err(VariableError::hidden(name, "its value is not UTF-8")),
        }
    }

    /// The variable of one signal, or else that of all.
    pub(crate) fn otlp(&self, signal: &str, suffix: &str) -> Result<Option<Variable>, VariableError> {
        match self.get(&format!("OTEL_EXPORTER_OTLP_{signal}_{suffix}"))? {
            Some(found) => Ok(Some(found)),
            None => self.get(&format!("OTEL_EXPORTER_OTLP_{suffix}")),
        }
    }

    pub(crate) fn choice<T: Copy>(&self, name: &str, choices: &[(&str, T)]) -> Result<Option<T>, VariableError> {
        self.get(name)?.map(|variable| variable.choice(choices)).transpose()
    }

    pub(crate) fn number(&self, name: &str, default: u64) -> Result<u64, VariableError> {
        self.get(name)?.map_or(Ok(default), |variable| number(&variable, "use a number of at least 1"))
    }

    pub(crate) fn millis(&self, name: &str, default: u64) -> Result<Duration, VariableError> {
        millis(self.get(name)?, default)
    }
}

/// A time in milliseconds, as the specification counts it.
pub(crate) fn millis(variable: Option<Variable>, default: u64) -> Result<Duration, VariableError> {
    let advice = "use a number of milliseconds, at least 1";
    Ok(Duration::from_millis(variable.map_or(Ok(default), |variable| number(&variable, advice))?))
}

fn number(variable: &Variable, advice: &str) -> Result<u64, VariableError> {
    // More than this in milliseconds is over a century, and no clock can add it.
    variable.value.parse().ok().filter(|n| (1..1 << 42).contains(n)).ok_or_else(|| variable.error(advice))
}
