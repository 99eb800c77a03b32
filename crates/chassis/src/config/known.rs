//! The settings there are.

use super::{ConfigError, Given, bad_value};

/// The names that exist: what the defaults look like when serialized.
#[derive(Default)]
pub(super) struct Known {
    leaves: Vec<String>,
    /// Maps that are empty by default: any name may stand below them.
    open: Vec<String>,
}

impl Known {
    /// From the defaults, serialized.
    pub(super) fn of(defaults: &serde_json::Value) -> Self {
        let mut known = Self::default();
        known.add("", defaults);
        known
    }

    fn add(&mut self, path: &str, value: &serde_json::Value) {
        match value {
            serde_json::Value::Object(fields) if fields.is_empty() => self.open.push(format!("{path}.")),
            serde_json::Value::Object(fields) => {
                for (name, inner) in fields {
                    let below = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                    self.add(&below, inner);
                }
            }
            _ => self.leaves.push(path.to_owned()),
        }
    }

    /// Refuses a name that is none of these.
    pub(super) fn check(&self, given: &Given) -> Result<(), ConfigError> {
        let key = &given.key;
        if self.leaves.contains(key) || self.open.iter().any(|prefix| key.starts_with(prefix)) {
            return Ok(());
        }
        let below = format!("{key}.");
        if self.leaves.iter().chain(&self.open).any(|name| name.starts_with(&below)) {
            let reason = "it is a section, not a setting; give the settings in it".to_owned();
            return Err(bad_value(given, reason));
        }
        Err(ConfigError::Unknown { key: key.clone(), origin: given.origin.clone(), nearest: self.nearest(key) })
    }

    fn nearest(&self, key: &str) -> Option<String> {
        let distance = |name: &&String| strsim::damerau_levenshtein(key, name);
        let best = self.leaves.iter().min_by_key(distance)?;
        let same_leaf = || self.leaves.iter().find(|name| last(name) == last(key));
        let close = distance(&best) <= key.chars().count().max(6) / 3;
        if close { Some(best.clone()) } else { same_leaf().cloned() }
    }
}

fn last(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}
