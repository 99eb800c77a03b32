//! Processes that share a PostgreSQL database.

use std::process::Command;

use campus_client::Channel;
use campus_proto::campus::employee::v1::{
    CreateEmployeeRequest, Employee, GetEmployeeRequest, ImportEmployeesRequest, ImportEmployeesResponse,
    employee_service_client::EmployeeServiceClient,
};
use campus_testkit::{Postgres, Process, admin_get, eventually, flags, metric, within};
use tonic::{Code, Request, Status};

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
        ("CAMPUS__STORE__CONNECTIONS", "2", 64, "setting store.connections is 2"),
        ("CAMPUS__STORE__URL", "postgres://ada:s3cret@db?sslmode=verify-full&sslrootcert=/missing", 64, "/missing"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_campus"));
        let output = command.arg("serve").args(flags(dir.path())).env(name, value).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains(line) && !said.contains("s3cret"), "{said}");
        let last = said.lines().last().unwrap();
        assert!(last.contains(line), "{said}");
    }
}
