//! What the standard variables say (OpenTelemetry environment variable specification).

use crate::{
    Sampler, VariableError,
    endpoint::{Endpoint, Signal},
    resource,
    variables::Variables,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use std::{ffi::OsString, time::Duration};

/// What is sent, where and when.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which calls are traced; `None` when no traces are sent.
    pub sampler: Option<Sampler>,
    /// Whether callers' trace contexts are taken in and passed on.
    pub propagates: bool,
    /// What is set and has no effect beside the rest, a line each.
    pub unused: Vec<String>,
    pub(crate) resource: Resource,
    pub(crate) traces: Option<Traces>,
    pub(crate) metrics: Option<Metrics>,
}

/// How spans are sent.
#[derive(Clone, Debug)]
pub(crate) struct Traces {
    pub(crate) endpoint: Endpoint,
    /// Spans that may wait; more are dropped.
    pub(crate) queue: usize,
    /// Spans sent at once.
    pub(crate) batch: usize,
    /// The longest a span waits for others before it is sent.
    pub(crate) delay: Duration,
    /// For one batch, with all attempts.
    pub(crate) limit: Duration,
}

/// How metrics are sent.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    pub(crate) endpoint: Endpoint,
    pub(crate) interval: Duration,
    /// For one export, with all attempts.
    pub(crate) limit: Duration,
}

impl Settings {
    /// Reads the variables of this process, for the program `name` in this `version`.
    ///
    /// # Errors
    /// [`VariableError`] for the first value that is not understood or cannot be honoured.
    pub fn from_env(name: &str, version: &str) -> Result<Self, VariableError> {
        Self::read(&|variable| std::env::var_os(variable), name, version)
    }

    /// As [`from_env`](Self::from_env), with variables from elsewhere. All are read, also those of what is not sent.
    ///
    /// # Errors
    /// As [`from_env`](Self::from_env).
    pub fn read(lookup: &dyn Fn(&str) -> Option<OsString>, name: &str, version: &str) -> Result<Self, VariableError> {
        let variables = &Variables(lookup);
        let disabled = variables.choice("OTEL_SDK_DISABLED", &[("true", true), ("false", false)])?.unwrap_or(false);
        let is_on = |signal| Ok(is_asked_for(variables, signal)? && !disabled);
        let (sends_traces, sends_metrics) = (is_on(Signal::Traces)?, is_on(Signal::Metrics)?);
        let traces = Some(Traces::read(variables, sends_traces)?).filter(|_| sends_traces);
        let metrics = Some(Metrics::read(variables, sends_metrics)?).filter(|_| sends_metrics);
        let mut unused = Vec::new();
        let sampler = sampler(variables, &mut unused)?;
        let endpoints = [traces.as_ref().map(|it| &it.endpoint), metrics.as_ref().map(|it| &it.endpoint)];
        for (signal, endpoint) in [Signal::Traces, Signal::Metrics].into_iter().zip(endpoints) {
            unused.extend(endpoint.map_or(Ok(Vec::new()), |endpoint| endpoint.unused(variables, signal))?);
        }
        Ok(Self {
            unused,
            sampler: traces.is_some().then_some(sampler),
            propagates: propagates(variables)?,
            resource: resource::read(variables, name, version)?,
            traces,
            metrics,
        })
    }

    /// Whether anything is sent.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.traces.is_some() || self.metrics.is_some()
    }
}

/// A signal is sent when its exporter is chosen, or else when there is somewhere to send it to.
fn is_asked_for(variables: &Variables<'_>, signal: Signal) -> Result<bool, VariableError> {
    let exporter = format!("OTEL_{}_EXPORTER", signal.upper());
    match variables.choice(&exporter, &[("otlp", true), ("none", false)])? {
        Some(chosen) => Ok(chosen),
        None => Ok(variables.otlp(signal.upper(), "ENDPOINT")?.is_some()),
    }
}

impl Traces {
    fn read(variables: &Variables<'_>, is_on: bool) -> Result<Self, VariableError> {
        let queue = variables.number("OTEL_BSP_MAX_QUEUE_SIZE", 2048)?;
        let batch = variables.number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512.min(queue))?;
        let size = |name: &str, n: u64, most: u64, advice: &str| match usize::try_from(n) {
            Ok(size) if n <= most => Ok(size),
            _ => Err(VariableError::new(name, &n.to_string(), advice)),
        };
        Ok(Self {
            queue: size("OTEL_BSP_MAX_QUEUE_SIZE", queue, 1 << 20, "use at most 1048576")?,
            batch: size(
                "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
                batch,
                queue,
                "it cannot be more than OTEL_BSP_MAX_QUEUE_SIZE",
            )?,
            delay: variables.millis("OTEL_BSP_SCHEDULE_DELAY", 5000)?,
            limit: variables.millis("OTEL_BSP_EXPORT_TIMEOUT", 30_000)?,
            endpoint: Endpoint::read(variables, Signal::Traces, is_on)?,
        })
    }
}

impl Metrics {
    fn read(variables: &Variables<'_>, is_on: bool) -> Result<Self, VariableError> {
        Ok(Self {
            interval: variables.millis("OTEL_METRIC_EXPORT_INTERVAL", 60_000)?,
            limit: variables.millis("OTEL_METRIC_EXPORT_TIMEOUT", 30_000)?,
            endpoint: Endpoint::read(variables, Signal::Metrics, is_on)?,
        })
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Root {
    On,
    Off,
    Ratio,
}

fn sampler(variables: &Variables<'_>, unused: &mut Vec<String>) -> Result<Sampler, VariableError> {
    let choices = [
        ("always_on", (Root::On, false)),
        ("always_off", (Root::Off, false)),
        ("traceidratio", (Root::Ratio, false)),
        ("parentbased_always_on", (Root::On, true)),
        ("parentbased_always_off", (Root::Off, true)),
        ("parentbased_traceidratio", (Root::Ratio, true)),
    ];
    let (root, parent_based) = variables.choice("OTEL_TRACES_SAMPLER", &choices)?.unwrap_or((Root::On, true));
    let part = match variables.get("OTEL_TRACES_SAMPLER_ARG")? {
        None => 1.0,
        Some(given) => {
            if root != Root::Ratio {
                unused.push(format!("{} has no effect: set OTEL_TRACES_SAMPLER to traceidratio, too", given.name));
            }
            let part: Option<f64> = given.value.parse().ok().filter(|part| (0.0..=1.0).contains(part));
            part.ok_or_else(|| given.error("use the part of traces to take, 0 to 1"))?
        }
    };
    let sampler = match root {
        Root::On => Sampler::ALWAYS_ON,
        Root::Off => Sampler::ALWAYS_OFF,
        Root::Ratio => Sampler::ratio(part),
    };
    Ok(if parent_based { sampler.parent_based() } else { sampler })
}

/// Baggage is accepted as a word because it is part of the default; nothing here reads or sends any.
fn propagates(variables: &Variables<'_>) -> Result<bool, VariableError> {
    let Some(given) = variables.get("OTEL_PROPAGATORS")? else { return Ok(true) };
    let words: Vec<&str> = given.value.split(',').map(str::trim).filter(|word| !word.is_empty()).collect();
    match words.as_slice() {
        ["none"] => Ok(false),
        words if words.iter().all(|word| matches!(*word, "tracecontext" | "baggage")) => {
            Ok(words.contains(&"tracecontext"))
        }
        _ => Err(given.error("use tracecontext, baggage or both with a comma, or none alone")),
    }
}

#[cfg(test)]
mod tests;
