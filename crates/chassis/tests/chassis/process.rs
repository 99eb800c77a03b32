//! A server as a process of its own: its logs and its signals.

use crate::support::{Client, Probe, admin_config, descriptors, eventually, get, note, number, server_config, within};
use campus_chassis::{App, BuildInfo, LogConfig, ServerConfig, TlsConfig, config::HumanDuration, logs, signals};
use campus_testcerts::Authority;
use serde_json::Value;
use std::{
    net::SocketAddr,
    path::Path,
    process::Stdio,
    sync::{Arc, Mutex},
    time::{Duration, Instant, SystemTime},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    net::TcpStream,
    process::{Child, Command},
};
use tonic::{Code, transport::Endpoint};

const CHILD: &str = "CHASSIS_TEST_CHILD";

/// Names a folder with the files of TLS, if there is to be any.
const FILES: &str = "CHASSIS_TEST_TLS";

/// What the other tests start: this program again, running only this.
#[test]
#[ignore = "the server that other tests here run as a process of its own"]
fn child() {
    let Some(delay) = std::env::var_os(CHILD) else { return };
    let drain_delay = HumanDuration::millis(delay.to_str().unwrap().parse().unwrap());
    let _logs = logs::init(&LogConfig::default(), None).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let file = |name| std::env::var_os(FILES).map(|dir| Path::new(&dir).join(name));
        let reload_interval = HumanDuration::millis(10);
        let tls = TlsConfig { certificate: file("crt"), key: file("key"), reload_interval, ..TlsConfig::default() };
        let config = ServerConfig { drain_limit: HumanDuration::secs(600), drain_delay, tls, ..server_config() };
        let app = App::builder(&config, &admin_config())
            .build_info(BuildInfo::new("probe", "1.2.3", "abc"))
            .descriptors(descriptors())
            .service(Probe::default())
            .build()
            .unwrap();
        app.run_until(signals::shutdown().unwrap()).await.unwrap();
    });
}

/// The process and the events it has logged.
struct Process {
    child: Child,
    events: Arc<Mutex<Vec<Value>>>,
}

impl Process {
    async fn start() -> Self {
        Self::with_delay(0).await
    }

    /// With this `drain_delay` in milliseconds.
    async fn with_delay(drain_delay: u64) -> Self {
        Self::of(Command::new(std::env::current_exe().unwrap()), drain_delay).await
    }

    /// With this limit of open files, an argument of `ulimit`.
    async fn with_files(limit: &str) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("ulimit {limit}; exec \"$@\""), "sh"]).arg(std::env::current_exe().unwrap());
        Self::of(shell, 0).await
    }

    async fn of(mut program: Command, drain_delay: u64) -> Self {
        let mut child = program
            .args(["--exact", "process::child", "--ignored", "--nocapture"])
            .env(CHILD, drain_delay.to_string())
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let events: Arc<Mutex<Vec<Value>>> = Arc::default();
        let seen = Arc::clone(&events);
        tokio::spawn(async move {
            while let Some(line) = lines.next_line().await.unwrap() {
                let event = serde_json::from_str(&line).unwrap_or_else(|_| panic!("not an event: {line}"));
                seen.lock().unwrap().push(event);
            }
        });
        let process = Self { child, events };
        process.logged("ready").await;
        process
    }

    fn all(&self, message: &str) -> Vec<Value> {
        let events = self.events.lock().unwrap();
        events.iter().filter(|event| event.get("message").is_some_and(|m| m == message)).cloned().collect()
    }

    /// The first event with this message, once it is there.
    async fn logged(&self, message: &str) -> Value {
        eventually(async || !self.all(message).is_empty()).await;
        self.all(message).remove(0)
    }

    /// The address behind this field of the first line.
    async fn at(&self, field: &str) -> SocketAddr {
        text(&self.logged("listening").await, field).parse().unwrap()
    }

    async fn client(&self) -> Client {
        let addr = self.at("grpc.address").await;
        Client::from(Endpoint::from_shared(format!("http://{addr}")).unwrap().connect().await.unwrap())
    }

    /// Until a call of `Wait` is under way.
    async fn waits_for_a_call(&self) {
        let admin = self.at("admin.address").await;
        let waiting =
            |line: &str| line.starts_with("grpc_server_in_flight") && line.contains("\"Wait\"") && line.ends_with(" 1");
        eventually(async || get(admin, "/metrics").await.body.lines().any(waiting)).await;
    }

    async fn signal(&self, name: &str) {
        let id = self.child.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().await.unwrap().success());
    }

    async fn ended(mut self) -> (bool, Vec<Value>) {
        let status = within(self.child.wait()).await.unwrap();
        eventually(async || {
            !self.all("stopped").is_empty()
                || self.all("stopped; calls that still ran were ended with UNAVAILABLE").len() == 1
        })
        .await;
        let events = self.events.lock().unwrap().clone();
        (status.success(), events)
    }
}

