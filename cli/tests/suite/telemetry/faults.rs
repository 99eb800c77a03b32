//! Collectors that are gone, slow or out of their mind: no call notices.

use super::{
    Server,
    collector::{Collector, Manner},
};
use campus_testkit::{eventually, metric};
use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

const CALLS: usize = 400;
const QUEUE: f64 = 64.0;

/// All calls are answered, memory is bounded, losses are counted, one line is logged, and the end is not held up.
async fn unharmed(address: SocketAddr, protocol: &str) {
    let server = Server::start(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://{address}")),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "100"),
        ("OTEL_BSP_SCHEDULE_DELAY", "10"),
        ("OTEL_BSP_EXPORT_TIMEOUT", "300"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "64"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "16"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "50"),
        ("CAMPUS__TELEMETRY__FLUSH_LIMIT", "500ms"),
    ]);
    let client = server.client().await;
    client.add("1", &campus_testkit::Kind::EMPLOYEE.person(1)).await.unwrap();
    let admin = server.process.admin;
    for _ in 0..CALLS {
        client.get("employees/1").await.unwrap();
    }
    assert!(metric(admin, "campus_telemetry_queued_spans").await <= QUEUE);
    eventually("what is lost is counted", async || {
        (metric(admin, "campus_telemetry_dropped_spans_total").await > 0.0).then_some(())
    })
    .await;
    assert_eq!(metric(admin, "campus_telemetry_exported_spans_total").await, 0.0);
    let begun = Instant::now();
    let log = server.stop();
    assert!(begun.elapsed() < Duration::from_secs(10), "the end was held up: {:?}", begun.elapsed());
    let told = log.iter().filter(|line| line.contains("telemetry cannot be delivered")).count();
    assert!((1..=2).contains(&told), "one line a signal: {log:#?}");
}

macro_rules! unharmed_by {
    ($($name:ident: $manner:expr, $protocol:literal;)*) => {
        $(#[tokio::test] async fn $name() {
            let manner: Option<Manner> = $manner;
            let address = manner.map_or_else(Collector::dead, |manner| Collector::start(manner).address);
            unharmed(address, $protocol).await;
        })*
    };
}
unharmed_by! {
    calls_are_unharmed_by_a_collector_that_is_gone_grpc: None, "grpc";
    calls_are_unharmed_by_a_collector_that_is_gone_http: None, "http/protobuf";
    calls_are_unharmed_by_a_collector_that_never_answers_grpc: Some(Manner::Silent), "grpc";
    calls_are_unharmed_by_a_collector_that_never_answers_http: Some(Manner::Silent), "http/protobuf";
    calls_are_unharmed_by_a_collector_that_drops_connections_grpc: Some(Manner::Drops), "grpc";
    calls_are_unharmed_by_a_collector_that_drops_connections_http: Some(Manner::Drops), "http/protobuf";
    calls_are_unharmed_by_a_collector_that_sends_rubbish_grpc: Some(Manner::Rubbish), "grpc";
    calls_are_unharmed_by_a_collector_that_sends_rubbish_http: Some(Manner::Rubbish), "http/protobuf";
    calls_are_unharmed_by_a_collector_that_refuses_grpc: Some(Manner::Refuses), "grpc";
    calls_are_unharmed_by_a_collector_that_refuses_http: Some(Manner::Refuses), "http/protobuf";
}
