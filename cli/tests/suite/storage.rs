//! A disk that is full, a file that is locked, gone, damaged or not ours: a clear status or a clear line, nothing
//! acknowledged lost, and service again when the cause goes away.

mod start;

use std::{
    fs,
    ops::Range,
    path::{Path, PathBuf},
    process::Command,
};

use bytes::Bytes;
use campus_proto::standard::{
    CreateRequest, DeleteRequest, ImportRequest, ImportResponse, ListRequest, StreamRequest, UpdateRequest,
};
use campus_testkit::{Client, Ended, Kind, Person, Process, admin_get, eventually, flags, left_out, metric};
use prost::Message;
use rusqlite::Connection;
use tempfile::TempDir;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::contract::reason;

const KIND: Kind = Kind::EMPLOYEE;
const CAMPUS: &str = env!("CARGO_BIN_EXE_campus");

/// A command that runs the server on a folder, quick to notice what is wrong.
fn serve(dir: &Path) -> Command {
    let mut command = Command::new(CAMPUS);
    prepare(command.arg("serve").args(flags(dir)));
    command
}

fn prepare(command: &mut Command) {
    command.env("CAMPUS__STORE__LOCK_LIMIT", "100ms").env("CAMPUS__ADMIN__READY_INTERVAL", "50ms");
}

async fn client(process: &Process) -> Client {
    Client::new(KIND, process.channel().await)
}

/// A folder in which a server has left this many records.
async fn filled(records: usize) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let process = Process::start(&mut serve(dir.path()));
    client(&process).await.import_all((0..records).map(|n| KIND.person(n)).collect()).await.unwrap();
    assert!(process.stop().status.success());
    dir
}

fn database(dir: &Path) -> PathBuf {
    dir.join("employee.db")
}

/// Every way to write is refused with this, and a repetition may help.
async fn writes_are_refused(client: &Client, code: Code, why: &str) {
    let told = |status: Status| {
        assert_eq!((status.code(), reason(&status).as_str()), (code, why), "{status:?}");
        let wait = status.get_error_details().retry_info().and_then(|info| info.retry_delay);
        assert!(wait.is_some_and(|wait| !wait.is_zero()), "{status:?}");
    };
    told(client.create(big(90_000)).await.unwrap_err());
    let update = UpdateRequest { record: person(1, "Changed").encoded(), ..UpdateRequest::default() };
    told(client.update(update).await.unwrap_err());
    told(client.delete(DeleteRequest { name: KIND.name(1), ..DeleteRequest::default() }).await.unwrap_err());
    told(client.import_all(vec![person(2, "Changed")]).await.unwrap_err());
}

fn person(number: usize, given_name: &str) -> Person {
    Person { given_name: given_name.to_owned(), ..KIND.person(number) }
}

/// A create whose record does not fit into a page that is there already.
fn big(number: usize) -> CreateRequest {
    let mut record = KIND.person(number).encode_to_vec();
    prost::encoding::bytes::encode(1000, &vec![b'x'; 100_000], &mut record);
    CreateRequest { record: Some(Bytes::from(record)), id: number.to_string(), request_id: String::new() }
}

async fn reads_go_on(client: &Client) {
    assert_eq!(client.get(KIND.name(1)).await.unwrap().given_name, KIND.person(1).given_name);
    assert!(!client.list(ListRequest::default()).await.unwrap().0.is_empty());
    let mut stream = client.stream(StreamRequest::default()).await.unwrap();
    assert!(stream.message().await.unwrap().is_some());
}

async fn readiness_is(process: &Process, code: u16) {
    eventually("readiness changes", async || (admin_get(process.admin, "/readyz").await.0 == code).then_some(())).await;
}

/// The end of a test that the server lives through.
async fn stop(process: Process) {
    assert_eq!(metric(process.admin, "grpc_server_panics_total").await, 0.0);
    let ended = process.stop();
    assert!(ended.status.success(), "{ended:?}");
    assert!(!ended.log.iter().any(|line| line.contains("panic")), "{ended:?}");
}

#[tokio::test]
async fn a_database_that_another_program_locks_can_be_read_and_is_written_again_when_it_is_free() {
    let dir = filled(100).await;
    let process = Process::start(&mut serve(dir.path()));
    let client = client(&process).await;
    let other = Connection::open(database(dir.path())).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    writes_are_refused(&client, Code::Unavailable, "STORAGE_UNAVAILABLE").await;
    reads_go_on(&client).await;
    readiness_is(&process, 200).await;
    other.execute_batch("COMMIT").unwrap();
    client.create(big(90_000)).await.unwrap();
    reads_go_on(&client).await;
    stop(process).await;
}

