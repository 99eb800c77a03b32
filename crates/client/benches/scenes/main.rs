//! Calls the servers of a name at a steady pace through one client, and counts what each call ended with:
//!
//!     scenes campus|campus-hedging|tonic|plain WORKERS PAUSE_US DNS_TARGET
//!
//! `campus` is the channel of this crate, with a service config that `campus-hedging` has otherwise; `tonic` is tonic's balanced channel, whose addresses come from the same lookups
//! every 5 s, `plain` is tonic's channel to the first address. It ends when its standard input does, and prints one line of
//! JSON then. `run` beside this file starts it.

#![expect(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a program for measurements")]

use std::{
    collections::{BTreeMap, HashSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use campus_client::{Address, Resolve, Target};
use http::{Request, Response, uri::PathAndQuery};
use serde_json::json;
use tokio::{io::AsyncReadExt, time::Instant};
use tonic::{
    Status,
    body::Body,
    client::Grpc,
    codegen::StdError,
    transport::{Channel, Endpoint, channel::Change},
};
use tower::Service;

/// What people write for grpc-go, and write here: the same for both.
const CONFIG: &str = include_str!("config.json");
/// What grpc-go does not know.
const HEDGING: &str = include_str!("hedging.json");
const METHOD: &str = "/campus.employee.v1.EmployeeService/ListEmployees";
const DEADLINE: Duration = Duration::from_secs(2);
/// How often addresses are looked up for tonic, which does not look by itself.
const LOOK_UP_EVERY: Duration = Duration::from_secs(5);

#[derive(Default)]
struct Tally {
    calls: u64,
    failed: BTreeMap<String, u64>,
    /// When each failed call ended, in seconds of the epoch.
    failures: Vec<f64>,
    latencies_us: Vec<u64>,
}

type Shared = Arc<Mutex<Tally>>;

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

async fn work<C>(channel: C, pause: Duration, stop: Arc<AtomicBool>, tally: Shared)
where
    C: Service<Request<Body>, Response = Response<Body>> + Clone,
    C::Error: Into<StdError>,
{
    let path = PathAndQuery::from_static(METHOD);
    while !stop.load(Relaxed) {
        let mut request = tonic::Request::new(Bytes::new());
        request.set_timeout(DEADLINE);
        let begun = Instant::now();
        let mut grpc = Grpc::new(channel.clone());
        let call = async {
            grpc.ready().await.map_err(|error| Status::from_error(error.into()))?;
            grpc.unary(request, path.clone(), campus_proto::Raw).await
        };
        let late = |_| Err(Status::deadline_exceeded("and nobody said so"));
        let ended = tokio::time::timeout(DEADLINE * 2, call).await.unwrap_or_else(late);
        {
            let mut tally = tally.lock().unwrap();
            tally.calls += 1;
            tally.latencies_us.push(begun.elapsed().as_micros().try_into().unwrap());
            if let Err(status) = ended {
                *tally.failed.entry(format!("{:?}: {}", status.code(), status.message())).or_default() += 1;
                tally.failures.push(now());
            }
        }
        tokio::time::sleep(pause).await;
    }
}

/// Tonic's channel over whatever the target has.
fn balanced(target: Target) -> Channel {
    let (channel, changes) = Channel::balance_channel(64);
    tokio::spawn(async move {
        let mut known = HashSet::new();
        loop {
            if let Ok(answer) = target.resolve().await {
                let found: HashSet<Address> = answer.addresses.into_iter().collect();
                for address in found.difference(&known) {
                    drop(changes.send(Change::Insert(address.clone(), endpoint(address))).await);
                }
                for address in known.difference(&found) {
                    drop(changes.send(Change::Remove(address.clone())).await);
                }
                known = found;
            }
            tokio::time::sleep(LOOK_UP_EVERY).await;
        }
    });
    channel
}

fn endpoint(address: &Address) -> Endpoint {
    Endpoint::from_shared(format!("http://{address}")).unwrap().tcp_nodelay(true)
}

/// Seconds of CPU of this process so far.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).unwrap().parse::<f64>().unwrap();
    (ticks(11) + ticks(12)) / 100.0
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let [client, workers, pause, target] = words.as_slice() else {
        println!("left out: scenes, which crates/client/benches/scenes/run starts");
        return;
    };
    let pause = Duration::from_micros(pause.parse().unwrap());
    let (stop, tally) = (Arc::<AtomicBool>::default(), Shared::default());
    let mut running = tokio::task::JoinSet::new();
    let target: Target = target.parse().unwrap();
    let more = || (pause, Arc::clone(&stop), Arc::clone(&tally));
    let count: usize = workers.parse().unwrap();
    match client.as_str() {
        "campus" | "campus-hedging" => {
            let config = if client == "campus" { CONFIG } else { HEDGING };
            let channel = campus_client::Channel::to(target).service_config(config).unwrap().build();
            (0..count).for_each(|_| start(&mut running, channel.clone(), more()));
        }
        "tonic" => {
            let channel = balanced(target);
            (0..count).for_each(|_| start(&mut running, channel.clone(), more()));
        }
        "plain" => {
            let address = target.resolve().await.unwrap().addresses.remove(0);
            let channel = endpoint(&address).connect().await.unwrap();
            (0..count).for_each(|_| start(&mut running, channel.clone(), more()));
        }
        other => panic!("there is no client {other}"),
    }
    let (begun, before) = (Instant::now(), cpu());
    tokio::io::stdin().read_to_end(&mut Vec::new()).await.unwrap();
    let (seconds, spent) = (begun.elapsed().as_secs_f64(), cpu() - before);
    stop.store(true, Relaxed);
    running.join_all().await;
    let mut tally = tally.lock().unwrap();
    tally.latencies_us.sort_unstable();
    let p99 = tally.latencies_us.get(tally.latencies_us.len() * 99 / 100).copied();
    println!(
        "{}",
        json!({
            "calls": tally.calls, "failed": tally.failed, "failures": tally.failures, "seconds": seconds,
            "cpu_us_per_call": spent * 1e6 / tally.calls as f64, "p99_us": p99,
        })
    );
}

fn start<C>(
    running: &mut tokio::task::JoinSet<()>,
    channel: C,
    (pause, stop, tally): (Duration, Arc<AtomicBool>, Shared),
) where
    C: Service<Request<Body>, Response = Response<Body>, Future: Send> + Clone + Send + Sync + 'static,
    C::Error: Into<StdError>,
{
    running.spawn(work(channel, pause, stop, tally));
}
