//! Processes that share a PostgreSQL database.

use std::process::Command;

use campus_client::Channel;
use campus_proto::campus::employee::v1::{
    CreateEmployeeRequest, Employee, GetEmployeeRequest, ImportEmployeesRequest, ImportEmployeesResponse,
    WatchEmployeesRequest, employee_service_client::EmployeeServiceClient,
};
use campus_testkit::{Postgres, Process, admin_get, eventually, flags, metric, within};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

type Api = EmployeeServiceClient<Channel>;

const IMPORTED: usize = 10_000;

/// A process on the schema of a database.
struct Replica {
    process: Process,
    api: Api,
}

impl Replica {
    async fn start(url: &str, schema: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_campus"));
        command.arg("serve").args(flags(dir.path()));
        command.env("CAMPUS__STORE__URL", url).env("CAMPUS__STORE__SCHEMA", schema);
        command.env("CAMPUS__ADMIN__READY_INTERVAL", "50ms").env("CAMPUS__STORE__CONNECT_LIMIT", "1s");
        let process = Process::start(&mut command);
        let api = Api::new(process.channel().await);
        Self { process, api }
    }

    async fn answers(&self, path: &str, status: u16) {
        eventually(path, async || (admin_get(self.process.admin, path).await.0 == status).then_some(())).await;
    }
}

fn person(number: usize) -> Employee {
    Employee {
        name: format!("employees/{number}"),
        given_name: format!("Given {number}"),
        family_name: "Family".to_owned(),
        birth_date: "1990-01-01".to_owned(),
        ..Employee::default()
    }
}

async fn import(api: &mut Api) -> Result<ImportEmployeesResponse, Status> {
    let records = (0..IMPORTED).map(|number| ImportEmployeesRequest { employee: Some(person(number)) });
    Ok(api.import_employees(tokio_stream::iter(records)).await?.into_inner())
}

#[tokio::test]
async fn an_import_whose_server_is_killed_in_the_middle_is_finished_by_another_one() {
    let Some(server) = Postgres::shared() else { return };
    let schema = Postgres::schema();
    let (first, mut second) =
        (Replica::start(server.url(), &schema).await, Replica::start(server.url(), &schema).await);
    let mut api = first.api.clone();
    let importing = tokio::spawn(async move { import(&mut api).await });
    let written = async || metric(first.process.admin, "campus_store_operations_total").await;
    eventually("enough is written", async || (written().await >= 1.0).then_some(())).await;
    first.process.kill();
    let told = within("the import", importing).await.unwrap();
    let again = within("the second import", import(&mut second.api)).await.unwrap();
    let counts = [again.created_count, again.updated_count, again.unchanged_count];
    let counts = counts.map(|count| usize::try_from(count).unwrap());
    assert_eq!((counts[0] + counts[2], counts[1]), (IMPORTED, 0), "{again:?}");
    assert!(counts[2] > 0, "what was there is there unchanged");
    if told.is_ok() {
        assert_eq!(counts[2], IMPORTED, "it was acknowledged");
    }
    assert!(second.process.stop().status.success());
}

#[tokio::test]
async fn a_database_that_does_not_answer_at_the_start_holds_up_neither_the_start_nor_a_signal() {
    let Some(server) = Postgres::start(&[], &[]) else { return };
    server.freeze();
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_campus"));
    command.arg("serve").args(flags(dir.path())).env("CAMPUS__STORE__URL", server.url());
    command.arg("--load-people").arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/people.json"));
    // Longer than a test waits for a start.
    command.env("CAMPUS__STORE__CONNECT_LIMIT", "5m").env("CAMPUS__ADMIN__READY_INTERVAL", "50ms");
    let process = Process::start(&mut command);
    for (path, status) in [("/startupz", 200), ("/livez", 200), ("/readyz", 503)] {
        assert_eq!(admin_get(process.admin, path).await.0, status, "{path}");
    }
    server.thaw();
    eventually("readiness", async || (admin_get(process.admin, "/readyz").await.0 == 200).then_some(())).await;
    let mut guide = campus_proto::personguide::person_guide_client::PersonGuideClient::new(process.channel().await);
    let asked = campus_proto::personguide::Person { id: 3, ..Default::default() };
    within("a loaded person", guide.get_phone(asked)).await.unwrap();
    assert!(process.stop().status.success());

    // What is there and says nothing.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    command.env("CAMPUS__STORE__URL", format!("postgres://nobody@127.0.0.1:{port}/none"));
    let child = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
    let _asked = within("its question", silent.accept()).await.unwrap();
    assert!(Command::new("kill").args(["-s", "TERM", &child.id().to_string()]).status().unwrap().success());
    let ended = within("its end", tokio::task::spawn_blocking(|| child.wait_with_output())).await.unwrap().unwrap();
    let log = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(ended.status.success() && !log.contains("\"listening\""), "{:?} {log}", ended.status);
}

#[tokio::test]
async fn while_the_database_is_gone_a_server_lives_is_not_ready_and_says_unavailable() {
    let Some(server) = Postgres::start(&[], &[]) else { return };
    server.kill();
    let mut replica = Replica::start(server.url(), "public").await;
    for _ in 0..2 {
        replica.answers("/readyz", 503).await;
        replica.answers("/livez", 200).await;
        let mut get = Request::new(GetEmployeeRequest { name: "employees/1".to_owned(), ..Default::default() });
        get.set_timeout(std::time::Duration::from_secs(3));
        let status = replica.api.get_employee(get).await.unwrap_err();
        assert_eq!(status.code(), Code::Unavailable, "{status}");
        let create = CreateEmployeeRequest { employee: Some(person(1)), ..Default::default() };
        let status = replica.api.create_employee(create).await.unwrap_err();
        assert_eq!(status.code(), Code::Unavailable, "{status}");
        assert!(!status.message().contains("127.0.0.1"), "{status}");
        server.restart();
        replica.answers("/readyz", 200).await;
        let employee = Employee { name: String::new(), ..person(1) };
        let create = CreateEmployeeRequest { employee: Some(employee), ..Default::default() };
        replica.api.create_employee(create).await.unwrap();
        server.kill();
    }
    assert!(replica.process.stop().status.success());
}

