//! `campus-gateway` as a process before others.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use campus_host::Part;
use campus_testkit::{Campus, Process, admin_get, eventually, metric};
use futures_util::future::join_all;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};
use toml::Value;

use crate::support::{ADA, Client};

const PARTS: [Part; 1] = [Part::of::<campus_employee::Employees>()];

fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_campus-gateway"));
    command.args(["--rest-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
    command
}

/// A file of settings that is there as long as its folder.
fn file(dir: &Path, text: &str) -> PathBuf {
    let path = dir.join("gateway.toml");
    std::fs::write(&path, text).unwrap();
    path
}

async fn ready(gateway: &Process) {
    eventually("the gateway is ready", async || (admin_get(gateway.admin, "/readyz").await.0 == 200).then_some(()))
        .await;
}

fn refusal(output: &Output) -> String {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(64), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    text.trim_end().strip_prefix("campus-gateway: ").unwrap().to_owned()
}

#[tokio::test]
async fn a_gateway_of_its_own_serves_what_its_backend_has_and_stops_when_told() {
    let campus = Campus::start(&PARTS);
    let gateway = Process::start(command().args(["--backend", &format!("static:///{}", campus.grpc)]));
    let mut client = Client::connect(gateway.rest.unwrap()).await;
    assert_eq!(client.json("POST /v1/employees?employee_id=ada", ADA).await.code, 200);
    let read = client.get("/v1/employees/ada").await;
    assert_eq!((read.code.as_u16(), read.value()["givenName"].as_str()), (200, Some("Ada")));
    ready(&gateway).await;
    assert_eq!(client.get("/openapi.yaml").await.code, 200);
    for route in ["/v1/{name=employees/*}", "/openapi.yaml"] {
        let labels = format!(r#"{{http_request_method="GET",http_route="{route}",http_response_status_code="200"}}"#);
        assert_eq!(metric(gateway.admin, &format!("http_server_requests_total{labels}")).await, 1.0);
    }
    drop(client);
    let ended = gateway.stop();
    assert_eq!(ended.status.code(), Some(0), "{:?}", ended.log);
}

#[tokio::test]
async fn it_is_ready_once_its_backend_is_and_says_503_until_then() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut command = command();
    command.args(["--backend", &format!("static:///{port}")]).env("CAMPUS__ADMIN__READY_INTERVAL", "50ms");
    let gateway = Process::start(&mut command);
    let mut client = Client::connect(gateway.rest.unwrap()).await;
    let answer = client.send("GET /v1/employees", &[("grpc-timeout", "2S")], "").await;
    assert_eq!(answer.fault(), (503, "UNAVAILABLE".to_owned(), "BACKEND_UNAVAILABLE".to_owned()), "{answer:?}");
    // Where the servers are is for the log.
    assert!(!answer.text().contains("127.0.0.1") && !answer.text().contains("static:"), "{answer:?}");
    assert!(answer.text().contains("google.rpc.RetryInfo") && answer.header("retry-after") == "1", "{answer:?}");
    let (code, text) = admin_get(gateway.admin, "/readyz").await;
    assert!(code == 503 && text.contains(&format!("backend static:///{port}")), "{text}");
    let _campus = Campus::start_with(&PARTS, |settings| settings.server.listen = port.into());
    ready(&gateway).await;
    // Each event loop finds the way for itself.
    let served = async || (client.get("/v1/employees").await.code == 200).then_some(());
    eventually("an answer of the backend", served).await;
    drop(client);
    let log = gateway.stop().log;
    let not_ready: Vec<&String> = log.iter().filter(|line| line.contains("has not been reached yet")).collect();
    // It may have been connecting for a while before.
    assert!(not_ready.len() <= 2 && not_ready.last().unwrap().contains("Connection refused"), "{log:#?}");
    let told = log.iter().any(|line| line.contains("no answer of its backend") && line.contains(&port.to_string()));
    assert!(told, "{log:#?}");
}

/// A way to a server on which nothing moves any more once `stalled` says so.
async fn way_to(server: SocketAddr, stalled: watch::Receiver<bool>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut stalled = stalled.clone();
            tokio::spawn(async move {
                let mut server = TcpStream::connect(server).await.unwrap();
                tokio::select! {
                    _ = tokio::io::copy_bidirectional(&mut client, &mut server) => {}
                    () = async { drop(stalled.wait_for(|stalled| *stalled).await) } => std::future::pending().await,
                }
            });
        }
    });
    address
}

