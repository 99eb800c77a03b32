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
    pub(crate) hedging: Option<HedgingPolicy>,
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

/// When a call is made again although nothing is known of the first (gRFC A6).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct HedgingPolicy {
    /// With the first.
    pub(crate) max_attempts: u32,
    /// From one attempt to the next.
    pub(crate) delay: Duration,
    /// The statuses that leave the other attempts alone.
    pub(crate) non_fatal: Vec<Code>,
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
        let (retry, hedging) = (at.get("retryPolicy"), at.get("hedgingPolicy"));
        if retry.is_some() && hedging.is_some() {
            return Err(at.wrong("an object with one of retryPolicy and hedgingPolicy, not both"));
        }
        Ok(Self {
            timeout: at.get("timeout").map(|timeout| timeout.duration()).transpose()?,
            wait_for_ready: at.get("waitForReady").map(|flag| flag.flag()).transpose()?.unwrap_or_default(),
            retry: retry.map(|policy| RetryPolicy::read(&policy)).transpose()?,
            hedging: hedging.map(|policy| HedgingPolicy::read(&policy)).transpose()?,
        })
    }
}

fn max_attempts(policy: &At<'_>) -> Result<u32, Wrong> {
    let attempts = policy.required("maxAttempts")?;
    match attempts.whole()? {
        0 | 1 => Err(attempts.wrong("a whole number from 2 on")),
        number => Ok(number.min(MOST_ATTEMPTS)),
    }
}

impl HedgingPolicy {
    fn read(at: &At<'_>) -> Result<Self, Wrong> {
        let codes = at.get("nonFatalStatusCodes").map(|codes| codes.list()).transpose()?.unwrap_or_default();
        Ok(Self {
            max_attempts: max_attempts(at)?,
            delay: at.get("hedgingDelay").map(|delay| delay.duration()).transpose()?.unwrap_or_default(),
            non_fatal: codes.iter().map(At::code).collect::<Result<_, _>>()?,
        })
    }
}

impl RetryPolicy {
    fn read(at: &At<'_>) -> Result<Self, Wrong> {
        let max_attempts = max_attempts(at)?;
        let multiplier = at.required("backoffMultiplier")?;
        let codes = at.required("retryableStatusCodes")?;
        let policy = Self {
            max_attempts,
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
