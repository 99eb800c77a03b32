//! Asks for an employee at an interval, whatever happens to the server, and says in a line what came of each call, until it is told
//! to stop (SIGTERM, SIGINT).

#![expect(clippy::print_stdout, reason = "a line for each call is what it is for")]

use std::{error::Error, time::Duration};

use campus_client::{Channel, Target};
use campus_proto::campus::employee::v1::{ListEmployeesRequest, employee_service_client::EmployeeServiceClient};
use clap::Parser;
use tokio::{
    signal::unix::{SignalKind, signal},
    time::{Instant, MissedTickBehavior, interval},
};
use tonic::{Request, Status};

/// Calls wait for a server that is not there, go round the servers that are well, and are repeated when one leaves.
const SERVICE_CONFIG: &str = r#"{
    "loadBalancingConfig": [{"round_robin": {}}],
    "methodConfig": [{
        "name": [{}],
        "waitForReady": true,
        "retryPolicy": {
            "maxAttempts": 4,
            "initialBackoff": "0.05s",
            "maxBackoff": "0.5s",
            "backoffMultiplier": 2,
            "retryableStatusCodes": ["UNAVAILABLE"]
        }
    }],
    "healthCheckConfig": {"serviceName": ""}
}"#;

#[derive(Parser)]
#[command(version, about)]
struct Args {
    /// Whom to call: HOST:PORT, or dns:///NAME:PORT for every address of a name.
    #[arg(long, env = "CAMPUS_SERVER", default_value = "127.0.0.1:50051")]
    target: Target,
    /// Seconds between two calls.
    #[arg(long, env = "STEADY_INTERVAL", default_value = "1", value_parser = seconds)]
    interval: Duration,
    /// Longest time of a call in seconds, with the wait for a server.
    #[arg(long, env = "STEADY_TIMEOUT", default_value = "5", value_parser = seconds)]
    timeout: Duration,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let number = text.parse().ok().filter(|number| (1e-9..1e9).contains(number));
    number.map(Duration::from_secs_f64).ok_or_else(|| "it is no number of seconds above 0, such as 0.5".to_owned())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    println!("calling {} every {:?}", args.target, args.interval);
    let channel = Channel::to(args.target).service_config(SERVICE_CONFIG)?.build();
    let mut employees = EmployeeServiceClient::new(channel);
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let mut ticks = interval(args.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut calls, mut failed) = (0, 0);
    loop {
        // A call that is under way when it is told to stop is not given up: it ends within its time.
        tokio::select! {
            biased;
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = ticks.tick() => {}
        }
        calls += 1;
        let start = Instant::now();
        let outcome = first(&mut employees, args.timeout).await;
        let took = start.elapsed().as_millis();
        match outcome {
            Ok(name) => println!("call {calls}: ok in {took} ms: {name}"),
            Err(status) => {
                failed += 1;
                println!("call {calls}: {:?} in {took} ms: {}", status.code(), status.message());
            }
        }
    }
    println!("stopped after {calls} calls, {failed} failed");
    Ok(())
}

/// The name of the first employee.
async fn first(employees: &mut EmployeeServiceClient<Channel>, timeout: Duration) -> Result<String, Status> {
    let mut request = Request::new(ListEmployeesRequest { page_size: 1, ..Default::default() });
    request.set_timeout(timeout);
    let page = employees.list_employees(request).await?.into_inner();
    Ok(page.employees.into_iter().next().map_or_else(|| "nobody".to_owned(), |employee| employee.name))
}