#[tokio::test]
async fn a_server_that_stands_still_costs_no_read_its_answer() {
    let campus = Campus::start(&PARTS);
    let (stall, stalled) = watch::channel(false);
    let target = format!("static:///{},{}", campus.grpc, way_to(campus.grpc, stalled).await);
    let gateway = Process::start(command().args(["--backend", &target]).env("CAMPUS__SERVER__SHARDS", "1"));
    let open = format!("grpc_subchannel_open_connections{{target=\"{target}\"}}");
    let mut clients = Vec::new();
    for _ in 0..16 {
        clients.push(Client::connect(gateway.rest.unwrap()).await);
    }
    assert_eq!(clients[0].get("/v1/employees").await.code, 200);
    // The event loop has a channel, and readiness another.
    eventually("both are connected", async || (metric(gateway.admin, &open).await == 4.0).then_some(())).await;
    stall.send(true).unwrap();
    let read = async |client: &mut Client| client.send("GET /v1/employees", &[("grpc-timeout", "8S")], "").await.code;
    for code in join_all(clients.iter_mut().map(read)).await {
        assert_eq!(code, 200);
    }
}

#[tokio::test]
async fn calls_go_as_the_service_config_of_their_backend_says() {
    let campus = Campus::start(&PARTS);
    let text = format!(
        "[gateway]\nbackends = [{{ target = \"static:///{}\", service_config = '{{\"methodConfig\": [{{\"name\": [{{}}], \
         \"timeout\": \"0s\"}}]}}' }}]",
        campus.grpc
    );
    let dir = tempfile::tempdir().unwrap();
    let gateway = Process::start(command().arg("--config").arg(file(dir.path(), &text)));
    let answer = Client::connect(gateway.rest.unwrap()).await.get("/v1/employees").await;
    assert_eq!(answer.fault().0, 504, "{answer:?}");
}

#[tokio::test]
async fn several_backends_have_the_services_they_name_and_one_the_rest() {
    let (one, other) = (Campus::start(&PARTS), Campus::start(&[]));
    let dir = tempfile::tempdir().unwrap();
    let text = format!(
        "[gateway]\nbackends = [{{ target = \"static:///{}\", services = [\"campus.employee.v1.EmployeeService\"] }}, \
         {{ target = \"static:///{}\" }}]",
        one.grpc, other.grpc
    );
    let gateway = Process::start(command().arg("--config").arg(file(dir.path(), &text)));
    let mut client = Client::connect(gateway.rest.unwrap()).await;
    assert_eq!(client.get("/v1/employees").await.code, 200);
    assert_eq!(client.get("/v1/students").await.fault().0, 501);
    for backend in [&one, &other] {
        let calls = format!("campus_client_calls_total{{target=\"static:///{}\"}}", backend.grpc);
        assert_eq!(metric(gateway.admin, &calls).await, 1.0, "{calls}");
    }
}

