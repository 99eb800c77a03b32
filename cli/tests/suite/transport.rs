//! The ways from the command line to a server, and what is said where there is none.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use campus_testcerts::{Authority, Identity};
use campus_testkit::{Process, flags};
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_campus");
const HOST: &str = "campus.example";

/// A server as a process of its own, and the files of its clients.
struct Place {
    dir: TempDir,
    authority: Authority,
    server: Option<Process>,
}

impl Place {
    /// Runs `campus serve` with these lines in the section `server` of its file, in which `{dir}` is the folder.
    fn new(lines: &str) -> Self {
        let mut place = Self::without_server();
        place.serve(lines);
        place
    }

    fn without_server() -> Self {
        let place = Self { dir: tempfile::tempdir().unwrap(), authority: Authority::new(), server: None };
        place.put("server", &place.authority.server(&[HOST, "127.0.0.1"]));
        place.put("client", &place.authority.client("a client", &["client.campus.example"]));
        fs::write(place.path("ca.pem"), &place.authority.certificate).unwrap();
        place
    }

    fn serve(&mut self, lines: &str) {
        self.server = Some(Process::start(&mut self.serving(lines)));
    }

    fn serving(&self, lines: &str) -> Command {
        let lines = lines.replace("{dir}", &self.dir.path().display().to_string());
        fs::write(self.path("campus.toml"), format!("[server]\ndrain_delay = \"0s\"\n{lines}\n")).unwrap();
        let data = self.path("data");
        let mut serve = Command::new(PROGRAM);
        serve.arg("serve").args(flags(&data)).arg("--config").arg(self.path("campus.toml"));
        serve
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn put(&self, name: &str, identity: &Identity) {
        identity.write(&self.path(&format!("{name}.crt")), &self.path(&format!("{name}.key")));
    }

    /// Where the server is: `127.0.0.1:port`.
    fn address(&self) -> String {
        self.server.as_ref().unwrap().grpc.to_string()
    }

    /// Runs `campus` in the folder with these words, in which `{at}` is the server.
    fn run(&self, line: &str) -> (Option<i32>, String) {
        self.run_with(&[], line)
    }

    fn run_with(&self, variables: &[(&str, &str)], line: &str) -> (Option<i32>, String) {
        let at = self.server.as_ref().map(|server| server.grpc.to_string()).unwrap_or_default();
        let mut command = Command::new(PROGRAM);
        command.current_dir(self.dir.path()).env_remove("CAMPUS_SERVER").envs(variables.iter().copied());
        text(command.args(line.replace("{at}", &at).split(' ')).stdin(Stdio::null()).output().unwrap())
    }

    #[track_caller]
    fn is_served(&self, line: &str) {
        let (exit, text) = self.run(line);
        assert_eq!(exit, Some(0), "{line}: {text}");
    }

    #[track_caller]
    fn is_refused(&self, line: &str, expected: i32, words: &[&str]) {
        let (exit, text) = self.run(line);
        assert_eq!(exit, Some(expected), "{line}: {text}");
        for words in words {
            let words = words.replace("{at}", &self.address());
            assert!(text.contains(&words), "{line}: no {words:?} in {text}");
        }
    }
}

/// The exit code, and what was said.
fn text(output: Output) -> (Option<i32>, String) {
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

const TLS: &str = "[server.tls]\ncertificate = \"{dir}/server.crt\"\nkey = \"{dir}/server.key\"";

fn mutual() -> String {
    format!("{TLS}\nclient_ca = \"{{dir}}/ca.pem\"")
}

#[test]
fn a_client_reaches_a_server_with_tls_that_it_has_a_reason_to_trust() {
    let place = Place::new(TLS);
    place.is_served("health --server https://{at} --tls-ca ca.pem");
    place.is_served("--tls-ca ca.pem --server {at} employee list");
    let (exit, text) = place.run_with(&[("CAMPUS_TLS_CA", "ca.pem")], "--server {at} employee list");
    assert_eq!(exit, Some(0), "what the environment says of TLS counts as well: {text}");
    place.is_served("employee list --server https://{at} --tls-ca ca.pem --tls-server-name campus.example");
    let variables = [("CAMPUS_TLS_CA", "ca.pem"), ("CAMPUS_TLS_SERVER_NAME", HOST)];
    let (exit, text) = place.run_with(&variables, "health --server https://{at}");
    assert_eq!(exit, Some(0), "{text}");
    let distrust = ["the certificate of https://{at} is of an authority that is not trusted here", "--tls-ca FILE"];
    fs::write(place.path("other.pem"), Authority::new().certificate).unwrap();
    place.is_refused("health --server https://{at} --tls-ca other.pem", 69, &distrust);
    let line = "health --server https://{at} --tls-ca ca.pem --tls-server-name other.example";
    place.is_refused(
        line,
        69,
        &[
            "the certificate of https://{at} is not for other.example; it is for campus.example",
            "--tls-server-name NAME",
        ],
    );
}

#[test]
fn tls_on_one_side_alone_is_named_and_not_tried_again() {
    let place = Place::new(TLS);
    for command in ["health", "employee list", "employee export"] {
        let expected = ["what listens at http://{at} speaks TLS", "give https://{at}"];
        place.is_refused(&format!("{command} --server http://{{at}}"), 69, &expected);
    }
    let place = Place::new("");
    place.is_served("health --server {at}");
    let expected = ["what listens at https://{at} does not speak TLS", "give http://{at}"];
    place.is_refused("health --server https://{at} --tls-ca ca.pem", 69, &expected);
}

#[test]
fn a_client_shows_its_certificate_where_it_is_asked_for() {
    let place = Place::new(&mutual());
    place.is_served("health --server https://{at} --tls-ca ca.pem --tls-cert client.crt --tls-key client.key");
    let variables = [("CAMPUS_TLS_CA", "ca.pem"), ("CAMPUS_TLS_CERT", "client.crt"), ("CAMPUS_TLS_KEY", "client.key")];
    let (exit, text) = place.run_with(&variables, "employee list --server https://{at}");
    assert_eq!(exit, Some(0), "{text}");
    let wanted = ["https://{at} wants to see a certificate", "--tls-cert FILE and --tls-key FILE say which"];
    place.is_refused("health --server https://{at} --tls-ca ca.pem", 69, &wanted);
    place.put("stranger", &Authority::new().client("a stranger", &[]));
    let line = "health --server https://{at} --tls-ca ca.pem --tls-cert stranger.crt --tls-key stranger.key";
    place.is_refused(line, 69, &["https://{at} refuses the connection"]);
}

#[test]
fn a_client_reaches_a_server_by_its_socket() {
    let mut place = Place::without_server();
    let socket = format!("unix:{}", place.path("campus.sock").display());
    let (exit, text) = place.run(&format!("health --server {socket}"));
    assert_eq!(exit, Some(69));
    assert!(text.contains(&format!("no server at {socket}")) && text.contains("campus serve"), "{text}");
    let listen = format!("127.0.0.1:0,{socket}");
    let mut serve = place.serving("");
    serve.args(["--listen", &listen]);
    // The flag that is given last would be given twice: the one of the free port gives way.
    let words: Vec<_> = serve.get_args().map(ToOwned::to_owned).collect();
    let at = words.iter().position(|word| word == "--listen").unwrap();
    let words = words.into_iter().enumerate().filter(|(i, _)| *i != at && *i != at + 1).map(|(_, word)| word);
    place.server = Some(Process::start(Command::new(PROGRAM).args(words)));
    for command in ["health", "employee list", "student list"] {
        place.is_served(&format!("{command} --server {socket}"));
        place.is_served(&format!("{command} --server {{at}}"));
    }
    place.server.take().unwrap().stop();
    assert!(!place.path("campus.sock").exists());
}

#[test]
fn who_is_not_allowed_is_told_for_whom_the_server_takes_it() {
    let place = Place::new(&format!("allow = \"cert:other.campus.example\"\n{}", mutual()));
    let shown = "--server https://{at} --tls-ca ca.pem --tls-cert client.crt --tls-key client.key";
    place.is_served(&format!("health {shown}"));
    let expected = ["this server does not let 127.0.0.1:", "(client.campus.example) call", "PERMISSION_DENIED"];
    place.is_refused(&format!("employee list {shown}"), 1, &expected);
}

#[test]
fn what_is_said_about_tls_is_checked_before_anything_is_sent() {
    let place = Place::new("");
    for (line, exit, words) in [
        ("health --server http://{at} --tls-ca ca.pem", 64, "--tls-ca is of no use with --server http://{at}"),
        ("health --server {at} --tls-cert client.crt", 64, "--tls-cert needs --tls-key"),
        ("health --server {at} --tls-key client.key", 64, "--tls-key needs --tls-cert"),
        ("health --server {at} --tls-ca missing.pem", 74, "cannot read missing.pem"),
        ("health --server {at} --tls-ca client.key", 64, "--tls-ca client.key holds no certificate in PEM form"),
        ("health --server ftp://{at}", 64, "there is no scheme ftp"),
    ] {
        place.is_refused(line, exit, &[words]);
    }
    let swapped = "health --server {at} --tls-ca ca.pem --tls-cert client.crt --tls-key client.crt";
    place.is_refused(swapped, 64, &["--tls-key client.crt holds no private key in PEM form"]);
}

#[test]
fn a_server_whose_files_cannot_be_used_ends_with_one_line_before_it_makes_anything() {
    let place = Place::without_server();
    place.put("server", &place.authority.expired_server(&[HOST]));
    let refused = |lines: &str| {
        let (exit, text) = text(place.serving(lines).output().unwrap());
        assert_eq!((exit, text.lines().count()), (Some(64), 1), "{text}");
        assert!(!place.path("data").exists());
        text
    };
    let expired = refused(TLS);
    assert!(expired.contains("setting server.tls.certificate in ") && expired.contains("expired on"), "{expired}");
    fs::remove_file(place.path("server.key")).unwrap();
    let missing = refused(TLS);
    assert!(missing.contains("server.key\": the file cannot be read"), "{missing}");
    let never = refused("allow = [\"cert:a\"]");
    assert!(never.contains("campus.toml is \"cert:a\""), "{never}");
}
