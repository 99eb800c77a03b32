//! `channel`: who is behind a target, and how calls get there.

use std::time::Duration;

use campus_client::{Channel, Dump, EndpointDump, Phase, State};
use clap::Args;
use console::Term;
use http::uri::PathAndQuery;
use tokio::time::{Instant, sleep};

use crate::{
    calls::{Caller, within},
    connect::Server,
    context::ClientArgs,
    failure::{Failure, exit},
    health,
    output::{Column, Format, Table, print},
    terminal,
};

/// How long servers have to be connected to before they are shown as they are.
const SETTLE: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(10);
const SHOW_EVERY: Duration = Duration::from_secs(1);

/// Arguments of `channel`.
#[derive(Debug, Clone, Args)]
pub(crate) struct ChannelArgs {
    /// Whom to reach, for example dns:///employee-headless:50051 [default: the server of the other commands]
    #[arg(value_name = "TARGET")]
    target: Option<String>,
    /// Health checks to send over it, so that there is something to see; with --watch again each time
    #[arg(long, value_name = "N", default_value_t = 12)]
    calls: u32,
    /// Show it every second until Ctrl-C
    #[arg(long, short)]
    watch: bool,
    #[command(flatten)]
    client: ClientArgs,
}

/// Runs `channel`.
///
/// # Errors
/// If there is no such target, or no server of it can be called.
pub(crate) async fn run(args: &ChannelArgs, client: &ClientArgs) -> Result<(), Failure> {
    let server = Server::new(args.target.as_deref().unwrap_or(&client.server), &client.tls)?;
    let channel = server.channel(client.timeout, Some(String::new()));
    let format = Format::or_default(client.output, Format::Json);
    let caller = Caller::new(server.over(channel.clone()), client.compress);
    loop {
        let look = async {
            settle(&channel).await;
            for _ in 0..args.calls {
                let path = PathAndQuery::from_static(health::CHECK);
                // That it fails is seen in what is shown.
                drop(caller.unary(&path, &health::Request::default(), within(client.timeout.or(Some(SETTLE)))).await);
            }
            channel.dump()
        };
        let dump = tokio::select! {
            dump = look => dump,
            _ = tokio::signal::ctrl_c() => return Ok(()),
        };
        let text = text(&dump, format)?;
        if !args.watch {
            print(&text)?;
            return if dump.state == State::Ready { Ok(()) } else { Err(Failure::silent(exit::UNAVAILABLE)) };
        }
        if format == Format::Table && terminal::stdout_is_terminal() {
            Term::stdout().clear_screen()?;
        }
        print(&text)?;
        tokio::select! {
            () = sleep(SHOW_EVERY) => {}
            _ = tokio::signal::ctrl_c() => return Ok(()),
        }
    }
}

/// Waits until it is known of each server whether it can be called.
async fn settle(channel: &Channel) {
    channel.connect();
    let until = Instant::now() + SETTLE;
    let is_open = |endpoint: &EndpointDump| matches!(endpoint.phase, Phase::Idle | Phase::Connecting);
    loop {
        let dump = channel.dump();
        let is_settled = dump.resolver.lookups > 0 || dump.resolver.confirmed_seconds_ago.is_some();
        if is_settled && !dump.endpoints.iter().any(is_open) || Instant::now() >= until {
            return;
        }
        sleep(LOOK_EVERY).await;
    }
}

fn text(dump: &Dump, format: Format) -> Result<String, Failure> {
    let bad = |error: serde_json::Error| Failure::new(exit::INTERNAL, format!("the state cannot be written: {error}"));
    Ok(match format {
        Format::Table => table(dump)?,
        Format::Json => format!("{:#}\n", serde_json::to_value(dump).map_err(bad)?),
        Format::Ndjson => format!("{}\n", serde_json::to_value(dump).map_err(bad)?),
        Format::Csv => {
            let titles = COLUMNS.map(|(title, ..)| title.to_lowercase().replace(' ', "_")).join(",");
            let rows = dump
                .endpoints
                .iter()
                .map(|endpoint| format!("{}\n", COLUMNS.map(|(_, cell, _)| quoted(&cell(endpoint))).join(",")));
            format!("{titles}\n{}", rows.collect::<String>())
        }
    })
}

/// A cell of CSV (RFC 4180).
fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.to_owned() }
}

/// Title, what stands there, and whether that is a number.
type Cell = (&'static str, fn(&EndpointDump) -> String, bool);

const COLUMNS: [Cell; 10] = [
    ("Address", |endpoint| endpoint.address.clone(), false),
    ("State", |endpoint| if endpoint.is_ejected { "ejected".to_owned() } else { endpoint.phase.to_string() }, false),
    ("Seconds", |endpoint| format!("{:.0}", endpoint.seconds), true),
    ("In flight", |endpoint| endpoint.in_flight.to_string(), true),
    ("Picks", |endpoint| endpoint.picks.to_string(), true),
    ("Failures", |endpoint| endpoint.failures.to_string(), true),
    ("Latency ms", |endpoint| endpoint.latency_ms.map(|ms| format!("{ms:.2}")).unwrap_or_default(), true),
    ("Weight", |endpoint| format!("{:.2}", endpoint.weight), true),
    ("Ejections", |endpoint| endpoint.ejections.to_string(), true),
    ("Last error", |endpoint| endpoint.last_error.clone().unwrap_or_default(), false),
];

fn table(dump: &Dump) -> Result<String, Failure> {
    let (resolver, connections) = (&dump.resolver, &dump.connections);
    let mut out = format!("{}  {}\n", dump.target, dump.state).into_bytes();
    let confirmed = resolver.confirmed_seconds_ago.map(|ago| format!(", confirmed {ago:.0} s ago")).unwrap_or_default();
    let lines = [
        format!(
            "{} addresses{confirmed}; {} lookups, {} failed",
            resolver.addresses, resolver.lookups, resolver.failures
        ),
        format!(
            "{} connections made, {} failed; {} calls tried again",
            connections.made, connections.failed, dump.retries
        ),
    ];
    let ended = connections.ended.iter().map(|(reason, count)| format!("{count} connections ended: {reason}"));
    let error = resolver.error.iter().map(|error| format!("last lookup: {error}"));
    for line in lines.into_iter().chain(ended).chain(error) {
        out.extend(format!("  {}\n", terminal::printable(&line)).into_bytes());
    }
    let whole = |title| title == "Address" || title == "State";
    let columns = COLUMNS.map(|(title, _, right)| Column { title: title.to_owned(), right, whole: whole(title) });
    let mut table = Table::new(columns.into(), terminal::width(), true);
    for endpoint in &dump.endpoints {
        table.row(COLUMNS.map(|(_, cell, _)| terminal::printable(&cell(endpoint))).into(), &mut out)?;
    }
    table.flush(&mut out)?;
    Ok(String::from_utf8_lossy(&out).into_owned())
}
