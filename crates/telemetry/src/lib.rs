//! Sends traces and metrics by OTLP as the standard variables say.

mod ids;
mod sampler;

pub use ids::with_trace_id;
pub use sampler::Sampler;
