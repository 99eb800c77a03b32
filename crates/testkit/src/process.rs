//! A service as a process of its own, which can be measured, starved and killed.

use std::{
    ffi::OsStr,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, sync_channel},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use campus_client::Channel;

/// Longest wait for a process to begin or to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// Nobody else has to learn of a test's stop; so it does not wait, unless the test says so.
const DRAIN_DELAY: &str = "CAMPUS__SERVER__DRAIN_DELAY";

/// A process that serves. Dropping it kills it.
pub struct Process {
    /// Address of the gRPC port; of REST where there is no other.
    pub grpc: SocketAddr,
    /// Address of the admin port.
    pub admin: SocketAddr,
    /// Address of REST, if it has any.
    pub rest: Option<SocketAddr>,
    child: Child,
    log: Option<JoinHandle<Vec<String>>>,
}

/// A process that has ended.
#[derive(Debug)]
pub struct Ended {
    /// How.
    pub status: ExitStatus,
    /// The lines it wrote to stderr.
    pub log: Vec<String>,
}

/// The flags that start `campus serve` on free ports and a folder.
pub fn flags(dir: &Path) -> Vec<&OsStr> {
    const ANY: &str = "127.0.0.1:0";
    let ports = ["--listen", ANY, "--admin-listen", ANY, "--rest-listen", ANY].map(OsStr::new);
    [OsStr::new("--data-dir"), dir.as_os_str()].into_iter().chain(ports).collect()
}

impl Process {
    /// Runs a command that serves.
    ///
    /// # Panics
    /// If it ends before it listens.
    pub fn start(command: &mut Command) -> Self {
        Self::try_start(command).unwrap_or_else(|ended| panic!("it does not start: {ended:?}"))
    }

    /// Runs a command that may serve.
    ///
    /// # Errors
    /// How it ended, if it did before it listened.
    pub fn try_start(command: &mut Command) -> Result<Self, Ended> {
        if command.get_envs().all(|(name, _)| name != DRAIN_DELAY) {
            command.env(DRAIN_DELAY, "0s");
        }
        let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (tell, listening) = sync_channel(1);
        let log = std::thread::spawn(move || {
            let mut lines = Vec::new();
            for line in stderr.lines().map_while(Result::ok) {
                let rest = address(&line, "web.address");
                if let Some(ports) = address(&line, "grpc.address").or(rest).zip(address(&line, "admin.address")) {
                    let _ = tell.try_send((ports, rest));
                }
                lines.push(line);
            }
            lines
        });
        match wait(&listening) {
            Some(((grpc, admin), rest)) => Ok(Self { grpc, admin, rest, child, log: Some(log) }),
            None => Err(Ended { status: child.wait().unwrap(), log: log.join().unwrap() }),
        }
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// A connection.
    pub async fn channel(&self) -> Channel {
        let channel = Channel::builder(&self.grpc.to_string()).unwrap().build();
        channel.ready().await.unwrap();
        channel
    }

    /// Ends it at once, in the middle of whatever it does (SIGKILL).
    pub fn kill(mut self) -> Ended {
        self.child.kill().unwrap();
        self.ended()
    }

    /// Asks it to stop (SIGTERM), and waits until it has.
    pub fn stop(mut self) -> Ended {
        self.signal("TERM");
        self.ended()
    }

    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.id().to_string()]).status().unwrap();
        assert!(sent.success(), "SIG{name}: {sent}");
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    fn ended(&mut self) -> Ended {
        let begun = Instant::now();
        while self.runs() {
            assert!(begun.elapsed() < PATIENCE, "waited in vain for the end of the process");
            std::thread::park_timeout(Duration::from_millis(2));
        }
        let log = self.log.take().map(|log| log.join().unwrap()).unwrap_or_default();
        Ended { status: self.child.wait().unwrap(), log }
    }

    /// Bytes of memory it holds now, and held at most since [`forget_peak`](Self::forget_peak); only on Linux.
    pub fn memory(&self) -> Option<(u64, u64)> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).ok()?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? << 10)
        };
        field("VmRSS:").zip(field("VmHWM:"))
    }

    /// Lets the peak of its memory begin at what it holds now.
    pub fn forget_peak(&self) {
        // Without it the peak is that of its whole life, which is more: a test gets stricter, never laxer.
        drop(std::fs::write(format!("/proc/{}/clear_refs", self.id()), "5"));
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Addresses of gRPC and the admin port, and of REST.
type Ports = ((SocketAddr, SocketAddr), Option<SocketAddr>);

fn wait(listening: &Receiver<Ports>) -> Option<Ports> {
    match listening.recv_timeout(PATIENCE) {
        Ok(ports) => Some(ports),
        Err(RecvTimeoutError::Disconnected) => None,
        Err(RecvTimeoutError::Timeout) => panic!("it neither listens nor ends"),
    }
}

/// The first address of TCP in a line of the log (JSON).
fn address(line: &str, key: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once(&format!("\"{key}\":\""))?;
    rest.split_once('"')?.0.split(',').find_map(|address| address.parse().ok())
}
