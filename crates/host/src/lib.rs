//! Puts kinds of records on a chassis: configuration, store, API, life cycle.
//!
//! A service implements [`Service`]; its `main` is one call of [`main`]. A process with several of them builds a
//! [`Host`] from their [`Part`]s.

mod host;
mod metrics;
mod observe;
mod part;
mod process;
mod settings;

pub use campus_chassis::config::{ByteSize, read_file};
pub use host::{Host, RunError, StartError};
pub use observe::{ObserveError, Observer};
pub use part::{Flag, Opened, Opening, Part, Service};
pub use process::{EXIT_CODES, build_info, main, would_start};
pub use settings::{AddressBookSettings, Settings, StoreSettings, TelemetrySettings, default_data_dir};

// Small allocations of many sizes on every call: about a tenth less CPU than with glibc's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
