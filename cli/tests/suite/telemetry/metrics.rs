//! The figures of `/metrics`, sent by OTLP.

use super::{
    Server,
    collector::{Collector, Manner, attribute},
};
use campus_testkit::{admin_get, eventually, metric};
use opentelemetry_proto::tonic::metrics::v1::{AggregationTemporality, Metric, metric::Data, number_data_point::Value};

/// The sum of the points of a counter or gauge whose label has a value.
fn sum(metrics: &[Metric], name: &str, label: (&str, &str)) -> f64 {
    let metric = metrics.iter().find(|metric| metric.name == name).unwrap_or_else(|| panic!("no {name}"));
    let points = match metric.data.as_ref().unwrap() {
        Data::Sum(sum) => &sum.data_points,
        Data::Gauge(gauge) => &gauge.data_points,
        other => panic!("{name}: {other:?}"),
    };
    let mine = points.iter().filter(|point| attribute(&point.attributes, label.0).as_deref() == Some(label.1));
    mine.map(|point| if let Some(Value::AsDouble(value)) = point.value { value } else { panic!("{point:?}") }).sum()
}

#[tokio::test]
async fn every_figure_of_the_metrics_page_arrives_with_its_kind_and_value() {
    let collector = Collector::start(Manner::Takes);
    let server = Server::start(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://{}/", collector.address)),
        ("OTEL_TRACES_EXPORTER", "none"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "50"),
    ]);
    for _ in 0..3 {
        server.get(&[]).await;
    }
    let (handled, method) = ("grpc_server_handled_total", ("grpc_code", "NotFound"));
    let metrics = eventually("the calls are told", async || {
        Some(collector.got().metrics).filter(|metrics| !metrics.is_empty() && sum(metrics, handled, method) == 3.0)
    })
    .await;
    let (_, page) = admin_get(server.process.admin, "/metrics").await;
    for family in page.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = family.split_once(' ').unwrap();
        let name = match kind {
            "counter" => format!("{name}_total"),
            "info" => format!("{name}_info"),
            _ => name.to_owned(),
        };
        assert!(metrics.iter().any(|metric| metric.name == name), "{name}");
    }
    assert!(!collector.got().spans.iter().any(|_| true), "traces are off");
    let cumulative = i32::from(AggregationTemporality::Cumulative);
    for metric in &metrics {
        match metric.data.as_ref().unwrap() {
            Data::Sum(sum) => {
                assert!(sum.is_monotonic && sum.aggregation_temporality == cumulative, "{}", metric.name);
                assert!(sum.data_points.iter().all(|point| point.start_time_unix_nano > 0), "{}", metric.name);
            }
            Data::Histogram(histogram) => {
                assert_eq!((histogram.aggregation_temporality, metric.unit.as_str()), (cumulative, "s"));
                for point in &histogram.data_points {
                    assert_eq!(point.bucket_counts.len(), point.explicit_bounds.len() + 1);
                    assert_eq!(point.bucket_counts.iter().sum::<u64>(), point.count);
                }
                let calls = histogram
                    .data_points
                    .iter()
                    .filter(|point| attribute(&point.attributes, "grpc_method").as_deref() == Some("GetEmployee"));
                let expected = if metric.name.starts_with("grpc_") { 3 } else { 0 };
                assert_eq!(calls.map(|point| point.count).sum::<u64>(), expected, "{}", metric.name);
            }
            Data::Gauge(_) => assert!(!metric.name.ends_with("_total"), "{}", metric.name),
            other => panic!("{}: {other:?}", metric.name),
        }
    }
    server.stop();
}

#[tokio::test]
async fn what_becomes_of_the_spans_is_counted() {
    let collector = Collector::start(Manner::Takes);
    let server = Server::start(&[
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &format!("http://{}/v1/traces", collector.address)),
        ("OTEL_BSP_SCHEDULE_DELAY", "20"),
    ]);
    server.get(&[]).await;
    let admin = server.process.admin;
    eventually("both spans are counted", async || {
        (metric(admin, "campus_telemetry_exported_spans_total").await == 2.0).then_some(())
    })
    .await;
    assert_eq!(metric(admin, "campus_telemetry_dropped_spans_total").await, 0.0);
    server.stop();
}

/// A collector that is started anew is the ordinary case.
#[tokio::test]
async fn spans_whose_way_was_cut_are_sent_again_over_either_protocol() {
    for protocol in ["grpc", "http/protobuf"] {
        let collector = Collector::start(Manner::DropsFirst);
        let server = Server::start(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://{}", collector.address)),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
            ("OTEL_METRICS_EXPORTER", "none"),
            ("OTEL_BSP_SCHEDULE_DELAY", "20"),
        ]);
        server.get(&[]).await;
        collector.spans(2).await;
        assert_eq!(metric(server.process.admin, "campus_telemetry_dropped_spans_total").await, 0.0, "{protocol}");
        server.stop();
    }
}

#[tokio::test]
async fn how_many_spans_wait_is_told_while_the_collector_is_waited_for() {
    let collector = Collector::start(Manner::Silent);
    let server = Server::start(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://{}", collector.address)),
        ("OTEL_METRICS_EXPORTER", "none"),
        ("OTEL_BSP_SCHEDULE_DELAY", "20"),
        ("CAMPUS__TELEMETRY__FLUSH_LIMIT", "100ms"),
    ]);
    let admin = server.process.admin;
    eventually("spans wait behind those that are on their way", async || {
        server.get(&[]).await;
        (metric(admin, "campus_telemetry_queued_spans").await >= 10.0).then_some(())
    })
    .await;
    server.stop();
}
