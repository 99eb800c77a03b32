//! Logs to stderr: pretty for people, JSON for machines.

mod called;

use crate::{LogConfig, LogFormat, config::OutOfRange, panics};
use called::Called;
use campus_call::SPANS;
use campus_telemetry::Telemetry;
use std::io::{self, IsTerminal};
use tracing::level_filters::LevelFilter;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::{
    EnvFilter,
    filter::{FilterExt, filter_fn},
    fmt::{self, format::JsonFields},
    prelude::*,
};

/// Lines that wait for whoever reads stderr. More are dropped: nobody who logs waits.
const LINES: usize = 16_384;

/// Writes what waits when it is dropped, for a second at most.
#[derive(Debug)]
#[must_use]
pub struct LogGuard(#[expect(dead_code, reason = "it works by being dropped")] WorkerGuard);

/// Logging cannot start.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The level is not one, nor a list of `target=level`.
    #[error(transparent)]
    Setting(#[from] OutOfRange),
    /// Something else in the process has set up logging before.
    #[error("logging was already set up in this process")]
    Twice,
}

/// Sends every event of the process to stderr as `config` says, and the spans of sampled calls to `telemetry`. An event of
/// a call carries the call's `request_id`, and `trace_id` and `span_id` if it is part of a trace. A panic outside of calls
/// becomes an event without its message.
///
/// # Errors
/// [`LogError`] for a level that is not one, and at the second call.
pub fn init(config: &LogConfig, telemetry: Option<&Telemetry>) -> Result<LogGuard, LogError> {
    // What is meant for the collector is no log, whatever the level.
    let no_spans = filter_fn(|about| about.target() != SPANS).with_max_level_hint(LevelFilter::TRACE);
    let filter = no_spans.and(filter(&config.level)?);
    let pretty = match config.format {
        LogFormat::Pretty => true,
        LogFormat::Json => false,
        LogFormat::Auto => io::stderr().is_terminal(),
    };
    let spans = telemetry.and_then(Telemetry::layer).map(|layer| {
        let only_spans = filter_fn(|about| about.target() == SPANS).with_max_level_hint(LevelFilter::INFO);
        layer.with_filter(only_spans)
    });
    let registry = tracing_subscriber::registry().with(spans);
    let (writer, guard) = NonBlockingBuilder::default().buffered_lines_limit(LINES).finish(io::stderr());
    let layer = fmt::layer().with_writer(writer);
    let started = if pretty {
        let colour = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        let format = Called::pretty(fmt::format().with_ansi(colour));
        registry.with(layer.with_ansi(colour).event_format(format).with_filter(filter)).try_init()
    } else {
        let format = Called::json(fmt::format().json().flatten_event(true));
        registry.with(layer.fmt_fields(JsonFields::new()).event_format(format).with_filter(filter)).try_init()
    };
    started.map_err(|_| LogError::Twice)?;
    panics::log_others();
    Ok(LogGuard(guard))
}

pub(crate) fn filter(level: &str) -> Result<EnvFilter, OutOfRange> {
    let possible = "use error, warn, info, debug, trace, or target=level pairs separated by commas";
    let fail = || OutOfRange { setting: "log.level", value: format!("{level:?}"), possible: possible.into() };
    // A bare word that is no level would be taken for a target, and everything else be switched off.
    for part in level.split(',').filter(|part| !part.contains(['=', '['])) {
        let known = part.trim().parse::<LevelFilter>();
        known.ok().filter(|_| !part.trim().is_empty()).ok_or_else(fail)?;
    }
    EnvFilter::builder().parse(format!("{level}{}", unless_asked(level))).map_err(|_| fail())
}

/// A client can have h2 warn as often as it sends something odd; what comes of that is told and counted where it is decided.
fn unless_asked(level: &str) -> &'static str {
    let parts = || level.split(',').map(str::trim);
    let is_usual = |level: LevelFilter| level == LevelFilter::WARN || level == LevelFilter::INFO;
    let usual = parts().any(|part| part.parse().is_ok_and(is_usual));
    if usual && !parts().any(|part| part.starts_with("h2")) { ",h2=error" } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_target_levels_are_accepted() {
        for level in ["info", "debug", "warn,campus_store=debug", "off"] {
            assert!(filter(level).is_ok(), "{level}");
        }
    }

    #[test]
    fn what_clients_can_have_h2_say_is_left_out_unless_it_is_asked_for() {
        for (level, written) in [
            ("info", "h2=error,info"),
            ("warn,campus_store=debug", "campus_store=debug,h2=error,warn"),
            ("info,h2=warn", "h2=warn,info"),
            ("debug", "debug"),
            ("off", "off"),
        ] {
            let filter = filter(level).unwrap().to_string();
            let mut parts: Vec<&str> = filter.split(',').collect();
            parts.sort_unstable();
            assert_eq!(parts.join(","), written, "{level}");
        }
    }

    #[test]
    fn a_word_that_is_no_level_is_refused_with_the_ones_there_are() {
        for level in ["loud", "", "info,loud", "a=loud"] {
            let error = filter(level).unwrap_err().to_string();
            let expected = format!(
                "setting log.level is {level:?}: use error, warn, info, debug, trace, or target=level pairs separated by commas"
            );
            assert_eq!(error, expected);
        }
    }
}
