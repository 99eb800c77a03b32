//! The command-line client, run as a user runs it, against a real server.

mod compression;
mod refusals;

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use campus_host::Part;
use campus_testkit::Campus;
use tempfile::TempDir;

const PARTS: [Part; 2] = [Part::of::<campus_employee::Employees>(), Part::of::<campus_student::Students>()];
const PATIENCE: Duration = Duration::from_secs(30);

/// What a run of `campus` came to.
pub(crate) struct Run {
    exit: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Run {
    #[track_caller]
    pub(crate) fn exits(self, expected: i32) -> Self {
        assert_eq!(self.exit, Some(expected), "stdout: {}\nstderr: {}", self.out, self.err);
        self
    }

    fn last_error_line(&self) -> &str {
        self.err.lines().last().unwrap_or_default()
    }
}

/// A server and a folder for files.
pub(crate) struct Place {
    campus: Option<Campus>,
    server: SocketAddr,
    files: TempDir,
}

impl Place {
    fn new() -> Self {
        Self::with(&PARTS)
    }

    pub(crate) fn with(parts: &[Part]) -> Self {
        let campus = Campus::start(parts);
        let server = campus.grpc;
        Self { campus: Some(campus), server, files: tempfile::tempdir().unwrap() }
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_campus"));
        command.env_remove("CAMPUS_SERVER").current_dir(self.files.path());
        command.args(["--server", &self.server.to_string()]).args(line.split(' '));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(&self, line: &str) -> Run {
        run(&mut self.command(line))
    }

    pub(crate) fn run_with_input(&self, line: &str, input: &str) -> Run {
        let mut child = self.command(line).stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_owned();
        let writer = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        of(output)
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.files.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.files.path().join(name)).unwrap()
    }
}

fn run(command: &mut Command) -> Run {
    of(command.output().unwrap())
}

fn of(output: std::process::Output) -> Run {
    Run {
        exit: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

pub(crate) fn examples(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(name)
}

fn wait(child: &mut Child) -> Option<i32> {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        assert!(started.elapsed() < PATIENCE, "the program does not end");
        std::thread::yield_now();
    }
}

fn interrupt(child: &Child) {
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

#[test]
fn the_examples_go_in_and_come_out_unchanged_in_every_form() {
    let place = Place::new();
    for (kind, file) in [("employee", "employees.csv"), ("student", "students.ndjson")] {
        let first = place.run(&format!("{kind} import {}", examples(file).display())).exits(0);
        assert_eq!(first.last_error_line(), "imported: 300 created, 0 updated, 0 unchanged, 0 rejected");
        for form in ["csv", "json", "ndjson"] {
            place.run(&format!("{kind} export --output-file all.{form}")).exits(0);
            let again = place.run(&format!("{kind} import all.{form}")).exits(0);
            assert_eq!(again.last_error_line(), "imported: 0 created, 0 updated, 300 unchanged, 0 rejected", "{form}");
        }
    }
}

#[test]
fn every_rejected_row_is_reported_by_line_and_reason_however_many_there_are() {
    let place = Place::new();
    let mut text = "id,given_name,family_name,gender\r\n".to_owned();
    let mut bad = Vec::new();
    for at in 0..1500 {
        let (family, gender) = match at % 4 {
            0 => ("", "F"),
            1 => ("Okafor", "Q"),
            _ => ("Okafor", "M"),
        };
        if at % 4 < 2 {
            bad.push(at + 2);
        }
        text += &format!("r{at},Mira,{family},{gender}\r\n");
    }
    place.file("rows.csv", &text);
    let import = place.run("employee import rows.csv --verbose --rejects rejected.csv").exits(1);
    assert_eq!(import.last_error_line(), "imported: 750 created, 0 updated, 0 unchanged, 750 rejected");
    let lines: Vec<&str> = import.err.lines().filter(|line| line.starts_with("line ")).collect();
    let expected: Vec<String> = bad.iter().map(|line| format!("line {line}: ")).collect();
    assert_eq!(lines.len(), expected.len());
    assert!(lines.iter().zip(&expected).all(|(line, start)| line.starts_with(start)), "{lines:?}");
    assert_eq!(lines[0], "line 2: employees/r0: family_name: is required");
    assert_eq!(lines[1], "line 3: gender: `Q` is not one of female, male, other");

    let rejected = place.read("rejected.csv");
    assert!(rejected.starts_with("id,given_name,family_name,gender,reason\nr0,Mira,,F,family_name: is required\n"));
    assert_eq!(rejected.lines().count(), 751);
    let fixed = rejected.replace(",Mira,,F", ",Mira,Okafor,F").replace(",Q,", ",O,");
    place.file("fixed.csv", &fixed);
    let again = place.run("employee import fixed.csv").exits(0);
    assert_eq!(again.last_error_line(), "imported: 750 created, 0 updated, 0 unchanged, 0 rejected");
}

#[test]
fn only_the_first_rejected_rows_are_shown_unless_all_are_asked_for() {
    let place = Place::new();
    let rows: String = (0..30).map(|at| format!("{{\"id\":\"r{at}\"}}\n")).collect();
    let import = place.run_with_input("employee import - --format ndjson --rejects r.ndjson", &rows).exits(1);
    assert_eq!(import.err.lines().filter(|line| line.starts_with("line ")).count(), 20);
    assert!(import.err.contains("and 10 more rejected rows"), "{}", import.err);
    assert_eq!(place.read("r.ndjson").lines().count(), 30);
    assert!(place.read("r.ndjson").starts_with("{\"id\":\"r0\",\"reason\":\""));
}

#[test]
fn an_unknown_column_is_refused_before_anything_is_sent() {
    let place = Place::new();
    place.file("a.csv", "id,given_name,famly_name\n1,Mira,Okafor\n");
    let refused = place.run("employee import a.csv").exits(64);
    assert!(refused.err.contains("--map famly_name=family_name"), "{}", refused.err);
    assert_eq!(place.run("employee list").exits(0).out, "");
    place.run("employee import a.csv --map famly_name=family_name --dry-run").exits(0);
    assert_eq!(place.run("employee list").exits(0).out, "");
    place.run("employee import a.csv --map famly_name=family_name").exits(0);
    assert_eq!(place.run("employee list").exits(0).out.lines().count(), 1);
}

#[test]
fn an_import_outlives_a_restart_of_the_server() {
    let mut place = Place::new();
    let dir = tempfile::tempdir().unwrap();
    let port = place.server.port();
    place.campus.take().unwrap().stop();
    let start = || {
        Campus::start_in(dir.path(), &PARTS, |settings| {
            settings.server.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into();
        })
    };
    let first = start();

    let mut import = place.command("employee import - --format ndjson").stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = import.stdin.take().unwrap();
    let row = |at: u32| format!("{{\"id\":\"r{at:05}\",\"given_name\":\"Mira\",\"family_name\":\"Okafor\"}}\n");
    let rows = |from: u32, to: u32| (from..to).map(row).collect::<String>();
    stdin.write_all(rows(0, 10_000).as_bytes()).unwrap();
    let started = Instant::now();
    while place.run("employee get r09999").exit != Some(0) {
        assert!(started.elapsed() < PATIENCE, "the first rows do not arrive");
    }
    first.stop();
    stdin.write_all(rows(10_000, 20_000).as_bytes()).unwrap();
    let mut said = String::new();
    let mut err = BufReader::new(import.stderr.take().unwrap());
    while !said.contains("trying again") {
        assert_ne!(err.read_line(&mut said).unwrap(), 0, "the import has ended: {said}");
    }
    let _second = start();
    stdin.write_all(rows(20_000, 21_000).as_bytes()).unwrap();
    drop(stdin);
    err.read_to_string(&mut said).unwrap();
    assert_eq!(wait(&mut import), Some(0), "{said}");
    assert!(said.ends_with("imported: 21000 created, 0 updated, 0 unchanged, 0 rejected\n"), "{said}");
}

#[test]
fn a_record_is_added_read_changed_and_removed() {
    let place = Place::new();
    let created = place.run("employee create --id mira --given-name Mira --family-name Okafor --gender F").exits(0);
    let record: serde_json::Value = serde_json::from_str(&created.out).unwrap();
    assert_eq!(record["name"], "employees/mira");
    assert_eq!(record["gender"], "GENDER_FEMALE");
    place.run("employee create --id mira --given-name Mira --family-name Okafor").exits(1);

    place.file("mira.json", &place.run("employee get mira").exits(0).out.replace("Okafor", "Okafor-Lind"));
    place.run("employee update --json mira.json --email mira@campus.example").exits(0);
    let stale = place.run("employee update --json mira.json --given-name Other").exits(1);
    assert!(stale.err.contains("ABORTED"), "{}", stale.err);
    let cleared = place.run("employee update employees/mira --gender  --email  -o ndjson").exits(0);
    assert!(!cleared.out.contains("gender") && !cleared.out.contains("email"), "{}", cleared.out);
    assert!(cleared.out.contains("Okafor-Lind"), "{}", cleared.out);

    let csv = place.run("employee get mira -o csv --fields family_name,name").exits(0).out;
    assert_eq!(csv, "family_name,name\nOkafor-Lind,employees/mira\n");
    place.run("employee delete mira").exits(0);
    place.run("employee get mira").exits(1);
    place.run("employee delete mira").exits(1);
    place.run("employee delete mira --allow-missing").exits(0);
}

#[test]
fn every_fault_of_a_record_is_named_on_a_line_of_its_own() {
    let place = Place::new();
    let refused = place.run("employee create --given-name Mira --birth-date 2001-02-30 --email nope").exits(1);
    let lines: Vec<&str> = refused.err.lines().collect();
    assert_eq!(lines[0], "error: the request is not valid (INVALID_ARGUMENT)");
    for field in ["employee.family_name: ", "employee.birth_date: ", "employee.email: "] {
        assert!(lines.iter().any(|line| line.trim_start().starts_with(field)), "{}", refused.err);
    }
}

#[test]
fn pages_go_on_where_the_one_before_ended() {
    let place = Place::new();
    place.run(&format!("employee import {}", examples("employees.csv").display())).exits(0);
    let all = place.run("employee list --all --page-size 7 --fields name").exits(0);
    assert_eq!(all.out.lines().count(), 300);
    assert_eq!(all.err, "");
    let first = place.run("employee list --limit 70 --fields name").exits(0);
    let token = first.err.split_whitespace().skip_while(|word| *word != "--page-token").nth(1).unwrap();
    let rest = place.run(&format!("employee list --all --fields name --page-token {token}")).exits(0);
    assert_eq!(first.out + &rest.out, all.out);
}

#[test]
fn a_lookup_answers_each_name_and_fails_if_one_is_unknown() {
    let place = Place::new();
    place.run(&format!("student import {}", examples("students.ndjson").display())).exits(0);
    let names = "s0001\n\nstudents/s0002\nnobody\ns0003\n";
    let found = place.run_with_input("student lookup -o csv", names).exits(1);
    assert_eq!(found.out.lines().count(), 4, "{}", found.out);
    assert!(found.err.starts_with("students/nobody: "), "{}", found.err);
    place.run("student lookup s0001 s0002").exits(0);
}

#[test]
fn a_reader_that_leaves_ends_an_export_quietly() {
    let place = Place::new();
    let rows: String = (0..5000)
        .map(|at| format!("{{\"id\":\"r{at}\",\"givenName\":\"Mira\",\"familyName\":\"{}\"}}\n", "x".repeat(90)))
        .collect();
    place.run_with_input("employee import - --format ndjson", &rows).exits(0);
    for form in ["ndjson", "csv", "json"] {
        let mut export = place.command(&format!("employee export -o {form}")).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(export.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let mut err = String::new();
        export.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        assert_eq!((wait(&mut export), err.as_str()), (Some(0), ""), "{form}");
    }
}

#[test]
fn a_watch_shows_changes_and_goes_on_from_its_token() {
    let place = Place::new();
    let mut watch = place.command("employee watch -o ndjson").spawn().unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    // The watch says nothing before the first change, so changes are made until it has seen one.
    let (stop, stopped) = std::sync::mpsc::sync_channel::<()>(1);
    let mut change = place.command("employee create --given-name Mira --family-name Okafor");
    let changing = std::thread::spawn(move || {
        while stopped.try_recv().is_err() {
            run(&mut change).exits(0);
        }
    });
    let first: serde_json::Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    stop.send(()).unwrap();
    changing.join().unwrap();
    assert_eq!(first["changeType"], "CHANGE_TYPE_CREATED");
    assert_eq!(first["employee"]["givenName"], "Mira");
    interrupt(&watch);
    assert_eq!(wait(&mut watch), Some(0));

    place.run("employee create --id last --given-name Last --family-name Okafor").exits(0);
    let token = first["resumeToken"].as_str().unwrap();
    let mut watch = place.command(&format!("employee watch -o ndjson --from {token}")).spawn().unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("employees/last")));
    interrupt(&watch);
    assert_eq!(wait(&mut watch), Some(0));
}

#[test]
fn exit_codes_tell_what_went_wrong() {
    let place = Place::new();
    place.run("health").exits(0);
    place.run("employee frobnicate").exits(64);
    place.run("employee update nobody").exits(64);
    place.run("employee export -o table").exits(64);
    place.run("employee import /no/such/file.csv").exits(74);
    place.run("employee export --output-file /no/such/folder/x.csv").exits(74);
    place.run("employee list --page-token nonsense").exits(1);
    let mut place = place;
    place.campus.take().unwrap().stop();
    let gone = place.run("employee list").exits(69);
    assert!(gone.err.contains("campus serve"), "{}", gone.err);
}

#[test]
fn the_demo_shows_commands_that_work_as_they_stand() {
    let place = Place::new();
    let data = place.files.path().join("demo");
    let mut demo = Command::new(env!("CARGO_BIN_EXE_campus"))
        .args([
            "demo",
            "--listen",
            "127.0.0.1:0",
            "--admin-listen",
            "127.0.0.1:0",
            "--rest-listen",
            "127.0.0.1:0",
            "--data-dir",
        ])
        .arg(&data)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut text = String::new();
    let mut out = BufReader::new(demo.stdout.take().unwrap());
    while !text.contains("Ctrl-C") {
        assert_ne!(out.read_line(&mut text).unwrap(), 0, "the demo has ended: {text}");
    }
    let is_command = |line: &&str| line.contains("campus --server") || line.starts_with("curl ");
    let commands: Vec<&str> = text.lines().map(str::trim).filter(is_command).collect();
    assert_eq!(commands.len(), 7, "{text}");
    for command in commands {
        let run = run(Command::new("sh").args(["-c", command])).exits(0);
        assert!(
            run.out.lines().count() > 2 || command.starts_with("curl ") && run.out.contains("employees"),
            "{command}: {}",
            run.out
        );
    }
    interrupt(&demo);
    assert_eq!(wait(&mut demo), Some(0));
}
