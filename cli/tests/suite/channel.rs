//! Servers found by a name, from the command line.

use std::{
    io::{BufRead, BufReader},
    net::{IpAddr, Ipv4Addr, TcpListener},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use campus_host::Part;
use campus_testdns::{NameServer, Say};
use campus_testkit::Campus;
use serde_json::Value;

const PARTS: [Part; 1] = [Part::of::<campus_employee::Employees>()];
const NAME: &str = "employee.campus.test.";

fn campus(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_campus"));
    command.env_remove("CAMPUS_SERVER").args(words).stdin(Stdio::null());
    command
}

/// The exit code, stdout and stderr.
fn run(words: &[&str]) -> (Option<i32>, String, String) {
    let output = campus(words).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn named(addresses: &[u8]) -> NameServer {
    let names = NameServer::new();
    let ips = addresses.iter().map(|last| IpAddr::V4(Ipv4Addr::new(127, 0, 0, *last))).collect();
    names.say(NAME, Say::Addresses(ips, 5));
    names
}

#[test]
fn a_server_is_called_by_its_name_even_where_another_one_does_not_run() {
    let server = Campus::start(&PARTS);
    let names = named(&[1, 77]);
    let target = format!("dns://{}/{NAME}:{}", names.address, server.grpc.port());
    let (exit, _, err) =
        run(&["--server", &target, "employee", "create", "--given-name", "Mira", "--family-name", "Okafor"]);
    assert_eq!(exit, Some(0), "{err}");
    let (exit, out, err) = run(&["employee", "list", "--server", &target]);
    assert_eq!((exit, out.lines().count()), (Some(0), 1), "{err}");
}

#[test]
fn a_name_that_is_not_known_is_told() {
    let names = named(&[1]);
    let (exit, _, err) = run(&["health", "--server", &format!("dns://{}/other.campus.test.:1", names.address)]);
    assert_eq!(exit, Some(69));
    assert!(err.contains(": other.campus.test.: there is no such name (NXDOMAIN)"), "{err}");
}

#[test]
fn a_channel_shows_each_server_and_what_was_done_there() {
    let server = Campus::start(&PARTS);
    let names = named(&[1, 77]);
    let target = format!("dns://{}/{NAME}:{}", names.address, server.grpc.port());
    let (exit, out, err) = run(&["channel", &target, "--calls", "20", "-o", "json"]);
    assert_eq!(exit, Some(0), "{err}");
    let dump: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&dump["state"], &dump["target"]), (&"READY".into(), &target.into()), "{out}");
    let [here, other] = dump["endpoints"].as_array().unwrap().as_slice() else { panic!("{out}") };
    assert_eq!(here["address"], server.grpc.to_string());
    assert_eq!((&here["phase"], &here["in_flight"]), (&"ready".into(), &0.into()), "{out}");
    assert!(here["picks"].as_u64().unwrap() >= 20, "{out}");
    assert_eq!((&other["phase"], &other["picks"]), (&"backing_off".into(), &0.into()), "{out}");
    assert!(other["last_error"].as_str().unwrap().contains("refused"), "{out}");
    assert!(here["latency_ms"].as_f64().unwrap() > 0.0 && here["held_back"].is_null(), "{out}");

    let (exit, out, _) = run(&["--server", &server.grpc.to_string(), "channel", "-o", "csv"]);
    let mut lines = out.lines();
    assert_eq!(exit, Some(0));
    assert!(lines.next().unwrap().starts_with("address,state,seconds,in_flight,picks,"), "{out}");
    assert!(lines.next().unwrap().starts_with(&format!("{},ready,", server.grpc)), "{out}");
}

#[test]
fn a_channel_that_nobody_can_be_called_over_is_shown_and_fails() {
    let (exit, out, err) = run(&["channel", "static:///127.0.0.1:1,127.0.0.2:1", "-o", "table", "--calls", "0"]);
    assert_eq!((exit, err.as_str()), (Some(69), ""), "{out}");
    assert!(out.starts_with("static:///127.0.0.1:1,127.0.0.2:1  TRANSIENT_FAILURE\n  2 addresses"), "{out}");
    let refused = out.lines().filter(|line| line.contains("backing off") && line.contains("Connection refused"));
    assert_eq!(refused.count(), 2, "{out}");
}

/// Accepts, and says nothing.
fn silent() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

#[test]
fn a_server_that_says_nothing_is_named_and_waited_for_no_longer_than_was_said() {
    let silent = silent();
    let address = silent.local_addr().unwrap().to_string();
    let begun = Instant::now();
    let (exit, out, err) = run(&["channel", &address, "--timeout", "1500ms", "-o", "json"]);
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    assert_eq!((exit, err.as_str()), (Some(69), format!("waiting up to 1.5s for {address}\n").as_str()), "{out}");
    assert!(out.contains("within 1.5s"), "{out}");
}

#[test]
fn a_server_that_says_nothing_leaves_time_for_the_calls_to_the_others() {
    let (server, silent) = (Campus::start(&PARTS), silent());
    let target = format!("static:///{},{}", server.grpc, silent.local_addr().unwrap());
    let (exit, out, err) = run(&["channel", &target, "--timeout", "3s", "--calls", "4", "-o", "json"]);
    assert_eq!(exit, Some(0), "{err}");
    let dump: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(dump["endpoints"][0]["picks"], 4, "{out} {err}");
}

#[test]
fn a_channel_that_is_interrupted_before_anything_is_shown_has_failed() {
    let silent = silent();
    let mut waiting = campus(&["channel", &silent.local_addr().unwrap().to_string(), "--timeout", "60s", "--watch"]);
    let mut waiting = waiting.stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(waiting.stderr.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().starts_with("waiting up to 60s for "));
    assert!(Command::new("kill").args(["-INT", &waiting.id().to_string()]).status().unwrap().success());
    assert_eq!(waiting.wait().unwrap().code(), Some(130));
}

#[test]
fn a_channel_that_is_watched_is_shown_again_and_again() {
    let server = Campus::start(&PARTS);
    let mut watch = campus(&["channel", &server.grpc.to_string(), "--watch", "-o", "ndjson", "--calls", "3"]);
    let mut watch = watch.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(watch.stdout.take().unwrap()).lines().take(2);
    let picks: Vec<u64> = lines
        .map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap()["endpoints"][0]["picks"].as_u64().unwrap())
        .collect();
    assert_eq!(picks[1], picks[0] + 3, "{picks:?}");
    assert!(Command::new("kill").args(["-INT", &watch.id().to_string()]).status().unwrap().success());
    assert_eq!(watch.wait().unwrap().code(), Some(0));
}
