//! Servers under test: `campus serve` as a process of its own, with other settings each.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
};

use campus_chassis::Address;
use campus_host::Part;
use campus_testkit::Campus;
use tempfile::TempDir;

use crate::{
    RECORDS, Result, load,
    way::{Authority, Way},
};

/// A server that differs from the others by some settings.
pub(crate) struct Variant {
    name: String,
    settings: Vec<(String, String)>,
    way: fn(SocketAddr, &Path) -> Way,
    authority: Option<Authority>,
    /// Whether it runs in this process, so that its figures are those of both ends.
    is_here: bool,
}

impl Variant {
    fn new(name: &str, settings: &[(&str, &str)]) -> Self {
        let settings = settings.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Self { name: name.to_owned(), settings, way: |addr, _| Way::Tcp(addr), authority: None, is_here: false }
    }

    /// Without telemetry, and with parts of the calls sampled.
    pub(crate) fn telemetry(collector: SocketAddr) -> Vec<Self> {
        let endpoint = format!("http://{collector}");
        let sampled = |name, ratio| {
            let exporter = ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str());
            let sampler = ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio");
            let protocol = ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
            Self::new(name, &[exporter, protocol, sampler, ("OTEL_TRACES_SAMPLER_ARG", ratio)])
        };
        vec![Self::new("off", &[]), sampled("0 %", "0"), sampled("1 %", "0.01"), sampled("100 %", "1")]
    }

    /// Without telemetry, and with every call sampled for collectors that are of more or less use.
    pub(crate) fn collectors(kinds: &[(&str, SocketAddr)]) -> Vec<Self> {
        let with = |(name, addr): &(&str, SocketAddr)| {
            let endpoint = format!("http://{addr}");
            Self::new(name, &[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")])
        };
        std::iter::once(Self::new("off", &[])).chain(kinds.iter().map(with)).collect()
    }

    /// Answers are compressed for those who take them so.
    pub(crate) fn compressing() -> Self {
        Self::new("forms", &[("CAMPUS__SERVER__COMPRESS_REPLIES", "accepted")])
    }

    /// Every way to a server in this process.
    pub(crate) fn within() -> Vec<Self> {
        let here = |name, way| Self { is_here: true, way, ..Self::new(name, &[]) };
        vec![here("TCP", |addr, _| Way::Tcp(addr)), here("Unix socket", |_, dir| Way::Unix(dir.join("campus.sock")))]
    }

    /// Every way to a server in another process.
    pub(crate) fn transports() -> Result<Vec<Self>> {
        let mut unix = Self::new("Unix socket", &[("CAMPUS__SERVER__LISTEN", "127.0.0.1:0,unix:{dir}/campus.sock")]);
        unix.way = |_, dir| Way::Unix(dir.join("campus.sock"));
        let files = [
            ("CAMPUS__SERVER__TLS__CERTIFICATE", "{dir}/server.pem"),
            ("CAMPUS__SERVER__TLS__KEY", "{dir}/server.key"),
        ];
        let mut tls = Self::new("TLS 1.3", &files);
        tls.authority = Some(Authority::new()?);
        let ca = ("CAMPUS__SERVER__TLS__CLIENT_CA", "{dir}/ca.pem");
        let mut mutual = Self::new("mutual TLS 1.3", &[files[0], files[1], ca]);
        mutual.authority = Some(Authority::new()?);
        Ok(vec![Self::new("TCP", &[]), unix, tls, mutual])
    }

    /// SQLite, and PostgreSQL at `url`.
    pub(crate) fn databases(url: &str) -> Vec<Self> {
        vec![Self::new("SQLite", &[]), Self::new("PostgreSQL", &[("CAMPUS__STORE__URL", url)])]
    }
}

/// A running server with records in it.
pub(crate) struct Server {
    pub(crate) name: String,
    pub(crate) way: Way,
    /// Where a process of its own answers REST.
    pub(crate) rest: Option<SocketAddr>,
    process: Process,
    _dir: TempDir,
}

enum Process {
    Child(Child),
    Here { _campus: Box<Campus> },
}

impl Server {
    pub(crate) async fn start(variant: &Variant) -> Result<Self> {
        let server = if variant.is_here { Self::here(variant)? } else { Self::child(variant)? };
        load::fill(&server, RECORDS).await?;
        Ok(server)
    }

    /// One that listens in this way alone.
    fn here(variant: &Variant) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let socket = dir.path().join("campus.sock");
        let campus = Campus::start_with(&[Part::of::<campus_employee::Employees>()], |settings| {
            let way = (variant.way)(([127, 0, 0, 1], 0).into(), dir.path());
            settings.server.listen.0.extend(match way {
                Way::Unix(_) => Some(Address::Unix(socket)),
                Way::Tcp(_) | Way::Tls(..) => None,
            });
        });
        let way = (variant.way)(campus.grpc, dir.path());
        Ok(Self {
            name: variant.name.clone(),
            way,
            rest: None,
            process: Process::Here { _campus: Box::new(campus) },
            _dir: dir,
        })
    }

    fn child(variant: &Variant) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        if let Some(authority) = &variant.authority {
            authority.write(dir.path())?;
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_campus"));
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--data-dir"])
            .arg(dir.path());
        if variant.settings.iter().any(|(name, _)| name == "CAMPUS__SERVER__LISTEN") {
            command = Command::new(env!("CARGO_BIN_EXE_campus"));
            command.args(["serve", "--admin-listen", "127.0.0.1:0", "--data-dir"]).arg(dir.path());
        }
        let folder = dir.path().display().to_string();
        command.envs(variant.settings.iter().map(|(name, value)| (name, value.replace("{dir}", &folder))));
        command
            .env("CAMPUS__LOG__FORMAT", "json")
            .env("CAMPUS__REST__LISTEN", "127.0.0.1:0")
            .env("CAMPUS__SERVER__DRAIN_DELAY", "0s");
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let (addr, rest) = listening(&mut child)?;
        let mut way = (variant.way)(addr, dir.path());
        if let (Way::Tcp(addr), Some(authority)) = (&way, &variant.authority) {
            way = Way::tls(*addr, authority)?;
        }
        Ok(Self { name: variant.name.clone(), way, rest: Some(rest), process: Process::Child(child), _dir: dir })
    }

    /// Time that all threads of the server's process were on a CPU, in microseconds.
    pub(crate) fn cpu_us(&self) -> Result<f64> {
        let process = match &self.process {
            Process::Child(child) => child.id(),
            Process::Here { .. } => std::process::id(),
        };
        let mut nanoseconds = 0_u64;
        for task in fs::read_dir(format!("/proc/{process}/task"))? {
            let text = fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
            nanoseconds += text.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0);
        }
        #[expect(clippy::cast_precision_loss, reason = "a figure to show")]
        Ok(nanoseconds as f64 / 1000.0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Process::Child(child) = &mut self.process {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The addresses of gRPC and REST, in the line that says so; what the server logs afterwards is read and dropped.
fn listening(child: &mut Child) -> Result<(SocketAddr, SocketAddr)> {
    let mut lines = BufReader::new(child.stderr.take().ok_or("no stderr")?).lines();
    let mut last = String::new();
    while let Some(Ok(line)) = lines.next() {
        let address = |name: &str| {
            let text = line.split(&format!("\"{name}\":\"")).nth(1)?.split(['"', ',']).next()?;
            text.parse().ok()
        };
        if let (Some(grpc), Some(rest)) = (address("grpc.address"), address("web.address")) {
            std::thread::spawn(move || lines.for_each(drop));
            return Ok((grpc, rest));
        }
        last = line;
    }
    Err(format!("the server did not start: {last}").into())
}
