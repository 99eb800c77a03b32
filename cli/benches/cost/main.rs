//! What telemetry, transports, databases and forms of an answer cost a whole server, in CPU of the server's process, as
//! ratios within one run. `cargo bench -p campus --bench cost [-- SCENE] [ROUNDS]`, scenes: telemetry, collectors,
//! transports, within, forms, databases.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

mod collector;
mod form;
mod forms;
mod load;
mod server;
mod way;
mod wire;

use std::{error::Error, io::Write};

use load::{Load, run};
use server::{Server, Variant};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Employees in each server.
const RECORDS: usize = 5_000;

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let rounds = args.iter().find_map(|arg| arg.parse().ok()).unwrap_or(5);
    let named: Vec<&String> = args.iter().filter(|arg| arg.parse::<usize>().is_err()).collect();
    let wanted = |scene: &str| named.is_empty() || named.iter().any(|name| *name == scene);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        if wanted("telemetry") {
            let collector = collector::start().await?;
            compare("telemetry", &Variant::telemetry(collector), &[Load::Get, Load::List], rounds).await?;
        }
        if wanted("collectors") {
            let kinds = [
                ("good", collector::start().await?),
                ("refuses", collector::nobody().await?),
                ("never answers", collector::silent().await?),
                ("answers rubbish", collector::rubbish().await?),
            ];
            wait(&Variant::collectors(&kinds), rounds).await?;
        }
        if wanted("within") {
            compare("within one process, both ends", &Variant::within(), &[Load::Get, Load::List], rounds).await?;
        }
        if wanted("transports") {
            let loads = [Load::Get, Load::List, Load::Connect];
            compare("transports", &Variant::transports()?, &loads, rounds).await?;
        }
        if wanted("forms") {
            forms::compare(rounds).await?;
        }
        if wanted("databases") {
            match std::env::var("CAMPUS_TEST_POSTGRES_URL") {
                Ok(url) => {
                    let loads = [Load::Get, Load::List, Load::Import];
                    compare("databases", &Variant::databases(&url), &loads, rounds).await?;
                }
                Err(_) => println!("left out: databases: CAMPUS_TEST_POSTGRES_URL names no server"),
            }
        }
        Ok(())
    })
}

/// All servers run at once, and one of them is under load; each load goes round them in turn, so that a slow moment of
/// the machine does not fall on one of them.
async fn compare(scene: &str, variants: &[Variant], loads: &[Load], rounds: usize) -> Result<()> {
    println!("\n{scene}: CPU of the server, microseconds each (median of {rounds} rounds), and the ratio to the first");
    let mut servers = Vec::new();
    for variant in variants {
        servers.push(Server::start(variant).await?);
    }
    for load in loads {
        let mut taken = vec![Vec::new(); servers.len()];
        for round in 0..=rounds {
            for (i, _) in servers.iter().enumerate() {
                let at = (i + round) % servers.len();
                let (Some(server), Some(taken)) = (servers.get(at), taken.get_mut(at)) else { continue };
                let cost = run(*load, server).await?;
                // The first round fills caches.
                if round > 0 {
                    taken.push(cost);
                }
                std::io::stdout().flush()?;
            }
        }
        let medians: Vec<f64> = taken.iter_mut().map(|costs| median(costs)).collect();
        let first = medians.first().copied().unwrap_or(1.0);
        for (server, (cost, all)) in servers.iter().zip(medians.iter().zip(&taken)) {
            let (least, most) = all.iter().fold((f64::MAX, 0.0_f64), |(a, b), c| (a.min(*c), b.max(*c)));
            let (load, name) = (load.name(), &server.name);
            println!("{load:<10} {name:<24} {cost:>9.2} ({least:.2} to {most:.2})  {:>6.2}x", cost / first);
        }
    }
    Ok(())
}

/// How long calls take, for each of the servers in turn.
async fn wait(variants: &[Variant], rounds: usize) -> Result<()> {
    println!(
        "\ncollectors: all calls sampled; microseconds a Get takes (median of {rounds} rounds), and the ratio to the first"
    );
    let mut servers = Vec::new();
    for variant in variants {
        servers.push(Server::start(variant).await?);
    }
    let mut taken = vec![(Vec::new(), Vec::new()); servers.len()];
    for round in 0..=rounds {
        for i in 0..servers.len() {
            let at = (i + round) % servers.len();
            let (Some(server), Some((middle, high))) = (servers.get(at), taken.get_mut(at)) else { continue };
            let mut all = load::latencies(server).await?;
            if round > 0 {
                middle.push(median(&mut all));
                high.push(all.get(all.len() * 99 / 100).copied().unwrap_or_default());
            }
        }
    }
    let medians: Vec<(f64, f64)> = taken.iter_mut().map(|(middle, high)| (median(middle), median(high))).collect();
    let (p50, p99) = medians.first().copied().unwrap_or((1.0, 1.0));
    for (server, (middle, high)) in servers.iter().zip(medians) {
        let name = &server.name;
        println!("{name:<24} p50 {middle:>8.1} {:>6.2}x   p99 {high:>8.1} {:>6.2}x", middle / p50, high / p99);
    }
    Ok(())
}

fn median(costs: &mut [f64]) -> f64 {
    costs.sort_by(f64::total_cmp);
    costs.get(costs.len() / 2).copied().unwrap_or_default()
}