fn text(event: &Value, field: &str) -> String {
    event.get(field).unwrap_or_else(|| panic!("no {field} in {event}")).as_str().unwrap().to_owned()
}

#[tokio::test]
async fn logs_are_json_and_begin_with_what_runs_where() {
    let process = Process::start().await;
    let first = process.events.lock().unwrap().first().unwrap().clone();
    assert_eq!(text(&first, "message"), "listening");
    for (field, value) in [("service.name", "probe"), ("service.version", "1.2.3"), ("service.commit", "abc")] {
        assert_eq!(text(&first, field), value);
    }
    assert!(text(&first, "grpc.address").starts_with("127.0.0.1:"));
    assert!(text(&first, "admin.address").starts_with("127.0.0.1:"));
    process.signal("TERM").await;
    assert!(process.ended().await.0);
}

#[tokio::test]
async fn either_signal_drains_and_the_process_ends_well() {
    for signal in ["TERM", "INT"] {
        let process = Process::start().await;
        let client = process.client().await;
        let call = tokio::spawn(async move { client.unary("Wait", number(300)).await });
        process.waits_for_a_call().await;
        process.signal(signal).await;
        assert_eq!(text(&process.logged("signal received").await, "signal"), format!("SIG{signal}"));
        assert!(within(call).await.unwrap().is_ok());
        let (success, events) = process.ended().await;
        let last = events.last().unwrap();
        assert!(success && text(last, "message") == "stopped", "{last}");
        assert_eq!(last.get("drain.skipped"), Some(&Value::Bool(false)));
    }
}

#[tokio::test]
async fn sigterm_lets_the_news_travel_before_the_port_closes() {
    let process = Process::with_delay(500).await;
    let admin = process.at("admin.address").await;
    let addr = process.at("grpc.address").await;
    let old = process.client().await;
    assert_eq!(get(admin, "/readyz").await.code, 200);
    let begun = Instant::now();
    process.signal("TERM").await;
    eventually(async || get(admin, "/readyz").await.code == 503).await;
    assert_eq!(get(admin, "/livez").await.code, 200);
    let new = process.client().await;
    while process.all("stopped").is_empty() && begun.elapsed() < Duration::from_millis(400) {
        for client in [&old, &new] {
            client.unary("Echo", note("")).await.unwrap();
        }
    }
    let (success, events) = process.ended().await;
    assert!(success && begun.elapsed() >= Duration::from_millis(500), "{events:?}");
    assert!(TcpStream::connect(addr).await.is_err());
}

#[tokio::test]
async fn sigint_and_a_second_sigterm_leave_the_delay_out() {
    // Who is started by `nohup`, and so are its children, does not hear of a terminal that is closed.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok());
    let hears = ignored.is_none_or(|mask| mask & 1 == 0);
    let all = [&["INT"][..], &["TERM", "TERM"], &["HUP", "TERM"]];
    for signals in all.into_iter().take(if hears { 3 } else { 2 }) {
        let process = Process::with_delay(600_000).await;
        for signal in signals {
            process.signal(signal).await;
            process.logged("draining").await;
        }
        assert!(process.ended().await.0);
    }
}

#[tokio::test]
async fn a_second_signal_ends_what_still_runs() {
    let process = Process::start().await;
    let client = process.client().await;
    let call = tokio::spawn(async move { client.unary("Wait", number(600_000)).await });
    process.waits_for_a_call().await;
    process.signal("TERM").await;
    process.logged("draining").await;
    process.signal("TERM").await;
    assert_eq!(within(call).await.unwrap().unwrap_err().code(), Code::Unavailable);
    let (success, events) = process.ended().await;
    let last = events.last().unwrap();
    assert!(success && last.get("drain.skipped") == Some(&Value::Bool(true)), "{last}");
    assert_eq!(last.get("calls.ended").and_then(Value::as_u64), Some(1));
}