#[test]
fn what_cannot_be_is_refused_in_one_line_before_a_port_is_bound() {
    let dir = tempfile::tempdir().unwrap();
    let employee = "campus.employee.v1.EmployeeService";
    let empty = dir.path().join("empty.binpb");
    std::fs::write(&empty, "").unwrap();
    for (settings, line) in [
        ("", "setting gateway.backends is []: calls need somewhere to go; give --backend dns:///my-service:50051, or"),
        (
            "[gateway]\nbackends = \"nowhere\"",
            "setting gateway.backends is \"nowhere\": \"nowhere\" has no port, as in ",
        ),
        (
            "[gateway]\nbackends = \"in-process:rest\"",
            "setting gateway.backends is \"in-process:rest\": there are no servers in this process",
        ),
        (
            &format!("[gateway]\ndescriptors = {empty:?}\nbackends = \"static:///127.0.0.1:1\""),
            "empty.binpb\": it has no services",
        ),
        (
            "[gateway]\nbackends = [{ target = \"static:///127.0.0.1:1\", services = [\"campus.employee.v1.EmployeService\"] }]",
            "did you mean campus.employee.v1.EmployeeService?",
        ),
        (
            "[gateway]\nbackends = [{ target = \"static:///127.0.0.1:1\" }, { target = \"static:///127.0.0.1:2\" }]",
            "name no services; one backend at most may have all that no other names",
        ),
        (
            &format!(
                "[gateway]\nbackends = [{{ target = \"static:///127.0.0.1:1\", services = [\"{employee}\"] }}, {{ target = \"static:///127.0.0.1:2\", services = \"{employee}\" }}]"
            ),
            "is given to static:///127.0.0.1:1 and to static:///127.0.0.1:2",
        ),
        (
            "[gateway]\nbackends = [{ taget = \"x\" }]",
            "setting \"gateway.backends\" is not usable: unknown field `taget`",
        ),
        ("[gateway]\nbackend = \"x\"", "unknown setting \"gateway.backend\""),
        ("[server]\nlisten = \"127.0.0.1:1\"", "is \"127.0.0.1:1\": the gateway serves no gRPC"),
        ("[gateway]\nbackends = [{ services = [\"a.B\"] }]", "setting gateway.backends is \"\": its target is missing"),
        (
            "[gateway]\nbackends = [{ target = \"static:///127.0.0.1:1\", services = [] }]",
            "setting gateway.backends is \"static:///127.0.0.1:1\": its list of services is empty",
        ),
        (
            "[rest]\ndefault_deadline = \"2m\"",
            "setting rest.default_deadline is \"2m\": it is at most rest.max_deadline, which is 1m",
        ),
        ("[rest]\nlisten = \"in-process:x\"", "setting rest.listen is \"in-process:x\": nobody in this process"),
        ("[rest]\nmax_uri = \"1MiB\"", "is \"1MiB\": 256B to 65534B must be allowed"),
        ("[rest]\nlisten = \"localhost\"", "expected an IP address and a port"),
        ("[rest.cors]\norigins = \"example.com\"", "expected an origin such as https://campus.example"),
        (
            "[gateway]\nbackends = [{ target = \"http://127.0.0.1:1\", tls_ca = \"x.pem\" }]",
            "setting gateway.backends is \"http://127.0.0.1:1\": its connections are not encrypted",
        ),
        (
            "[gateway]\nbackends = [{ target = \"static:///127.0.0.1:1\", service_config = '{\"methodConfig\": 1}' }]",
            "setting gateway.backends is \"static:///127.0.0.1:1\": its service_config cannot be used: methodConfig is 1; \
             it must be a list",
        ),
        (
            "[gateway]\ndescriptors = \"/nowhere\"\nbackends = \"static:///127.0.0.1:1\"",
            "setting gateway.descriptors is \"/nowhere\"",
        ),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_campus-gateway"));
        let config = file(dir.path(), settings);
        let output = command.arg("--config").arg(&config).output().unwrap();
        // Which file it is in stands behind the name of a setting.
        let text = refusal(&output).replace(&format!(" in {}", config.display()), "");
        assert!(text.contains(line), "{settings}: {text}");
    }
}

#[test]
fn rules_that_contradict_each_other_stop_the_start_and_are_named() {
    let source = r#"
        syntax = "proto3"; package clash.v1; import "google/api/annotations.proto";
        message Thing { string name = 1; }
        service Things {
          rpc Get(Thing) returns (Thing) { option (google.api.http) = {get: "/v1/{name=things/*}"}; }
          rpc Read(Thing) returns (Thing) { option (google.api.http) = {get: "/v1/{name=things/*}"}; }
        }"#;
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("clash.proto"), source).unwrap();
    let includes = [dir.path(), Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../proto"))];
    let mut compiler = protox::Compiler::new(includes).unwrap();
    compiler.include_imports(true).open_file("clash.proto").unwrap();
    let set = dir.path().join("set.binpb");
    std::fs::write(&set, compiler.encode_file_descriptor_set()).unwrap();
    let output = command().args(["--backend", "static:///127.0.0.1:1", "--descriptors"]).arg(set).output().unwrap();
    let text = refusal(&output);
    assert!(text.contains("clash.v1.Things.Get") && text.contains("clash.v1.Things.Read"), "{text}");
}

/// What begins the row of each setting that is set by default.
fn rows(prefix: &str, section: &toml::Table) -> Vec<String> {
    let row = |(key, default): (&String, &Value)| match default {
        Value::Table(inner) => rows(&format!("{prefix}{key}."), inner),
        Value::String(text) => vec![format!("| `{prefix}{key}` | `{text}` |")],
        Value::Array(_) => vec![format!("| `{prefix}{key}` | empty |")],
        other => vec![format!("| `{prefix}{key}` | `{other}` |")],
    };
    section.iter().flat_map(row).collect()
}

#[test]
fn what_is_printed_of_the_settings_can_be_read_again_and_stands_in_the_reference() {
    let print =
        |command: &mut Command| String::from_utf8(command.arg("--print-config").output().unwrap().stdout).unwrap();
    let default = print(&mut Command::new(env!("CARGO_BIN_EXE_campus-gateway")));
    let dir = tempfile::tempdir().unwrap();
    let again =
        print(Command::new(env!("CARGO_BIN_EXE_campus-gateway")).arg("--config").arg(file(dir.path(), &default)));
    assert_eq!(default, again);
    let reference = include_str!("../../../docs/configuration.md");
    let settings: toml::Table = default.parse().unwrap();
    for section in ["rest", "gateway"] {
        for row in rows(&format!("{section}."), settings[section].as_table().unwrap()) {
            assert!(reference.contains(&row), "docs/configuration.md lacks the row {row}");
        }
    }
}