#[tokio::test]
async fn a_database_that_is_gone_makes_the_server_not_ready_until_it_is_back() {
    let dir = filled(100).await;
    let process = Process::start(&mut serve(dir.path()));
    let client = client(&process).await;
    readiness_is(&process, 200).await;
    let aside = dir.path().join("aside.db");
    fs::rename(database(dir.path()), &aside).unwrap();
    readiness_is(&process, 503).await;
    writes_are_refused(&client, Code::Unavailable, "STORAGE_UNAVAILABLE").await;
    assert_eq!(admin_get(process.admin, "/livez").await.0, 200, "a restart would not help");
    fs::rename(&aside, database(dir.path())).unwrap();
    readiness_is(&process, 200).await;
    client.create(big(90_000)).await.unwrap();
    reads_go_on(&client).await;
    stop(process).await;
}

/// Writes until it is refused; how many were acknowledged.
async fn write_until_refused(client: &Client, code: Code, why: &str) -> usize {
    for number in 10_000..11_000 {
        if let Err(status) = client.create(big(number)).await {
            assert_eq!((status.code(), reason(&status).as_str()), (code, why), "{status:?}");
            return number - 10_000;
        }
    }
    panic!("there is room for everything");
}

async fn import_big(client: &Client) -> Result<ImportResponse, Status> {
    let record = |number: usize| ImportRequest { record: big(number).record };
    client.import(tokio_stream::iter((20_000..20_020).map(record).collect::<Vec<_>>())).await
}

async fn all_are_there(client: &Client, count: usize) {
    for number in 10_000..10_000 + count {
        assert_eq!(client.get(KIND.name(number)).await.unwrap().given_name, KIND.person(number).given_name);
    }
}

/// A shell whose mounts only it and what it runs can see.
const OWN_MOUNTS: [&str; 4] = ["unshare", "--user", "--map-root-user", "--mount"];

/// Runs the server on a folder after a script that mounts something there (`$DISK`) and ends with `exec "$@"`.
fn mounted(script: &str, disk: &Path) -> Option<Result<Process, Ended>> {
    let missing =
        |why: String| left_out(&format!("storage: needs unshare (util-linux) and leave to mount in it: {why}"));
    if let Err(error) = Command::new(OWN_MOUNTS[0]).arg("--version").output() {
        missing(error.to_string());
        return None;
    }
    let mut command = Command::new(OWN_MOUNTS[0]);
    command.args(&OWN_MOUNTS[1..]).args(["sh", "-ec", script, "sh", CAMPUS, "serve"]).args(flags(disk));
    prepare(&mut command);
    match Process::try_start(command.env("DISK", disk)) {
        Err(ended) if !ended.log.iter().any(|line| line.starts_with("error: ")) => {
            missing(ended.log.join("; "));
            None
        }
        started => Some(started),
    }
}

#[tokio::test]
async fn a_full_disk_refuses_writes_loses_nothing_and_is_written_again_when_there_is_room() {
    let dir = filled(100).await;
    // A disk of its own, seen by this process alone; what is on the folder goes there.
    let script = r#"cp -r "$DISK" "$DISK.copy"; mount -t tmpfs -o size=32m tmpfs "$DISK"; cp -r "$DISK.copy/." "$DISK"; exec "$@""#;
    let disk = dir.path().join("disk");
    fs::create_dir(&disk).unwrap();
    fs::copy(database(dir.path()), database(&disk)).unwrap();
    let Some(process) = mounted(script, &disk) else { return };
    let process = process.unwrap_or_else(|ended| panic!("it does not start: {ended:?}"));
    let inside = PathBuf::from(format!("/proc/{}/root{}", process.id(), disk.display()));
    let ballast = inside.join("ballast");
    if let Err(error) = fs::write(&ballast, vec![0; 24 << 20]) {
        return left_out(&format!("storage, a full disk: its files cannot be reached from outside: {error}"));
    }
    let client = client(&process).await;
    let acknowledged = write_until_refused(&client, Code::ResourceExhausted, "STORAGE_FULL").await;
    let status = client.create(big(90_000)).await.unwrap_err();
    assert!(status.get_error_details().retry_info().is_some(), "{status:?}");
    let status = import_big(&client).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::ResourceExhausted, "STORAGE_FULL"));
    reads_go_on(&client).await;
    all_are_there(&client, acknowledged).await;
    readiness_is(&process, 200).await;
    fs::remove_file(&ballast).unwrap();
    client.create(big(90_000)).await.unwrap();
    assert_eq!(import_big(&client).await.unwrap().created_count, 20);
    all_are_there(&client, acknowledged).await;
    stop(process).await;
}