#[test]
fn an_address_that_makes_no_sense_ends_the_start_with_one_line_and_without_the_password() {
    for (name, value, code, line) in [
        ("CAMPUS__STORE__URL", "mysql://ada:s3cret@db", 64, "it must begin with postgres://"),
        ("CAMPUS__STORE__URL", "postgres://ada:s3cret@db?sslmode=never", 64, "sslmode"),
        ("CAMPUS__STORE__CONNECTIONS", "2", 64, "(CAMPUS__STORE__CONNECTIONS) is 2: "),
        (
            "CAMPUS__STORE__URL",
            "postgres://ada:s3cret@db?sslmode=verify-full&sslrootcert=/missing",
            64,
            "setting store.url: sslrootcert /missing",
        ),
        ("CAMPUS__STORE__URL", "postgres://ada:s3cret@db?connect_timeout=9", 64, "connect_timeout cannot be set"),
        (
            "CAMPUS__STORE__SCHEMA",
            "pg_x",
            64,
            "setting store.schema in the environment (CAMPUS__STORE__SCHEMA) is \"pg_x\"",
        ),
        ("CAMPUS__STORE__PASSWORD_FILE", "/missing", 64, "setting store.password_file: /missing"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_campus"));
        command.arg("serve").args(flags(dir.path())).env("CAMPUS__STORE__URL", "postgres://ada:s3cret@127.0.0.1:1/x");
        let output = command.env(name, value).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains(line) && !said.contains("s3cret"), "{said}");
        let last = said.lines().last().unwrap();
        assert!(last.contains(line), "{said}");
    }
}

#[tokio::test]
async fn a_database_that_refuses_ends_the_start_and_the_services_of_a_process_count_together() {
    let Some(server) = Postgres::start(&[], &[]) else { return };
    server.sql("CREATE ROLE few LOGIN CONNECTION LIMIT 20");
    let few = server.url().replace("postgres@", "few@");
    for (url, code, words) in [
        (format!("{}?sslmode=require", server.url()), 74, ["postgres://127.0.0.1:", "does not support TLS"]),
        (format!("{}_not", server.url()), 74, ["\"postgres_not\" does not exist", "store.url"]),
        (few, 64, ["setting store.connections: ", "need 24 connections together"]),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_campus"));
        command.arg("serve").args(flags(dir.path())).env("CAMPUS__STORE__URL", url);
        let Err(ended) = Process::try_start(&mut command) else { panic!("it serves: {words:?}") };
        assert_eq!(ended.status.code(), Some(code), "{ended:?}");
        let [line] = &ended.log[..] else { panic!("one line: {ended:?}") };
        assert!(line.starts_with("error: ") && words.iter().all(|word| line.contains(word)), "{line}");
    }
}

#[tokio::test]
async fn tables_dropped_under_a_server_make_it_unready_end_its_watches_and_are_told_of_in_one_line() {
    let Some(server) = Postgres::start(&[], &[]) else { return };
    let mut replica = Replica::start(server.url(), "public").await;
    replica.answers("/readyz", 200).await;
    let watch = replica.api.watch_employees(WatchEmployeesRequest::default()).await.unwrap();
    let mut watch = watch.into_inner();
    within("the first mark", watch.message()).await.unwrap();
    server.sql("DROP TABLE employee, employee_change");
    let ended = within("the end of the watch", watch.message()).await.unwrap_err();
    assert_eq!(ended.code(), Code::DataLoss, "{ended}");
    assert!(ended.message().contains("gone") && ended.message().contains("restored"), "{ended}");
    replica.answers("/readyz", 503).await;
    let (_, why) = admin_get(replica.process.admin, "/readyz").await;
    assert!(why.contains("employee.store: tables of the database are gone: employee, employee_change"), "{why}");
    let get = GetEmployeeRequest { name: "employees/1".to_owned(), ..Default::default() };
    assert_eq!(replica.api.get_employee(get).await.unwrap_err().code(), Code::DataLoss);
    replica.answers("/livez", 200).await;
    let told = |line: &&String| line.contains("gone") && line.contains("\"ERROR\"");
    let log = replica.process.stop().log;
    assert_eq!(log.iter().filter(told).count(), 1, "{log:#?}");
}

#[tokio::test]
async fn an_import_without_its_database_is_told_that_it_is_away_and_when_to_try_again() {
    let Some(server) = Postgres::start(&[], &[]) else { return };
    let mut replica = Replica::start(server.url(), "public").await;
    replica.answers("/readyz", 200).await;
    server.kill();
    let status = import(&mut replica.api).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status}");
    assert!(status.message().contains("does not answer") && status.message().contains("send it again"), "{status}");
    assert!(status.get_error_details().retry_info().is_some(), "{status}");
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("people.jsonl");
    let record = r#"{"name":"employees/1","givenName":"A","familyName":"B","birthDate":"1990-01-01"}"#;
    std::fs::write(&file, record).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_campus"));
    command.args(["employee", "import", "--timeout", "2s", "--server", &replica.process.grpc.to_string()]).arg(&file);
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(69), "{said}");
    assert!(said.contains("does not answer") && said.contains("trying again"), "{said}");
    assert!(!said.contains("connection was cut"), "{said}");
}
