//! Variables that say what cannot be.

use super::collector::{Collector, Manner, listens};
use campus_testkit::{Process, flags};
use std::process::Command;

#[tokio::test]
async fn a_variable_that_cannot_be_honoured_stops_the_start_with_one_line_before_anything_is_opened() {
    for (name, value, line) in [
        ("OTEL_TRACES_SAMPLER", "sometimes", "OTEL_TRACES_SAMPLER is \"sometimes\": use always_on, "),
        (
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "collector",
            "OTEL_EXPORTER_OTLP_ENDPOINT is \"collector\": use a URL such as ",
        ),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_campus"));
        command.arg("serve").args(flags(&dir.path().join("data"))).env(name, value);
        let Err(ended) = Process::try_start(&mut command) else { panic!("{name} was accepted") };
        assert_eq!(ended.status.code(), Some(64), "{ended:?}");
        assert!(ended.log.len() == 1 && ended.log[0].contains(line), "{ended:?}");
        assert!(!dir.path().join("data").exists(), "{name}");
    }
}

#[tokio::test]
async fn a_variable_without_effect_is_logged_as_such() {
    let collector = Collector::start(Manner::Takes);
    let server = super::Server::start(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://{}", collector.address)),
        ("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "/no/such"),
    ]);
    let log = server.stop();
    let line = "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE has no effect: traces are sent over http";
    assert_eq!(log.iter().filter(|logged| logged.contains(line)).count(), 1, "{log:#?}");
}

#[tokio::test]
async fn an_https_endpoint_without_trusted_roots_stops_the_start() {
    let collector = Collector::start(Manner::Takes);
    assert!(listens(collector.address).await);
    let dir = tempfile::tempdir().unwrap();
    let roots = dir.path().join("none.pem");
    let mut command = Command::new(env!("CARGO_BIN_EXE_campus"));
    command.arg("serve").args(flags(&dir.path().join("data")));
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("https://{}", collector.address));
    std::fs::write(&roots, "").unwrap();
    command.env("SSL_CERT_FILE", &roots).env("SSL_CERT_DIR", dir.path());
    let Err(ended) = Process::try_start(&mut command) else { panic!("it was accepted") };
    assert_eq!(ended.status.code(), Some(64), "{ended:?}");
    assert!(ended.log.len() == 1 && ended.log[0].contains("has no trusted roots"), "{ended:?}");
}
