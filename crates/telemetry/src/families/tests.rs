use super::*;
use prometheus_client::{
    encoding::prometheus_protobuf::encode,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram as Observed, info::Info},
    registry::Registry,
};
use std::time::Duration;

#[test]
fn each_kind_of_metric_keeps_its_name_labels_and_value() {
    let mut registry = Registry::default();
    let calls = Family::<Vec<(String, String)>, Counter>::default();
    registry.register("calls", "Calls", calls.clone());
    calls.get_or_create(&vec![("code".to_owned(), "OK".to_owned())]).inc_by(5);
    let open: Gauge = Gauge::default();
    registry.register("open_bytes", "Open", open.clone());
    open.set(-2);
    let took = Observed::new([1.0, 2.0]);
    registry.register("took_seconds", "Took", took.clone());
    [0.5, 1.5, 1.7, 9.0].into_iter().for_each(|seconds| took.observe(seconds));
    registry.register("build", "Build", Info::new(vec![("version", "1")]));

    let begun = SystemTime::UNIX_EPOCH + Duration::from_secs(7);
    let now = begun + Duration::from_secs(1);
    let metrics = metrics(encode(&registry).unwrap(), begun, now);
    let of = |name: &str| metrics.iter().find(|metric| metric.name == name).unwrap();
    let Some(Data::Sum(sum)) = &of("calls_total").data else { panic!("{metrics:?}") };
    assert_eq!(sum.data_points[0].value, Some(Value::AsDouble(5.0)));
    assert_eq!(sum.data_points[0].attributes, [text("code".to_owned(), "OK".to_owned())]);
    assert_eq!(
        (sum.data_points[0].start_time_unix_nano, sum.data_points[0].time_unix_nano),
        (7_000_000_000, 8_000_000_000)
    );
    let Some(Data::Gauge(gauge)) = &of("open_bytes").data else { panic!("{metrics:?}") };
    assert_eq!((gauge.data_points[0].value, of("open_bytes").unit.as_str()), (Some(Value::AsDouble(-2.0)), "By"));
    let Some(Data::Histogram(histogram)) = &of("took_seconds").data else { panic!("{metrics:?}") };
    let point = &histogram.data_points[0];
    assert_eq!((&point.explicit_bounds[..], &point.bucket_counts[..]), (&[1.0, 2.0][..], &[1, 2, 1][..]));
    assert_eq!((point.count, point.sum, of("took_seconds").unit.as_str()), (4, Some(12.7), "s"));
    let Some(Data::Gauge(info)) = &of("build_info").data else { panic!("{metrics:?}") };
    assert_eq!(info.data_points[0].attributes, [text("version".to_owned(), "1".to_owned())]);
}
