//! What holds for calls of a method.

use std::{collections::HashMap, time::Duration};

use tonic::Code;

use super::read::{At, Wrong};

/// More attempts than these are none (gRFC A6).
const MOST_ATTEMPTS: u32 = 5;

/// What holds for calls of a method.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct MethodConfig {
    /// Longest time of a whole call.
    pub(crate) timeout: Option<Duration>,
    /// Whether calls wait while no server can be reached, instead of failing.
    pub(crate) wait_for_ready: bool,
    pub(crate) retry: Option<RetryPolicy>,
}

/// When a call that failed is made again (gRFC A6).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RetryPolicy {
    /// With the first.
    pub(crate) max_attempts: u32,
    pub(crate) initial_backoff: Duration,
    pub(crate) max_backoff: Duration,
    pub(crate) multiplier: f64,
    pub(crate) codes: Vec<Code>,
}

/// The configurations by method.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Methods {
    /// By `/service/method` and `/service/`; the default is that of the empty name.
    named: HashMap<String, MethodConfig>,
    default: MethodConfig,
}

impl Methods {
    /// By the path of a call.
    pub(crate) fn get(&self, path: &str) -> &MethodConfig {
        if self.named.is_empty() {
            return &self.default;
        }
        let service = || path.rfind('/').and_then(|end| self.named.get(path.get(..=end)?));
        self.named.get(path).or_else(service).unwrap_or(&self.default)
    }

    pub(super) fn read(list: &At<'_>) -> Result<Self, Wrong> {
        let mut methods = Self::default();
        let mut has_default = false;
        for entry in list.list()? {
            let config = MethodConfig::read(&entry)?;
            for name in entry.get("name").map(|names| names.list()).transpose()?.unwrap_or_default() {
                name.object()?;
                let part = |field| name.get(field).map(|part| part.text()).transpose().map(Option::unwrap_or_default);
                let known = match (part("service")?, part("method")?) {
                    ("", "") => {
                        methods.default = config.clone();
                        std::mem::replace(&mut has_default, true)
                    }
                    ("", _) => return Err(name.wrong("a name with a service when it has a method")),
                    (service, method) => methods.named.insert(format!("/{service}/{method}"), config.clone()).is_some(),
                };
                if known {
                    return Err(name.wrong("a name that no entry before has"));
                }
            }
        }
        Ok(methods)
    }
}

impl MethodConfig {
    fn read(at: &At<'_>) -> Result<Self, Wrong> {
        at.object()?;
        Ok(Self {
            timeout: at.get("timeout").map(|timeout| timeout.duration()).transpose()?,
            wait_for_ready: at.get("waitForReady").map(|flag| flag.flag()).transpose()?.unwrap_or_default(),
            retry: at.get("retryPolicy").map(|policy| RetryPolicy::read(&policy)).transpose()?,
        })
    }
}

impl RetryPolicy {
    fn read(at: &At<'_>) -> Result<Self, Wrong> {
        let attempts = at.required("maxAttempts")?;
        let max_attempts = attempts.whole()?;
        if max_attempts < 2 {
            return Err(attempts.wrong("a whole number from 2 on"));
        }
        let multiplier = at.required("backoffMultiplier")?;
        let codes = at.required("retryableStatusCodes")?;
        let policy = Self {
            max_attempts: max_attempts.min(MOST_ATTEMPTS),
            initial_backoff: at.required("initialBackoff")?.positive()?,
            max_backoff: at.required("maxBackoff")?.positive()?,
            multiplier: multiplier.number()?,
            codes: codes.list()?.iter().map(At::code).collect::<Result<_, _>>()?,
        };
        if policy.multiplier <= 0.0 {
            return Err(multiplier.wrong("a number above 0"));
        }
        if policy.codes.is_empty() {
            return Err(codes.wrong("a list with a status code in it"));
        }
        Ok(policy)
    }
}
