//! Reads settings: defaults, then a file, then the environment, then overrides; each later one wins.

mod file;
mod known;
mod list;
mod range;
mod units;

pub use file::read_file;
pub use list::List;
pub use range::{Measure, OutOfRange, Range, check};
pub(crate) use units::deserialize_address;
pub use units::{BadUnit, ByteSize, HumanDuration, address};

use known::Known;

use config::{Config, Environment, File, Map, Source, Value, ValueKind};
use serde::{Serialize, de::DeserializeOwned};
use std::path::{Path, PathBuf};

/// What a variable that holds a setting begins with: `CAMPUS__SERVER__LISTEN` is `server.listen`. Names with a single
/// underscore (Kubernetes sets `CAMPUS_SERVICE_PORT` and the like) are none of ours.
pub const ENVIRONMENT_PREFIX: &str = "CAMPUS__";

/// No file of settings is larger.
const MOST: ByteSize = ByteSize::mib(1);

/// Where settings come from, the weakest first.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// A TOML or YAML file, told apart by its extension.
    pub file: Option<PathBuf>,
    /// Environment variables (all of them; those without the prefix are left alone).
    pub env: Vec<(String, String)>,
    /// Pairs of a dotted key (`server.listen`) and its value, as flags give them.
    pub overrides: Vec<(String, String)>,
}

impl Sources {
    /// The file, and the variables of this process. Variables that are not UTF-8 are left out.
    #[must_use]
    pub fn process(file: Option<PathBuf>, overrides: Vec<(String, String)>) -> Self {
        let env = std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)));
        Self { file, env: env.collect(), overrides }
    }
}

/// A setting cannot be used; says in one line which, where it came from, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read or is not in its format.
    #[error("cannot read the configuration file {path}: {reason}")]
    File {
        /// As it was given.
        path: String,
        /// Of the operating system or of the parser, with the line where it gives one.
        reason: String,
    },
    /// No setting has this name.
    #[error("unknown setting {key:?} in {origin}{}", nearest.as_ref().map(|n| format!("; did you mean {n:?}?")).unwrap_or_default())]
    Unknown {
        /// Dotted, as it was understood.
        key: String,
        /// The file, the variable or the flag.
        origin: String,
        /// The known name most like it.
        nearest: Option<String>,
    },
    /// The value is not of the setting's type.
    #[error("setting {key:?} in {origin} is {value}: {reason}")]
    Value {
        /// Dotted.
        key: String,
        /// The file, the variable or the flag.
        origin: String,
        /// As it was given.
        value: String,
        /// What was expected.
        reason: String,
    },
    /// The value makes no sense.
    #[error("setting {} in {origin} is {}: {}", fault.setting, fault.value, fault.possible)]
    Refused {
        /// The file, the variable or the flag.
        origin: String,
        /// Which setting, and what is wrong.
        fault: OutOfRange,
    },
    /// As it is by default, the setting does not go with another one.
    #[error(transparent)]
    Default(OutOfRange),
}

/// One value as a source gives it.
struct Given {
    key: String,
    value: Value,
    origin: String,
}

/// Reads `C` from its defaults and `sources`.
///
/// # Errors
/// [`ConfigError`] for an unreadable file, a name that `C::default()` does not have when serialized, or a value of the wrong type.
pub fn load<C: Serialize + DeserializeOwned + Default>(sources: Sources) -> Result<C, ConfigError> {
    load_checked(sources, |_| Ok(()))
}

/// As [`load`], and says of what `check` refuses where it came from.
///
/// # Errors
/// As [`load`], and of `check`.
pub fn load_checked<C: Serialize + DeserializeOwned + Default>(
    sources: Sources,
    check: impl FnOnce(&mut C) -> Result<(), OutOfRange>,
) -> Result<C, ConfigError> {
    let mut given = Vec::new();
    if let Some(path) = &sources.file {
        from_file(path, &mut given)?;
    }
    from_environment(&sources.env, &mut given)?;
    given.extend(sources.overrides.into_iter().map(|(key, text)| Given {
        origin: format!("the flag for {key}"),
        value: Value::new(None, text),
        key,
    }));
    let known = Known::of(&serde_json::to_value(C::default()).unwrap_or_default());
    for g in &given {
        known.check(g)?;
    }
    let mut builder = Config::builder();
    for g in &given {
        builder = builder.set_override(&g.key, g.value.clone()).map_err(|e| explain(&e, &given))?;
    }
    let mut settings = builder.build().and_then(Config::try_deserialize).map_err(|e| explain(&e, &given))?;
    check(&mut settings).map_err(|fault| match given.iter().rev().find(|g| g.key == fault.setting) {
        Some(g) => ConfigError::Refused { origin: g.origin.clone(), fault },
        None => ConfigError::Default(fault),
    })?;
    Ok(settings)
}

