//! What a process tells of itself: logs, and by OTLP traces and metrics.

use std::{io, time::Duration};

use campus_chassis::{BuildInfo, LogConfig, Metrics, Tracer, exit, logs};
use campus_telemetry::{Telemetry, VariableError};

use crate::TelemetrySettings;

/// Logs or telemetry cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ObserveError {
    /// A variable of the environment says what cannot be.
    #[error(transparent)]
    Variable(#[from] VariableError),
    /// A setting of the logs says what cannot be.
    #[error(transparent)]
    Logs(#[from] logs::LogError),
    /// The operating system refused a thread.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] io::Error),
}

impl ObserveError {
    /// What the process exits with.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Variable(_) | Self::Logs(_) => exit::USAGE,
            Self::Thread(_) => exit::INTERNAL,
        }
    }
}

/// Logs and telemetry of a process, from before anything is served until all is.
#[derive(Debug)]
pub struct Observer {
    telemetry: Option<Telemetry>,
    tracer: Tracer,
    limit: Duration,
    _logs: logs::LogGuard,
}

impl Observer {
    /// Starts logs as the settings say, and telemetry as the `OTEL_*` variables say.
    ///
    /// # Errors
    /// [`ObserveError`]; nothing has started then.
    pub fn start(log: &LogConfig, sending: &TelemetrySettings, info: &BuildInfo) -> Result<Self, ObserveError> {
        let mut variables = campus_telemetry::Settings::from_env(&info.name, &info.version)?;
        let unused = std::mem::take(&mut variables.unused);
        let tracer = Tracer::new(variables.sampler, variables.propagates);
        let telemetry = if variables.is_on() { Some(Telemetry::start(variables, &info.version)?) } else { None };
        let logs = logs::init(log, telemetry.as_ref())?;
        unused.iter().for_each(|line| tracing::warn!("{line}"));
        Ok(Self { telemetry, tracer, limit: sending.flush_limit.get(), _logs: logs })
    }

    /// What traces calls.
    pub fn tracer(&self) -> Tracer {
        self.tracer
    }

    /// Sends these metrics too, and puts what becomes of the telemetry among them.
    pub fn watch(&mut self, metrics: Metrics) {
        if let Some(telemetry) = &mut self.telemetry {
            metrics.register(|registry| telemetry.register(registry));
            telemetry.send_metrics_of(move || metrics.families());
        }
    }

    /// Sends what waits, for no longer than `telemetry.flush_limit`. Blocks.
    pub fn stop(self) {
        if let Some(telemetry) = self.telemetry {
            telemetry.stop(self.limit);
        }
    }
}
