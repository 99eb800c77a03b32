//! Runs gRPC services well: listens, limits, observes, drains, stops.
//!
//! Services are what tonic's code generator makes; the chassis serves them on hyper itself, on one event loop a core.
//!
//! ```no_run
//! use campus_chassis::{AdminConfig, App, ServerConfig, signals};
//!
//! # async fn run<S: campus_chassis::GrpcService>(service: S, descriptors: &[u8]) -> Result<(), Box<dyn std::error::Error>> {
//! let app = App::builder(&ServerConfig::default(), &AdminConfig::default())
//!     .descriptors(descriptors)
//!     .service(service)
//!     .ready_check("store", || async { Ok(()) })
//!     .build()?;
//! app.run_until(signals::shutdown()?).await?;
//! # Ok(())
//! # }
//! ```

mod admin;
mod app;
mod call;
pub mod config;
pub mod exit;
mod health;
pub mod logs;
pub mod metrics;
mod panics;
mod ready;
mod reflection;
mod run;
mod serve;
mod service;
mod settings;
pub mod signals;
mod status;

pub use app::{App, AppBuilder, BuildInfo, StartError};
pub use call::RequestBody;
pub use health::Health;
pub use metrics::Metrics;
pub use prometheus_client;
pub use run::{Handle, RunError, Skip};
pub use service::GrpcService;
pub use settings::{AdminConfig, LogConfig, LogFormat, ServerConfig};
pub use status::DOMAIN;