/// What a process says of having to take fewer connections than it should.
const FEWER: &str = "fewer connections than server.max_connections says: the process may not have more files open; raise \
                     that limit (ulimit -n), or lower the setting";

#[tokio::test]
async fn however_many_connect_there_are_files_left_for_probes_and_whoever_comes_too_much_is_told() {
    let process = Process::with_files("-n 200").await;
    let (grpc, admin) = (process.at("grpc.address").await, process.at("admin.address").await);
    let warnings = process.all(FEWER);
    let taken = warnings.first().and_then(|warning| warning.get("connections.taken"));
    assert_eq!((warnings.len(), taken.and_then(Value::as_u64)), (1, Some(100)));
    let mut crowd = Vec::new();
    for _ in 0..100 {
        crowd.push(TcpStream::connect(grpc).await.unwrap());
    }
    let open = async || get(admin, "/metrics").await.body.contains("grpc_server_connections 100");
    eventually(open).await;
    for _ in 0..150 {
        let mut refused = TcpStream::connect(grpc).await.unwrap();
        let mut said = Vec::new();
        within(refused.read_to_end(&mut said)).await.unwrap();
        assert!(said.ends_with(b"too many connections"), "{said:?}");
        crowd.push(refused);
    }
    for path in ["/livez", "/readyz"] {
        assert_eq!(get(admin, path).await.code, 200, "{path}");
    }
    assert!(open().await);
    process.signal("TERM").await;
    assert!(process.ended().await.0);
}

#[tokio::test]
async fn a_soft_limit_of_files_is_no_limit() {
    let process = Process::with_files("-S -n 64").await;
    assert!(process.all(FEWER).iter().all(|warning| warning.get("files.limit").unwrap().as_u64().unwrap() > 64));
    let grpc = process.at("grpc.address").await;
    let mut crowd = Vec::new();
    for _ in 0..100 {
        crowd.push(TcpStream::connect(grpc).await.unwrap());
    }
    process.client().await.unary("Echo", note("")).await.unwrap();
    process.signal("TERM").await;
    assert!(process.ended().await.0);
}

#[tokio::test]
async fn a_certificate_that_expires_is_told_of_once_before_and_once_when_it_has() {
    let (dir, authority, now) = (tempfile::tempdir().unwrap(), Authority::new(), SystemTime::now());
    let (certificate, key) = (dir.path().join("crt"), dir.path().join("key"));
    let (since, until) = (now - Duration::from_secs(100), now + Duration::from_secs(7));
    authority.server_between(&["x"], since, until).write(&certificate, &key);
    let mut program = Command::new(std::env::current_exe().unwrap());
    program.env(FILES, dir.path());
    let process = Process::of(program, 0).await;
    let soon = "the certificate of server.tls.certificate expires soon; renew the file";
    let over = "the certificate of server.tls.certificate has expired, and clients refuse it; renew the file";
    assert_eq!(text(&process.logged(soon).await, "level"), "WARN");
    assert!(process.all(over).is_empty());
    assert_eq!(text(&process.logged(over).await, "level"), "WARN");
    authority.server(&["x"]).write(&certificate, &key);
    process.logged("TLS files taken over").await;
    assert_eq!((process.all(soon).len(), process.all(over).len()), (1, 1));
    process.signal("TERM").await;
    assert!(process.ended().await.0);
}

#[tokio::test]
async fn a_panic_is_logged_once_with_its_method_and_without_its_message() {
    let process = Process::start().await;
    let client = process.client().await;
    client.unary("Panic", note("Anna's salary")).await.unwrap_err();
    let event = process.logged("a call panicked").await;
    assert_eq!((text(&event, "rpc.service"), text(&event, "rpc.method")), ("test.v1.Probe".into(), "Panic".into()));
    assert!(text(&event, "panic.location").contains("probe.rs"));
    process.signal("TERM").await;
    let (_, events) = process.ended().await;
    assert_eq!(events.iter().filter(|event| event.to_string().contains("panic")).count(), 1, "{events:?}");
    assert!(!events.iter().any(|event| event.to_string().contains("salary")));
}
