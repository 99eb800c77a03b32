//! `demo`: every service with the example data, and what to try.

use std::{
    env,
    path::{Path, PathBuf},
};

use campus_chassis::Address;
use campus_proto::standard::{ListRequest, ListResponse};
use etcetera::BaseStrategy;
use prost::Message;

use crate::{
    args::ServeArgs,
    block_on,
    commands::person,
    connect::{self, TlsArgs},
    context::{ClientArgs, Context},
    failure::{Failure, exit},
    import::{self, source::InputFormat},
    kind::{Kind, Verb},
    output::print,
    serve,
    server::{self, Running, Settings},
    terminal::say,
};

/// The example data by plural of its kind.
const EXAMPLES: [(&str, &str, InputFormat); 2] = [
    ("employees", include_str!("../../examples/employees.csv"), InputFormat::Csv),
    ("students", include_str!("../../examples/students.ndjson"), InputFormat::Ndjson),
];

/// How the examples get in, whatever the addresses and their encryption.
const NAME: &str = "demo";

/// Runs `demo`.
///
/// # Errors
/// If the server does not start, or the examples cannot be loaded.
pub(crate) fn run(kinds: &[Kind], args: &ServeArgs) -> Result<(), Failure> {
    // Never the data of a real server, which a file or the environment may name.
    let folder = args.data_dir.clone().map_or_else(demo_folder, Ok)?;
    let settings = Settings {
        data_dir: Some(folder.clone()),
        in_process: Some(NAME),
        log_level: Some("warn"),
        ..serve::settings(args)
    };
    let Some(running) = server::start(settings)? else { return Ok(()) };
    let loaded = block_on(async {
        tokio::select! {
            loaded = load(kinds) => loaded.map(|()| true),
            // The server hears it as well, and stops.
            _ = tokio::signal::ctrl_c() => Ok(false),
        }
    })?;
    if loaded {
        print(&welcome(&running, &folder))?;
    }
    running.wait()?;
    Ok(())
}

fn demo_folder() -> Result<PathBuf, Failure> {
    let base = etcetera::choose_base_strategy().map_err(|error| {
        Failure::new(exit::FILE, format!("cannot tell where data is kept here: {error}")).note("say it: --data-dir DIR")
    })?;
    Ok(base.data_dir().join("campus-demo"))
}

async fn load(kinds: &[Kind]) -> Result<(), Failure> {
    let server = Address::InProcess(NAME.to_owned()).to_string();
    let args = ClientArgs { server, timeout: None, output: None, compress: None, tls: TlsArgs::default() };
    let context = Context::connect(&args).await?;
    for (plural, text, format) in EXAMPLES {
        if let Some(kind) = kinds.iter().find(|kind| kind.plural == plural)
            && is_empty(&context, kind).await?
        {
            say(&format!("loading the example {plural}"));
            import::embedded(kind, text, format, &context).await?;
        }
    }
    person::fill(&context, include_str!("../../examples/people.json")).await
}

async fn is_empty(context: &Context, kind: &Kind) -> Result<bool, Failure> {
    let call = context.call(kind, Verb::List)?;
    let request = ListRequest { page_size: 1, ..ListRequest::default() };
    let page = context.caller.unary(&call.path, &request, context.unary_deadline()).await;
    let page = page.map_err(|status| context.failure(&status, call.name))?;
    let page = ListResponse::decode(page)
        .map_err(|error| Failure::new(exit::INTERNAL, format!("the answer of {} is malformed: {error}", call.name)))?;
    Ok(page.records.is_empty())
}

fn welcome(running: &Running, folder: &Path) -> String {
    let services = running.server();
    let (campus, probes) = (program(&services), format!("http://{}", running.admin));
    let (rest, curl) = match running.rest() {
        Some(rest) => (
            format!("{rest:<26} the same as JSON, and a page to try it"),
            format!("\n  curl '{rest}/v1/employees?pageSize=3'"),
        ),
        None => ("off".to_owned(), String::new()),
    };
    format!(
        "\
Campus is running.

  services   {services:<26} gRPC, with reflection
  REST       {rest}
  admin      {probes:<26} /readyz, /metrics, /version
  data       {}

Try, in another terminal:

  {campus} health
  {campus} employee list --filter 'hire_date >= \"2020-01-01\"' --order-by 'family_name, given_name' --limit 10
  {campus} employee create --given-name Mira --family-name Okafor --gender female --hire-date 2026-09-01
  {campus} student list --filter 'education_level = \"EDUCATION_LEVEL_HIGHER\"' --limit 5 -o json
  {campus} student export -o csv | head -n 3
  {campus} person phone 3{curl}

Ctrl-C stops it; the data stays.
",
        folder.display()
    )
}

/// How this program is called from any folder, with the server if it is not at the usual place.
fn program(server: &str) -> String {
    let this = env::current_exe().and_then(|path| path.canonicalize()).ok();
    let on_path = env::var_os("PATH").and_then(|path| {
        env::split_paths(&path).map(|folder| folder.join("campus")).find_map(|found| found.canonicalize().ok())
    });
    let program = match this {
        Some(this) if on_path.as_ref() != Some(&this) => quoted(&this.display().to_string()),
        _ => "campus".to_owned(),
    };
    if server == connect::DEFAULT_SERVER { program } else { format!("{program} --server {server}") }
}

fn quoted(path: &str) -> String {
    let is_plain = path.chars().all(|c| c.is_alphanumeric() || matches!(c, '/' | '.' | '_' | '-'));
    if is_plain { path.to_owned() } else { format!("'{}'", path.replace('\'', r"'\''")) }
}
