//! A disk that is full, a file that is locked, gone, damaged or not ours: a clear status or a clear line, nothing
//! acknowledged lost, and service again when the cause goes away.

use std::{
    fs,
    io::Write,
    ops::Range,
    path::{Path, PathBuf},
    process::Command,
};

use bytes::Bytes;
use campus_proto::standard::{CreateRequest, DeleteRequest, ImportRequest, ImportResponse, ListRequest, StreamRequest, UpdateRequest};
use campus_testkit::{Client, Ended, Kind, Person, Process, admin_get, eventually, flags, metric};
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

/// As [`serve`], through a script that ends with `exec "$@"`.
fn serve_through(shell: &[&str], script: &str, dir: &Path) -> Command {
    let mut command = Command::new(shell[0]);
    prepare(command.args(&shell[1..]).args(["sh", "-c", script, "sh", CAMPUS, "serve"]).args(flags(dir)));
    command
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

/// Says in the file for it that something was left out.
fn left_out(what: &str) {
    println!("left out: {what}");
    if let Some(path) = std::env::var_os("CAMPUS_SKIPPED") {
        let mut file = fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
        writeln!(file, "{what}").unwrap();
    }
}

/// It did not start, and said why in one line.
fn refused(command: &mut Command, code: i32, words: &[&str]) {
    match Process::try_start(command) {
        Ok(_) => panic!("it serves: {command:?}"),
        Err(ended) => says(&ended, code, words),
    }
}

fn says(ended: &Ended, code: i32, words: &[&str]) {
    assert_eq!((ended.status.code(), ended.log.len()), (Some(code), 1), "{ended:?}");
    let line = &ended.log[0];
    assert!(line.starts_with("error: ") && words.iter().all(|word| line.contains(word)), "{line}");
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
    let record = |number: usize| {
        ImportRequest { record: big(number).record }
    };
    client.import(tokio_stream::iter((20_000..20_020).map(record).collect::<Vec<_>>())).await
}

async fn all_are_there(client: &Client, count: usize) {
    for number in 10_000..10_000 + count {
        assert_eq!(client.get(KIND.name(number)).await.unwrap().given_name, KIND.person(number).given_name);
    }
}

#[tokio::test]
async fn a_full_disk_refuses_writes_loses_nothing_and_is_written_again_when_there_is_room() {
    let dir = filled(100).await;
    // A disk of its own, seen by this process alone; what is on the folder goes there.
    let script = r#"cp -r "$DISK" "$DISK.copy" && mount -t tmpfs -o size=32m tmpfs "$DISK" && cp -r "$DISK.copy/." "$DISK" && exec "$@""#;
    let disk = dir.path().join("disk");
    fs::create_dir(&disk).unwrap();
    fs::copy(database(dir.path()), database(&disk)).unwrap();
    let mut command = serve_through(&["unshare", "--user", "--map-root-user", "--mount"], script, &disk);
    let process = match Process::try_start(command.env("DISK", &disk)) {
        Ok(process) => process,
        Err(ended) => return left_out(&format!("storage: a full disk: unshare and mount are not allowed: {:?}", ended.log)),
    };
    let inside = PathBuf::from(format!("/proc/{}/root{}", process.id(), disk.display()));
    let ballast = inside.join("ballast");
    if let Err(error) = fs::write(&ballast, vec![0; 24 << 20]) {
        return left_out(&format!("storage: a full disk: it cannot be filled: {error}"));
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
        let set = Command::new("prlimit").args(["--pid", &process.id().to_string(), &format!("--fsize={limit}")]).status();
        set.is_ok_and(|status| status.success())
    };
    if !limit("2000000:") {
        return left_out("storage: a limit on the size of files: prlimit (util-linux) is needed");
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
async fn a_folder_that_cannot_be_written_is_refused_at_the_start() {
    let dir = filled(10).await;
    let script = r#"mount --bind "$DISK" "$DISK" && mount -o remount,bind,ro "$DISK" && exec "$@""#;
    let mut command = serve_through(&["unshare", "--user", "--map-root-user", "--mount"], script, dir.path());
    match Process::try_start(command.env("DISK", dir.path())) {
        Ok(_) => panic!("it serves"),
        Err(ended) if ended.log.iter().any(|line| line.starts_with("error: ")) => {
            says(&ended, 74, &["employee.db", "read-only"]);
        }
        Err(ended) => left_out(&format!("storage: a read-only folder: unshare and mount are not allowed: {:?}", ended.log)),
    }
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_at_the_start_and_left_alone() {
    let dir = filled(10).await;
    fs::write(database(dir.path()), b"not a database, but somebody's text\n".repeat(500)).unwrap();
    let before = fs::read(database(dir.path())).unwrap();
    refused(&mut serve(dir.path()), 74, &["employee.db", "not a Campus database"]);
    assert_eq!(fs::read(database(dir.path())).unwrap(), before);
}

#[tokio::test]
async fn somebody_elses_database_is_refused_at_the_start_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let other = Connection::open(database(dir.path())).unwrap();
    other.execute_batch("CREATE TABLE theirs (a); INSERT INTO theirs VALUES (1)").unwrap();
    refused(&mut serve(dir.path()), 74, &["employee.db", "not a Campus database"]);
    assert_eq!(other.query_row("SELECT a FROM theirs", [], |row| row.get::<_, i64>(0)), Ok(1));
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
async fn a_database_damaged_where_the_start_reads_it_is_refused_as_damaged() {
    let dir = filled(3000).await;
    damage(dir.path(), 1..100);
    refused(&mut serve(dir.path()), 74, &["employee.db", "damaged", "backup"]);
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
                assert_eq!((status.code(), reason(&status).as_str()), (Code::DataLoss, "STORAGE_DAMAGED"), "{status:?}");
                lost += 1;
            }
        }
    }
    println!("{right} right, {lost} lost");
    assert!(lost > 0, "the damage was not met: the test shows nothing");
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

#[tokio::test]
async fn a_second_server_on_the_same_folder_is_refused_and_the_first_goes_on() {
    let dir = filled(10).await;
    let first = Process::start(&mut serve(dir.path()));
    refused(&mut serve(dir.path()), 74, &["employee.db", "in use by another process"]);
    reads_go_on(&client(&first).await).await;
    client(&first).await.create(big(90_000)).await.unwrap();
    stop(first).await;
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused_and_left_alone() {
    let dir = filled(10).await;
    let other = Connection::open(database(dir.path())).unwrap();
    other.execute("UPDATE employee_meta SET value = '99' WHERE name = 'schema'", []).unwrap();
    refused(&mut serve(dir.path()), 74, &["employee.db", "99", "use a newer program"]);
    let version = other.query_row("SELECT value FROM employee_meta WHERE name = 'schema'", [], |row| row.get(0));
    assert_eq!(version, Ok("99".to_owned()));
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_refused_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), "").unwrap();
    refused(&mut serve(&dir.path().join("file/below")), 74, &["file/below", "store.dir"]);
}

#[tokio::test]
async fn bad_configuration_is_refused_by_name_before_anything_is_touched() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let file = |name: &str, text: &str| {
        let path = dir.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let unknown = file("unknown.toml", "[server]\nmax_strems = 5\n");
    let broken = file("broken.toml", "[server\n");
    let wrong = file("wrong.yaml", "store:\n  keep_changes: soon\n");
    for (path, words) in [
        (&unknown, &["max_strems", "max_streams"][..]),
        (&broken, &["broken.toml"]),
        (&wrong, &["keep_changes", "soon"]),
        (&dir.path().join("missing.toml"), &["missing.toml"]),
    ] {
        refused(serve(&data).arg("--config").arg(path), 64, words);
    }
    for (key, value, words) in [
        ("CAMPUS__SERVER__MAX_STREMS", "1", &["max_strems", "max_streams"][..]),
        ("CAMPUS__STORE__QUEUE", "many", &["queue", "many"]),
        ("CAMPUS__LOG__LEVEL", "loud", &["loud", "debug"]),
    ] {
        refused(serve(&data).env(key, value), 64, words);
    }
    assert!(!data.exists(), "nothing was made");
    refused(serve(&data).env("CAMPUS__SERVER__MAX_FRAME", "1KiB"), 64, &["max_frame"]);
}

#[tokio::test]
async fn an_address_that_is_taken_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut command = Command::new(CAMPUS);
    command.args(["serve", "--admin-listen", "127.0.0.1:0", "--listen", &address, "--data-dir"]).arg(dir.path());
    refused(&mut command, 64, &[&address]);
}
