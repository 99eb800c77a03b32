//! What a user is told when there is no way to a server, word by word, and how soon.

mod peers;

use std::{
    fmt::Write,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    process::{Command, Stdio},
    time::Duration,
};

use campus_testcerts::Authority;
use campus_testdns::{NameServer, Say};
use campus_testkit::Campus;

use self::peers::{Manner, Peer};
use crate::{contract::PARTS, golden::assert_golden};

fn campus(line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_campus"));
    command.env_remove("CAMPUS_SERVER").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // Two quotes are an empty word.
    command.args(line.split(' ').map(|word| if word == "''" { "" } else { word }));
    command
}

/// The exit code, stdout and stderr.
fn run(line: &str) -> (i32, String, String) {
    let output = campus(line).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// The numbers that are others each time.
fn settled(text: &str, names: &[(String, &str)]) -> String {
    let text = names.iter().fold(text.to_owned(), |text, (what, name)| text.replace(what, name));
    let mut words = text.split("within ");
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |text, rest| {
        text + "within TIME"
            + rest.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | 'm' | 's' | 'µ'))
    })
}

#[cfg(target_os = "linux")]
#[test]
fn each_trouble_is_told_with_what_is_wrong_and_what_to_do() {
    let authority = Authority::new();
    let dir = tempfile::tempdir().unwrap();
    let ca = dir.path().join("ca.pem");
    std::fs::write(&ca, &authority.certificate).unwrap();
    let tls = |identity| Peer::start(Manner::Tls(identity));
    let [good, expired] = [authority.server(&["127.0.0.1"]), authority.expired_server(&["127.0.0.1"])].map(tls);
    let [other, stranger] = [authority.server(&["other.example"]), Authority::new().server(&["127.0.0.1"])].map(tls);
    let [silent, http, mute] = [Manner::Silent, Manner::Http, Manner::Mute].map(Peer::start);
    let names = NameServer::new();
    names.say("none.test.", Say::NoSuchName);
    names.say("lost.test.", Say::Silence);
    names.say("broken.test.", Say::Failure);
    let (dns, real) = (names.address, Campus::start(&PARTS));
    let mut out = String::new();
    let ca = ca.display().to_string();
    let said = [
        (silent.address.to_string(), "SILENT"),
        (http.address.to_string(), "HTTP"),
        (mute.address.to_string(), "MUTE"),
        (good.address.to_string(), "TLS"),
        (expired.address.to_string(), "EXPIRED"),
        (other.address.to_string(), "OTHER"),
        (stranger.address.to_string(), "STRANGER"),
        (dns.to_string(), "DNS"),
        (real.grpc.to_string(), "CAMPUS"),
        (real.admin.to_string(), "ADMIN"),
        (ca.clone(), "ca.pem"),
    ];
    for line in [
        "employee list --server 127.0.0.1:1",
        "employee list --server unix:/none.sock",
        "employee list --server SILENT --timeout 1s",
        "employee watch --server SILENT --timeout 1s",
        "health --server https://SILENT --timeout 1s",
        "employee watch --server HTTP",
        "employee list --server https://HTTP",
        "employee list --server MUTE --timeout 1s",
        "employee watch --server MUTE --timeout 1s",
        "employee list --server TLS",
        "employee list --server https://EXPIRED --tls-ca ca.pem",
        "employee list --server https://OTHER --tls-ca ca.pem",
        "employee list --server https://STRANGER --tls-ca ca.pem",
        "employee list --server https://CAMPUS",
        "employee list --server ADMIN",
        "employee list --server dns://DNS/none.test.:1",
        "employee list --server dns://DNS/broken.test.:1",
        "employee list --server dns://DNS/lost.test.:1 --timeout 1s",
        "health --server dns://DNS/lost.test.:1 --timeout 1s",
        "employee get nobody --server CAMPUS",
        "employee list --filter x=1 --server CAMPUS",
        "employee import none.csv --server CAMPUS",
        "employee export --output-file /none/a.csv --server CAMPUS",
        "employee list --server CAMPUS --tls-server-name ''",
        "employee list --server CAMPUS --tls-ca none.pem",
        "employee list --server http://CAMPUS --tls-ca ca.pem",
        "employee list --server CAMPUS --timeout 99999999999h",
        "employee list --server CAMPUS --timeout -1s",
        "employee list --server CAMPUS --timeout 1e3s",
        "person record --id 0 --name Mira",
    ] {
        let real = said.iter().fold(line.to_owned(), |line, (what, name)| line.replace(name, what));
        let (exit, stdout, stderr) = run(&real);
        assert_eq!(stdout, "", "{line}");
        writeln!(out, "$ campus {line}\n{}exit {exit}\n", settled(&stderr, &said)).unwrap();
    }
    assert_golden("errors/trouble.txt", &out);
}

#[test]
fn a_server_that_says_nothing_is_not_asked_a_second_time() {
    for line in ["health", "employee list", "employee watch", "employee lookup 1", "person list"] {
        let silent = Peer::start(Manner::Silent);
        let (exit, _, stderr) = run(&format!("{line} --timeout 1s --server {}", silent.address));
        assert_eq!(exit, 69, "{line}: {stderr}");
        assert_eq!(silent.connections(), 1, "{line}");
    }
}

#[test]
fn what_connecting_takes_is_part_of_the_time_of_a_call() {
    let slow = Peer::start(Manner::Slow(Duration::from_millis(500)));
    let (exit, _, stderr) = run(&format!("employee list --timeout 2s --server {}", slow.address));
    assert_eq!(exit, 69, "{stderr}");
    let told = slow.told();
    assert!(told <= Duration::from_millis(1500), "the server was told {told:?}");
}

#[test]
fn a_watch_that_is_taken_and_not_answered_ends() {
    let mute = Peer::start(Manner::Mute);
    let (exit, _, stderr) = run(&format!("employee watch --server {}", mute.address));
    assert_eq!(exit, 69);
    assert!(stderr.starts_with("error: no answer within 10s (DEADLINE_EXCEEDED)\n"), "{stderr}");
}

#[test]
fn the_health_of_every_server_behind_a_target_is_told() {
    let server = Campus::start(&PARTS);
    let names = NameServer::new();
    let ips = [1, 77].map(|last| IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)));
    names.say("all.test.", Say::Addresses(ips.into(), 5));
    let port = server.grpc.port();
    let dead = SocketAddr::new(ips[1], port);
    for target in [format!("dns://{}/all.test.:{port}", names.address), format!("static:///127.0.0.1:{port},{dead}")] {
        let (exit, out, err) = run(&format!("health --server {target} -o csv"));
        assert_eq!(exit, 69, "{err}");
        assert!(err.starts_with(&format!("error: no server at {dead}: ")), "{err}");
        let mut lines = out.lines();
        assert_eq!(lines.next(), Some("server,service,status"));
        assert_eq!(lines.next(), Some(format!("{},,SERVING", server.grpc).as_str()));
        assert!(lines.any(|line| line == format!("{dead},,UNREACHABLE")), "{out}");
    }
}
