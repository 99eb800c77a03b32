//! `version` and `completion`.

use clap::Command;
use clap_complete::{Shell, generate};
use serde_json::json;

use crate::{
    failure::Failure,
    output::{Format, print},
};

/// Runs `version`.
///
/// # Errors
/// If stdout cannot be written.
pub(crate) fn run(format: Option<Format>) -> Result<(), Failure> {
    let version = env!("CARGO_PKG_VERSION");
    let (system, machine) = (std::env::consts::OS, std::env::consts::ARCH);
    let object = json!({"name": "campus", "version": version, "system": system, "machine": machine});
    print(&match format {
        None | Some(Format::Table) => format!("campus {version} ({system}, {machine})\n"),
        Some(Format::Json) => format!("{object:#}\n"),
        Some(Format::Ndjson) => format!("{object}\n"),
        Some(Format::Csv) => format!("name,version,system,machine\ncampus,{version},{system},{machine}\n"),
    })
}

/// Runs `completion`.
///
/// # Errors
/// If stdout cannot be written.
pub(crate) fn completion(shell: Shell, mut command: Command) -> Result<(), Failure> {
    let mut script = Vec::new();
    generate(shell, &mut command, "campus", &mut script);
    print(&String::from_utf8_lossy(&script))
}
