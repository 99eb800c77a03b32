//! What a server does not start with: it says so in one line, with its exit code, and leaves everything as it is.

use std::{fs, process::Command};

use campus_testkit::{Ended, Process};
use rusqlite::Connection;
use tonic::Code;

use super::{
    CAMPUS, KIND, big, client, damage, database, filled, mounted, readiness_is, reads_go_on, reason, serve, stop,
};

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

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_refused_at_the_start() {
    let dir = filled(10).await;
    let script = r#"mount --bind "$DISK" "$DISK"; mount -o remount,bind,ro "$DISK"; exec "$@""#;
    match mounted(script, dir.path()) {
        Some(Ok(_)) => panic!("it serves"),
        Some(Err(ended)) => says(&ended, 74, &["employee.db", "read-only", "permissions"]),
        None => {}
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
async fn a_database_cut_to_nothing_is_damaged_to_a_running_server_and_refused_at_the_next_start() {
    let dir = filled(10).await;
    let process = Process::start(&mut serve(dir.path()));
    let file = fs::OpenOptions::new().write(true).open(database(dir.path())).unwrap();
    file.set_len(0).unwrap();
    readiness_is(&process, 503).await;
    let status = client(&process).await.get(&KIND.name(1)).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::DataLoss, "STORAGE_DAMAGED"), "{status:?}");
    drop(process.stop());
    refused(&mut serve(dir.path()), 74, &["employee.db", "is empty", "restore", "backup"]);
    assert_eq!(fs::metadata(database(dir.path())).unwrap().len(), 0, "left alone");
}

#[tokio::test]
async fn somebody_elses_database_is_refused_at_the_start_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let other = Connection::open(database(dir.path())).unwrap();
    other.execute_batch("CREATE TABLE theirs (a); INSERT INTO theirs VALUES (1)").unwrap();
    refused(&mut serve(dir.path()), 74, &["employee.db", "not a Campus database"]);
    assert_eq!(other.query_row("SELECT a FROM theirs", [], |row| row.get::<_, i64>(0)), Ok(1));
}

#[tokio::test]
async fn a_database_damaged_where_the_start_reads_it_is_refused_as_damaged() {
    let dir = filled(3000).await;
    damage(dir.path(), 1..100);
    refused(&mut serve(dir.path()), 74, &["employee.db", "damaged", "backup"]);
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
