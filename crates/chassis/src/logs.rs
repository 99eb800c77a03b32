//! Logs to stderr: pretty for people, JSON for machines.

use crate::{LogConfig, LogFormat, panics};
use std::io::{self, IsTerminal};
use tracing_subscriber::{EnvFilter, fmt, prelude::*};

/// Logging cannot start.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The level is not one, nor a list of `target=level`.
    #[error(
        "setting log.level is {0:?}: use error, warn, info, debug, trace, or target=level pairs separated by commas"
    )]
    Level(String),
    /// Something else in the process has set up logging before.
    #[error("logging was already set up in this process")]
    Twice,
}

/// Sends every event of the process to stderr as `config` says. A panic outside of calls becomes an event without its message.
///
/// # Errors
/// [`LogError`] for a level that is not one, and at the second call.
pub fn init(config: &LogConfig) -> Result<(), LogError> {
    let filter = filter(&config.level)?;
    let pretty = match config.format {
        LogFormat::Pretty => true,
        LogFormat::Json => false,
        LogFormat::Auto => io::stderr().is_terminal(),
    };
    let registry = tracing_subscriber::registry().with(filter);
    let started = if pretty {
        let colour = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        registry.with(fmt::layer().with_writer(io::stderr).with_ansi(colour)).try_init()
    } else {
        registry.with(fmt::layer().json().flatten_event(true).with_writer(io::stderr)).try_init()
    };
    started.map_err(|_| LogError::Twice)?;
    panics::log_others();
    Ok(())
}

fn filter(level: &str) -> Result<EnvFilter, LogError> {
    let fail = || LogError::Level(level.to_owned());
    // A bare word that is no level would be taken for a target, and everything else be switched off.
    for part in level.split(',').filter(|part| !part.contains(['=', '['])) {
        let known = part.trim().parse::<tracing_subscriber::filter::LevelFilter>();
        known.ok().filter(|_| !part.trim().is_empty()).ok_or_else(fail)?;
    }
    EnvFilter::builder().parse(level).map_err(|_| fail())
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
