//! Calls services at a steady pace, reads and writes in turn, and says what became of each call:
//!
//!     campus-load employee=dns:///employee-headless:50051 rest=gateway:8080
//!
//! The first part of a target is employee, student, addressbook or rest; or tonic, which calls employees through a channel of
//! tonic's, for comparison. Each second, and at SIGTERM, a line of JSON has all
//! counts since the start; each lost call has a line of its own. Nothing is repeated but what the service config says, and what
//! has not been sent.

#![expect(clippy::print_stdout, reason = "lines of JSON are what it is for")]

mod people;
mod records;
mod rest;
mod tally;

use std::{error::Error, process::ExitCode, sync::Arc, time::Duration};

use campus_client::Channel;
use clap::Parser;
use tokio::{
    signal::unix::{SignalKind, signal},
    time::interval,
};
use tonic::transport::Endpoint;

use self::tally::Tally;

type Failure = Box<dyn Error + Send + Sync>;

#[derive(Parser)]
#[command(version, about)]
struct Args {
    /// What to call: employee=TARGET, student=TARGET, addressbook=TARGET, rest=HOST:PORT, tonic=http://HOST:PORT.
    #[arg(required = true, value_name = "KIND=TARGET")]
    targets: Vec<String>,
    /// Callers for each target, one call at a time each.
    #[arg(long, default_value_t = 8)]
    workers: usize,
    /// Milliseconds that each rests after a call.
    #[arg(long, default_value_t = 10)]
    pause: u64,
    /// gRPC's service config; without one nothing is repeated that a server may have begun.
    #[arg(long, default_value = "{}")]
    config: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("{}", serde_json::json!({ "error": error.to_string() }));
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> Result<(), Failure> {
    let pause = Duration::from_millis(args.pause);
    let mut tallies = Vec::new();
    for target in &args.targets {
        let (kind, target) = target.split_once('=').ok_or("a target is KIND=TARGET")?;
        let tally = Tally::new(kind, pause);
        start(kind, target, &args, &tally)?;
        tallies.push(tally);
    }
    let mut second = interval(Duration::from_secs(1));
    let mut stop = signal(SignalKind::terminate())?;
    loop {
        tokio::select! {
            _ = second.tick() => println!("{}", tally::line(&tallies)),
            _ = stop.recv() => break,
        }
    }
    println!("{}", tally::line(&tallies));
    Ok(())
}

fn start(kind: &str, target: &str, args: &Args, tally: &Tally) -> Result<(), Failure> {
    let workers = 0..args.workers;
    if kind == "rest" {
        let target: Arc<str> = target.into();
        workers.for_each(|_| drop(tokio::spawn(rest::work(Arc::clone(&target), tally.clone()))));
        return Ok(());
    }
    if kind == "tonic" {
        let channel = Endpoint::from_shared(target.to_owned())?.connect_lazy();
        workers.for_each(|_| drop(tokio::spawn(records::employees(channel.clone(), tally.clone()))));
        return Ok(());
    }
    let channel = Channel::builder(target)?.service_config(&args.config)?.build();
    for worker in workers {
        let (channel, tally) = (channel.clone(), tally.clone());
        match kind {
            "employee" => drop(tokio::spawn(records::employees(channel, tally))),
            "student" => drop(tokio::spawn(records::students(channel, tally))),
            "addressbook" => drop(tokio::spawn(people::work(channel, tally, i32::try_from(worker)?))),
            _ => return Err(format!("there is no kind {kind}").into()),
        }
    }
    Ok(())
}
