//! `channel`: who is behind a target, and how calls get there.

use std::{io, time::Duration};

use campus_client::{Channel, Dump, EndpointDump, Phase, State};
use clap::Args;
use console::Term;
use csv::Writer;
use http::uri::PathAndQuery;
use tokio::time::{Instant, sleep};

use crate::{
    calls::Caller,
    commands::interrupted,
    connect::Server,
    context::ClientArgs,
    failure::{Failure, exit},
    health,
    output::{Column, Format, Table, print},
    terminal,
};

/// How long servers have to be connected to and called before they are shown as they are, if nothing else is said.
const LIMIT: Duration = Duration::from_secs(5);
/// Who takes longer than this is named.
const PATIENCE: Duration = Duration::from_secs(1);
/// A connection may take as long as all of it may; why it failed is known a little later.
const TOLD: Duration = Duration::from_millis(250);
/// As many servers are named in a line.
const NAMED: usize = 5;
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
    let channel = server.channel(client.timeout, Some(String::new()))?;
    let format = Format::or_default(client.output, Format::Json);
    let caller = Caller::new(server.over(channel.clone()), client.compress);
    let limit = client.timeout.unwrap_or(LIMIT);
    let mut is_shown = false;
    loop {
        let look = async {
            let until = Instant::now() + limit;
            settle(&channel, until, limit).await;
            call(&channel, &caller, args.calls, until, limit).await;
            channel.dump()
        };
        let dump = tokio::select! {
            dump = look => dump,
            _ = tokio::signal::ctrl_c() => return if is_shown { Ok(()) } else { Err(interrupted()) },
        };
        is_shown = true;
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

/// Waits until it is known of each server whether it can be called; where one can, half of the time is left for the calls.
/// Says whom it waits for.
async fn settle(channel: &Channel, until: Instant, limit: Duration) {
    channel.connect();
    let mut say_at = Some(Instant::now() + PATIENCE);
    loop {
        let dump = channel.dump();
        let is_settled = dump.resolver.lookups > 0 || dump.resolver.confirmed_seconds_ago.is_some();
        let open = dump.endpoints.iter().filter(|it| matches!(it.phase, Phase::Idle | Phase::Connecting));
        let open: Vec<_> = open.map(|endpoint| endpoint.address.as_str()).collect();
        let now = Instant::now();
        let is_over = now >= until + TOLD || (dump.state == State::Ready && now + limit / 2 >= until);
        if is_settled && open.is_empty() || is_over {
            return;
        }
        if say_at.take_if(|at| Instant::now() >= *at).is_some() {
            let whom = if is_settled { some(&open) } else { format!("the addresses of {}", dump.target) };
            terminal::say(&format!("waiting up to {limit:?} for {}", terminal::printable(&whom)));
        }
        sleep(LOOK_EVERY).await;
    }
}

/// Servers, as many of them as one reads.
fn some(addresses: &[&str]) -> String {
    let named = addresses.get(..NAMED).unwrap_or(addresses).join(", ");
    match addresses.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

/// Sends health checks as long as there is somebody to send them to.
async fn call(channel: &Channel, caller: &Caller, calls: u32, until: Instant, limit: Duration) {
    let path = PathAndQuery::from_static(health::CHECK);
    for made in 0..calls {
        if channel.state() != State::Ready {
            return;
        }
        if Instant::now() >= until {
            terminal::say(&format!(
                "{made} of {calls} calls were made within {limit:?}; --timeout says how long it may take"
            ));
            return;
        }
        // That it fails is seen in what is shown.
        drop(caller.unary(&path, &health::Request::default(), Some(until)).await);
    }
}

fn text(dump: &Dump, format: Format) -> Result<String, Failure> {
    let bad = |error: serde_json::Error| Failure::new(exit::INTERNAL, format!("the state cannot be written: {error}"));
    Ok(match format {
        Format::Table => table(dump)?,
        Format::Json => format!("{:#}\n", serde_json::to_value(dump).map_err(bad)?),
        Format::Ndjson => format!("{}\n", serde_json::to_value(dump).map_err(bad)?),
        Format::Csv => csv(dump).map_err(|error| Failure::new(exit::INTERNAL, error.to_string()))?,
    })
}

fn csv(dump: &Dump) -> io::Result<String> {
    let mut out = Writer::from_writer(Vec::new());
    out.write_record(COLUMNS.map(|(title, ..)| title.to_lowercase().replace(' ', "_")))?;
    for endpoint in &dump.endpoints {
        out.write_record(COLUMNS.map(|(_, cell, _)| terminal::printable(&cell(endpoint))))?;
    }
    let bytes = out.into_inner().map_err(csv::IntoInnerError::into_error)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Title, what stands there, and whether that is a number.
type Cell = (&'static str, fn(&EndpointDump) -> String, bool);

const COLUMNS: [Cell; 11] = [
    ("Address", |endpoint| endpoint.address.clone(), false),
    ("State", |endpoint| if endpoint.is_ejected { "ejected".to_owned() } else { endpoint.phase.to_string() }, false),
    ("Seconds", |endpoint| format!("{:.0}", endpoint.seconds), true),
    ("In flight", |endpoint| endpoint.in_flight.to_string(), true),
    ("Picks", |endpoint| endpoint.picks.to_string(), true),
    ("Failures", |endpoint| endpoint.failures.to_string(), true),
    ("Latency ms", |endpoint| endpoint.latency_ms.map(|ms| format!("{ms:.2}")).unwrap_or_default(), true),
    ("Weight", |endpoint| format!("{:.2}", endpoint.weight), true),
    ("Ejections", |endpoint| endpoint.ejections.to_string(), true),
    ("Held back", |endpoint| endpoint.held_back.clone().unwrap_or_default(), false),
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
