//! Holds the services to the vectors of `testdata/vectors`, through the Rust client.

mod compare;
mod grpc;
mod messages;
mod rest;
mod run;
mod values;
mod vector;

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Parser;
use futures_util::{StreamExt, stream};
use serde_json::json;

use crate::run::Runner;

/// Vectors under way at once; few, since deadlines of some are short.
const AT_ONCE: usize = 8;

/// Holds the services to the vectors, through the Rust client.
#[derive(Parser)]
struct Args {
    /// Address of the services of gRPC.
    #[arg(long, value_name = "HOST:PORT")]
    grpc: String,
    /// Where REST is.
    #[arg(long, value_name = "URL")]
    rest: String,
    /// Both addresses speak TLS, and this authority is trusted.
    #[arg(long, value_name = "FILE")]
    tls_ca: Option<PathBuf>,
    /// Certificate to show.
    #[arg(long, value_name = "FILE", requires = "tls_key", requires = "tls_ca")]
    tls_cert: Option<PathBuf>,
    /// Its private key.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Folder of the vectors.
    #[arg(long, value_name = "DIR", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/vectors"))]
    vectors: PathBuf,
    /// Runs those with this in their folder/name.
    #[arg(default_value = "")]
    filter: String,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(64) } else { ExitCode::SUCCESS };
        }
    };
    match all(&args).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::from(64)
        }
    }
}

/// Runs what the arguments ask for, a line for each; whether all is well.
async fn all(args: &Args) -> Result<bool, String> {
    let names = found(&args.vectors)?;
    let names: Vec<_> = names.into_iter().filter(|name| name.contains(&args.filter)).collect();
    if names.is_empty() {
        return Err(format!("no vector in {} has {:?} in its name", args.vectors.display(), args.filter));
    }
    // The error names the file.
    let read = |name: String| Ok((vector::read(&args.vectors.join(format!("{name}.json")))?, name));
    let vectors = names.into_iter().map(read).collect::<Result<Vec<_>, String>>()?;
    let runner = Runner::new(args)?;
    let one = async |(steps, name)| (name, runner.run(steps).await);
    let mut outcomes = stream::iter(vectors).map(one).buffer_unordered(AT_ONCE);
    let mut good = true;
    while let Some((name, outcome)) = outcomes.next().await {
        good &= outcome.is_ok();
        let line = match outcome {
            Ok(()) => json!({"vector": name, "ok": true}),
            Err(why) => json!({"vector": name, "ok": false, "why": why}),
        };
        writeln!(io::stdout(), "{line}").map_err(|error| error.to_string())?;
    }
    Ok(good)
}

/// `folder/name` of every vector, sorted.
fn found(folder: &Path) -> Result<Vec<String>, String> {
    let list = |folder: &Path| {
        let entries = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        entries.map_err(|error| format!("cannot read {}: {error}", folder.display()))
    };
    let mut names = Vec::new();
    for subject in list(folder)?.into_iter().filter(|entry| entry.path().is_dir()) {
        for file in list(&subject.path())? {
            let name = file.file_name().to_string_lossy().into_owned();
            let Some(stem) = name.strip_suffix(".json") else {
                return Err(format!("{} is no vector: a vector ends in .json", file.path().display()));
            };
            names.push(format!("{}/{stem}", subject.file_name().to_string_lossy()));
        }
    }
    names.sort_unstable();
    Ok(names)
}