#[tokio::test]
async fn a_limit_on_the_size_of_files_refuses_writes_and_loses_nothing() {
    let dir = filled(100).await;
    let process = Process::start(&mut serve(dir.path()));
    let client = client(&process).await;
    let limit = |limit: &str| {
        let set =
            Command::new("prlimit").args(["--pid", &process.id().to_string(), &format!("--fsize={limit}")]).status();
        set.is_ok_and(|status| status.success())
    };
    if !limit("2000000:") {
        return left_out("storage, a limit on the size of files: needs prlimit (util-linux)");
    }
    let acknowledged = write_until_refused(&client, Code::Unavailable, "STORAGE_UNAVAILABLE").await;
    reads_go_on(&client).await;
    all_are_there(&client, acknowledged).await;
    assert!(limit("unlimited:"));
    client.create(big(90_000)).await.unwrap();
    all_are_there(&client, acknowledged).await;
    stop(process).await;
}

#[tokio::test]
async fn a_file_that_cannot_be_written_is_read_and_is_written_when_it_can_be() {
    let dir = filled(10).await;
    let script = r#"cd "$DISK"; mount --bind employee.db employee.db; mount -o remount,bind,ro employee.db; exec "$@""#;
    let Some(process) = mounted(script, dir.path()) else { return };
    let process = process.unwrap_or_else(|ended| panic!("it does not start: {ended:?}"));
    let client = client(&process).await;
    writes_are_refused(&client, Code::Unavailable, "STORAGE_UNAVAILABLE").await;
    reads_go_on(&client).await;
    let mut inside = Command::new("nsenter");
    inside.args(["--target", &process.id().to_string(), "--user", "--mount", "--preserve-credentials"]);
    inside.args(["mount", "-o", "remount,bind,rw"]).arg(database(dir.path()));
    assert!(inside.status().unwrap().success());
    client.create(big(90_000)).await.unwrap();
    reads_go_on(&client).await;
    stop(process).await;
}

/// Writes over a part of the database file, in hundredths of its size.
fn damage(dir: &Path, part: Range<usize>) {
    let mut bytes = fs::read(database(dir)).unwrap();
    let at = |hundredths: usize| bytes.len() * hundredths / 100;
    let part = at(part.start)..at(part.end);
    bytes[part].fill(0xa5);
    fs::write(database(dir), bytes).unwrap();
}

#[tokio::test]
async fn a_database_damaged_in_the_middle_gives_right_answers_or_data_loss_and_never_ends_the_server() {
    const RECORDS: usize = 3000;
    let dir = filled(RECORDS).await;
    damage(dir.path(), 45..55);
    let process = Process::start(&mut serve(dir.path()));
    let client = client(&process).await;
    let (mut right, mut lost) = (0, 0);
    for number in 0..RECORDS {
        match client.get(KIND.name(number)).await {
            Ok(found) => {
                assert_eq!(Person { etag: String::new(), ..found }, KIND.person(number), "never a wrong answer");
                right += 1;
            }
            Err(status) => {
                assert_eq!(
                    (status.code(), reason(&status).as_str()),
                    (Code::DataLoss, "STORAGE_DAMAGED"),
                    "{status:?}"
                );
                lost += 1;
            }
        }
    }
    assert!(right > 0 && lost > 0, "{right} right, {lost} lost: the test shows nothing");
    let mut stream = client.stream(StreamRequest::default()).await.unwrap();
    let status = loop {
        match stream.message().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("a stream that lacks records says so"),
            Err(status) => break status,
        }
    };
    assert_eq!(status.code(), Code::DataLoss);
    assert!(matches!(client.create(big(90_000)).await.map_err(|status| status.code()), Ok(_) | Err(Code::DataLoss)));
    assert_eq!(metric(process.admin, "grpc_server_panics_total").await, 0.0);
    let ended = process.stop();
    assert!([Some(0), Some(74)].contains(&ended.status.code()), "{ended:?}");
}
