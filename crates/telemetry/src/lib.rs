//! Sends traces and metrics by OTLP as the standard variables say.
//!
//! [`Settings`] are what the `OTEL_*` variables say, checked whole before anything starts. [`Telemetry`] sends: spans come
//! out of `tracing` by its [layer](Telemetry::layer), wait in a queue of bounded length and are sent in batches; metrics are
//! those of the registry behind `/metrics`, at every interval. Everything is sent from one thread that does nothing else, so
//! that a collector which is gone, slow or out of its mind costs calls nothing; what cannot be delivered is counted.

mod codec;
mod connect;
mod deliver;
mod endpoint;
mod families;
mod figures;
mod ids;
mod queue;
mod resource;
mod sampler;
mod send;
mod settings;
mod telemetry;
mod tls;
mod variables;
mod worker;

pub use ids::with_trace_id;
pub use sampler::Sampler;
pub use settings::Settings;
pub use telemetry::Telemetry;
pub use variables::VariableError;
