//! The people that the book begins with.

use std::{fs, path::Path, process::Command};

use campus_proto::personguide::{Person, PhoneType};
use campus_testkit::{Process, admin_get, flags};

use super::{Guide, everybody, ids, only, person, record};

fn serve(dir: &Path, file: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_campus"));
    command.arg("serve").args(flags(dir)).arg("--load-people").arg(file);
    command
}

fn example() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/people.json")
}

#[tokio::test]
async fn the_people_of_a_file_are_there_from_the_start_and_a_second_start_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let process = Process::start(&mut serve(dir.path(), &example()));
    let mut guide = Guide::new(process.channel().await);
    let people = everybody(&guide).await;
    assert_eq!(ids(&people), (1..=10).collect::<Vec<_>>());
    assert!(people.iter().all(|person| person.phones.len() == 3 && person.last_updated.is_some()));
    let phone = guide.get_phone(only(3)).await.unwrap().into_inner();
    assert_eq!((phone.number.as_str(), phone.r#type()), ("+44 7700 900211", PhoneType::Mobile));
    // What was recorded since then is newer than the file.
    let changed = record(&guide, vec![Person { name: "Renamed".into(), ..person(3, 1) }]).await.unwrap();
    assert!(process.stop().status.success());

    let process = Process::start(&mut serve(dir.path(), &example()));
    let again = everybody(&Guide::new(process.channel().await)).await;
    let expected: Vec<Person> = people.into_iter().map(|p| if p.id == 3 { changed[0].clone() } else { p }).collect();
    assert_eq!(again, expected);
}

#[tokio::test]
async fn while_the_database_is_not_there_the_server_waits_with_the_people_and_is_not_ready() {
    let dir = tempfile::tempdir().unwrap();
    let mut serve = serve(dir.path(), &example());
    let process = Process::start(serve.env("CAMPUS__STORE__URL", "postgres://nobody@127.0.0.1:1/none"));
    let (code, why) = admin_get(process.admin, "/readyz").await;
    assert!(code == 503 && why.contains("addressbook.load: "), "{code} {why}");
    assert_eq!(admin_get(process.admin, "/startupz").await.0, 200, "a restart would not bring the database");
    assert!(process.stop().status.success());
}

#[test]
fn a_file_that_cannot_be_taken_over_ends_the_start_with_the_place_of_the_fault() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("people.json");
    for (text, words) in [
        (
            r#"[{"id":1,"name":"Ada"},{"id":2,"name":"Bo","phones":[{"number":""}]}]"#,
            "people[1].phones[0].number: is required",
        ),
        ("[\n{\"id\":1,\n\"nam\":\"Ada\"}]", "line 3 column 5: people[0]"),
        (r#"[{"id":1,"name":"Ada"},{"id":1,"name":"Bo"}]"#, "people[1].id: stands twice"),
        ("[{", "line 1"),
    ] {
        fs::write(&file, text).unwrap();
        refused(&dir.path().join("data"), &file, words);
    }
    refused(&dir.path().join("data"), &dir.path().join("none.json"), "cannot be read");
    let pipe = dir.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    refused(&dir.path().join("data"), &pipe, "cannot be read: it is no regular file");
}

fn refused(dir: &Path, file: &Path, words: &str) {
    let Err(ended) = Process::try_start(&mut serve(dir, file)) else { panic!("it serves: {words}") };
    assert_eq!((ended.status.code(), ended.log.len()), (Some(64), 1), "{ended:?}");
    let line = &ended.log[0];
    let path = file.display().to_string();
    assert!(line.contains("addressbook.load") && line.contains(&path) && line.contains(words), "{line}");
}
