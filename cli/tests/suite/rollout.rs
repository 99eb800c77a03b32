//! A channel to the processes behind a name, under load, while they are killed, stalled, stopped and added.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener},
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use campus_client::{Channel, EndpointDump, Phase, PoolConfig, ResolverSettings};
use campus_proto::campus::employee::v1::{ListEmployeesRequest, employee_service_client::EmployeeServiceClient};
use campus_testdns::{NameServer, Say};
use campus_testkit::{Process, eventually, within};
use tempfile::TempDir;
use tokio::task::JoinSet;
use tonic::{Request, Status};

const NAME: &str = "employee.campus.test.";
const CONFIG: &str = r#"{
    "loadBalancingConfig": [{"round_robin": {}}],
    "methodConfig": [{
        "name": [{}],
        "retryPolicy": {
            "maxAttempts": 5, "initialBackoff": "0.02s", "maxBackoff": "0.2s", "backoffMultiplier": 2,
            "retryableStatusCodes": ["UNAVAILABLE"]
        }
    }],
    "healthCheckConfig": {"serviceName": ""}
}"#;

/// Processes with the same port, each at an address of its own.
struct Cluster {
    names: NameServer,
    port: u16,
    dir: TempDir,
}

impl Cluster {
    fn new() -> Self {
        let free = TcpListener::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port();
        Self { names: NameServer::new(), port: free, dir: tempfile::tempdir().unwrap() }
    }

    fn address(&self, number: u8) -> SocketAddr {
        SocketAddr::new(ip(number), self.port)
    }

    fn start(&self, number: u8) -> Process {
        let mut serve = Command::new(env!("CARGO_BIN_EXE_campus"));
        let listen = self.address(number).to_string();
        serve.args(["serve", "--admin-listen", "127.0.0.1:0", "--rest-listen", "127.0.0.1:0", "--listen", &listen]);
        serve.arg("--data-dir").arg(self.dir.path().join(number.to_string()));
        serve.env("CAMPUS__SERVER__DRAIN_DELAY", "500ms").env("CAMPUS__SERVER__MIN_PING_INTERVAL", "50ms");
        Process::start(&mut serve)
    }

    fn say(&self, numbers: &[u8]) {
        self.names.say(NAME, Say::Addresses(numbers.iter().copied().map(ip).collect(), 1));
    }

    /// At a pace that fits a test.
    fn channel(&self) -> Channel {
        let resolver = ResolverSettings { min_interval: Duration::from_millis(100), ..ResolverSettings::default() };
        let pool = PoolConfig {
            backoff: Duration::from_millis(100),
            keepalive: Some(Duration::from_millis(300)),
            keepalive_timeout: Duration::from_millis(300),
            slow_start: Duration::from_millis(500),
            ..PoolConfig::default()
        };
        let target = format!("dns://{}/{NAME}:{}", self.names.address, self.port);
        let builder = Channel::builder(&target).unwrap().resolver_settings(resolver).pool(pool);
        builder.service_config(CONFIG).unwrap().build()
    }

    fn seen(&self, channel: &Channel, number: u8) -> Option<EndpointDump> {
        let address = self.address(number).to_string();
        channel.dump().endpoints.into_iter().find(|endpoint| endpoint.address == address)
    }

    /// Calls that one has got so far.
    fn picks(&self, channel: &Channel, number: u8) -> u64 {
        self.seen(channel, number).map_or(0, |endpoint| endpoint.picks)
    }

    async fn is_called(&self, channel: &Channel, number: u8) {
        let before = self.picks(channel, number);
        let what = format!("server {number} is called");
        eventually(&what, async || (self.picks(channel, number) > before + 20).then_some(())).await;
    }

    async fn is_not_called(&self, channel: &Channel, number: u8) {
        let is_out = async || match self.seen(channel, number) {
            Some(endpoint) if endpoint.phase == Phase::Ready => None,
            seen => Some(seen.map_or(0, |endpoint| endpoint.picks)),
        };
        eventually(&format!("server {number} is called no more"), is_out).await;
    }
}

fn ip(number: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(127, 0, 1, number))
}

/// Callers that go on until they are stopped.
#[derive(Clone, Default)]
struct Load {
    calls: Arc<AtomicUsize>,
    failures: Arc<Mutex<Vec<Status>>>,
    is_over: Arc<AtomicBool>,
}

impl Load {
    fn start(&self, channel: &Channel) -> JoinSet<()> {
        let mut callers = JoinSet::new();
        for _ in 0..8 {
            callers.spawn(self.clone().call(EmployeeServiceClient::new(channel.clone())));
        }
        callers
    }

    async fn call(self, mut client: EmployeeServiceClient<Channel>) {
        while !self.is_over.load(Relaxed) {
            let mut request = Request::new(ListEmployeesRequest::default());
            request.set_timeout(Duration::from_secs(10));
            if let Err(status) = client.list_employees(request).await {
                self.failures.lock().unwrap().push(status);
            }
            self.calls.fetch_add(1, Relaxed);
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    async fn goes_on(&self) {
        let before = self.calls.load(Relaxed);
        eventually("the calls go on", async || (self.calls.load(Relaxed) > before + 200).then_some(())).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn no_idempotent_call_is_lost_while_processes_die_come_stall_and_stop() {
    let (cluster, load) = (Cluster::new(), Load::default());
    let (first, second, third) = (cluster.start(1), cluster.start(2), cluster.start(3));
    cluster.say(&[1, 2, 3]);
    let channel = cluster.channel();
    let callers = load.start(&channel);
    for number in 1..=3 {
        cluster.is_called(&channel, number).await;
    }

    first.kill();
    cluster.is_not_called(&channel, 1).await;
    load.goes_on().await;
    let _fourth = cluster.start(4);
    cluster.say(&[2, 3, 4]);
    cluster.is_called(&channel, 4).await;

    second.signal("STOP");
    cluster.is_not_called(&channel, 2).await;
    load.goes_on().await;
    second.signal("CONT");
    cluster.is_called(&channel, 2).await;

    // It says that it leaves long before the name server does.
    let stopping = tokio::task::spawn_blocking(|| third.stop());
    cluster.is_not_called(&channel, 3).await;
    load.goes_on().await;
    cluster.say(&[2, 4]);
    assert_eq!(within("the end of the third", stopping).await.unwrap().status.code(), Some(0));

    load.is_over.store(true, Relaxed);
    within("the last calls", callers.join_all()).await;
    let failures = load.failures.lock().unwrap();
    assert!(failures.is_empty(), "{} of {} calls failed: {failures:?}", failures.len(), load.calls.load(Relaxed));
}
