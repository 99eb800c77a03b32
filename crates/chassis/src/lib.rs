#![doc = include_str!("../README.md")]

mod admin;
mod app;
mod assemble;
mod call;
pub mod config;
pub mod descriptors;
pub mod exit;
mod handle;
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
pub mod trace;
mod transport;
mod web;

pub use app::{App, AppBuilder, BuildInfo, StartError};
pub use call::RequestBody;
pub use handle::{Handle, Skip};
pub use health::Health;
pub use metrics::Metrics;
pub use prometheus_client;
pub use run::RunError;
pub use service::GrpcService;
pub use settings::{AdminConfig, CompressReplies, LogConfig, LogFormat, ServerConfig};
pub use status::DOMAIN;
pub use trace::Tracer;
pub use transport::{Address, Allow, ClientCertificate, Listen, Rule, SocketMode, TlsConfig, TlsVersion};
pub use web::{BodyError, Notice, ReadError, Routed, WebBody, WebRoute, WebService};
