//! Servers that end with the process that started them.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    process::{Child, Command, Stdio},
    sync::OnceLock,
    sync::atomic::{AtomicU64, Ordering},
    time::SystemTime,
};

use tempfile::TempDir;

use crate::{
    cluster::{Programs, run},
    left_out,
};

/// A server. Dropping it ends it.
pub struct Postgres {
    url: String,
    own: Option<Own>,
}

/// A server of this process.
struct Own {
    programs: Programs,
    folder: TempDir,
    port: u16,
    options: String,
    /// Ends the server when this process is gone, however it ended.
    guard: Child,
}

impl Postgres {
    /// The server that the tests of a process share: the one named by `CAMPUS_TEST_POSTGRES_URL`, or one of its own.
    /// `None` where there is none, which is said.
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Postgres>> = OnceLock::new();
        let start = || match std::env::var("CAMPUS_TEST_POSTGRES_URL") {
            Ok(url) => Some(Self { url, own: None }),
            Err(_) => Self::start(&[], &[]),
        };
        SHARED.get_or_init(start).as_ref()
    }

    /// A server for one test, which may do to it what it likes, with further settings and files (name and content) in
    /// `{folder}`. `None` where there is none, which is said.
    pub fn start(settings: &[&str], files: &[(&str, &str)]) -> Option<Self> {
        let Some(programs) = Programs::find() else {
            left_out("tests on PostgreSQL: no server is installed (Debian: apt-get install postgresql)");
            return None;
        };
        let folder = tempfile::Builder::new().prefix("campus-postgres-").tempdir().unwrap();
        let programs = programs.own(folder.path());
        let init = ["--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8", "--username=postgres"];
        run(programs.command("initdb").args(init).arg("--pgdata").arg(folder.path().join("data")));
        for (name, content) in files {
            let path = folder.path().join(name);
            fs::write(&path, content).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            drop(programs.clone().own(&path));
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut options = format!("-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories=");
        // Nothing here is to survive the machine; what the server has written survives the server all the same.
        for setting in ["fsync=off", "full_page_writes=off", "max_connections=200", "shared_buffers=32MB"] {
            options.push_str(&format!(" -c {setting}"));
        }
        for setting in settings {
            options.push_str(&format!(" -c {}", setting.replace("{folder}", folder.path().to_str().unwrap())));
        }
        let guard = guard(&programs, &folder);
        let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
        let server = Self { url, own: Some(Own { programs, folder, port, options, guard }) };
        server.restart();
        Some(server)
    }

    /// The address of its database `postgres`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A name that no other test has, for a schema.
    pub fn schema() -> String {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        format!("t{}_{}_{}", since.as_micros(), std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
    }

    /// The port of a server of this process.
    pub fn port(&self) -> u16 {
        self.own().port
    }

    /// Runs a statement, as its owner would by hand.
    pub fn sql(&self, statement: &str) {
        run(self.own().programs.command("psql").args(["--quiet", "--command", statement, &self.url]));
    }

    /// The folder of a server of this process, which the server may read.
    pub fn folder(&self) -> &std::path::Path {
        self.own().folder.path()
    }

    /// Starts it, again or for the first time, and waits until it answers.
    pub fn restart(&self) {
        let own = self.own();
        let data = own.folder.path().join("data");
        let mut start = own.programs.command("pg_ctl");
        start.args(["start", "--wait", "--silent", "--timeout=60", "--options", &own.options]);
        run(start.arg("--pgdata").arg(&data).arg("--log").arg(data.join("log")));
    }

    /// Ends it at once, in the middle of whatever it does (SIGKILL), and waits until all of it is gone.
    pub fn kill(&self) {
        let (server, processes) = (self.id(), self.processes());
        signal("KILL", &[server]);
        // They end by themselves, but not at once.
        signal("KILL", &processes);
        while processes.iter().any(|id| fs::metadata(format!("/proc/{id}/fd")).is_ok()) {
            std::thread::yield_now();
        }
    }

    /// Stops all of it where it stands: connections stay open and nobody answers.
    pub fn freeze(&self) {
        signal("STOP", &[self.id()]);
        signal("STOP", &self.processes());
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        signal("CONT", &self.processes());
        signal("CONT", &[self.id()]);
    }

    fn own(&self) -> &Own {
        self.own.as_ref().expect("a server of this process")
    }

    fn id(&self) -> u32 {
        let file = fs::read_to_string(self.own().folder.path().join("data/postmaster.pid")).unwrap();
        file.lines().next().unwrap().parse().unwrap()
    }

    fn processes(&self) -> Vec<u32> {
        let listed = Command::new("ps").args(["-o", "pid=", "--ppid", &self.id().to_string()]).output().unwrap();
        let listed = String::from_utf8(listed.stdout).unwrap();
        listed.split_whitespace().map(|id| id.parse().unwrap()).collect()
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        drop(self.guard.wait());
    }
}

/// Waits for the end of this process, then ends the server and removes its folder.
fn guard(programs: &Programs, folder: &TempDir) -> Child {
    let stop = programs.command("pg_ctl");
    let mut guard = Command::new("sh");
    guard.args(["-c", r#"read -r _; "$@" >/dev/null 2>&1; rm -rf "$FOLDER""#, "sh"]);
    guard.arg(stop.get_program()).args(stop.get_args()).args(["stop", "--mode=immediate", "--pgdata"]);
    guard.arg(folder.path().join("data")).env("FOLDER", folder.path());
    guard.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn signal(name: &str, ids: &[u32]) {
    // One that has just ended is no fault.
    drop(Command::new("kill").arg("-s").arg(name).args(ids.iter().map(u32::to_string)).stderr(Stdio::null()).status());
}