fn from_file(path: &Path, given: &mut Vec<Given>) -> Result<(), ConfigError> {
    let shown = path.display().to_string();
    let fail = |reason: String| ConfigError::File { path: shown.clone(), reason: one_line(&reason) };
    if !path.extension().is_some_and(|e| ["toml", "yaml", "yml"].iter().any(|known| e.eq_ignore_ascii_case(known))) {
        return Err(fail("the name must end in .toml, .yaml or .yml".to_owned()));
    }
    if let Err(e) = read_file(path, MOST) {
        return Err(fail(e.to_string()));
    }
    let values = File::from(path).collect().map_err(|e| match e {
        config::ConfigError::FileParse { cause, .. } => fail(without_excerpt(&cause.to_string())),
        other => fail(other.to_string()),
    })?;
    flatten("", values, &shown, given);
    Ok(())
}

fn from_environment(env: &[(String, String)], given: &mut Vec<Given>) -> Result<(), ConfigError> {
    let ours = env.iter().filter(|(name, _)| name.starts_with(ENVIRONMENT_PREFIX));
    for (name, text) in ours {
        let source = Environment::with_prefix("CAMPUS").prefix_separator("__").separator("__");
        let one = Map::from([(name.clone(), text.clone())]);
        let values = source.source(Some(one)).collect().map_err(|e| explain(&e, given))?;
        given.extend(values.into_iter().map(|(key, value)| Given {
            key,
            value,
            origin: format!("the environment ({name})"),
        }));
    }
    Ok(())
}

/// Tables become dotted keys; an empty table says nothing and is dropped.
fn flatten(prefix: &str, values: Map<String, Value>, origin: &str, given: &mut Vec<Given>) {
    for (key, value) in values {
        let key = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
        match value.kind {
            ValueKind::Table(inner) => flatten(&key, inner, origin, given),
            _ => given.push(Given { key, value, origin: origin.to_owned() }),
        }
    }
}

fn bad_value(given: &Given, reason: String) -> ConfigError {
    // An address may hold a password, however it is written.
    let is_address = given.key.split('.').next_back().is_some_and(|name| name.starts_with("url"));
    let value = match &given.value.kind {
        _ if is_address => "not shown here".to_owned(),
        ValueKind::String(text) if text.contains("://") => "not shown here".to_owned(),
        ValueKind::String(text) => format!("{text:?}"),
        // The library writes it in a form of its own, which no file has.
        ValueKind::Table(_) | ValueKind::Array(_) => "not usable".to_owned(),
        other => other.to_string(),
    };
    ConfigError::Value { key: given.key.clone(), origin: given.origin.clone(), value, reason }
}

/// The library's error in our words: the setting's name, where it was given last, and what is expected there.
fn explain(error: &config::ConfigError, given: &[Given]) -> ConfigError {
    use config::ConfigError as E;
    let (key, reason) = match error {
        E::Type { key, expected, .. } => (key.clone(), format!("expected {expected}")),
        E::At { error, key, .. } => (key.clone(), error.to_string()),
        other => (None, other.to_string()),
    };
    let reason = one_line(&reason);
    let setting = key.as_deref().map(|k| k.split('[').next().unwrap_or(k));
    match given.iter().rev().find(|g| Some(g.key.as_str()) == setting) {
        Some(g) => bad_value(g, reason),
        None => ConfigError::Value {
            key: key.unwrap_or_default(),
            origin: "the settings as a whole".to_owned(),
            value: "not usable".to_owned(),
            reason,
        },
    }
}

/// What a parser says, without the lines of the file that it quotes: they may hold a password.
fn without_excerpt(text: &str) -> String {
    let quotes = |line: &&str| line.trim_start_matches(|c: char| c == ' ' || c.is_ascii_digit()).starts_with('|');
    text.lines().filter(|line| !quotes(line)).collect::<Vec<_>>().join("\n")
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
