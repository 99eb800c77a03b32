//! The metrics of `/metrics` in the form of OTLP, under the same names: sums and histograms are cumulative since the start.

use crate::resource::text;
use opentelemetry_proto::tonic::{
    common::v1::KeyValue,
    metrics::v1::{
        AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, Sum, metric::Data,
        number_data_point::Value,
    },
};
use prometheus_client::encoding::prometheus_protobuf::prometheus_data_model::{self as from, MetricFamily, MetricType};
use std::time::SystemTime;

/// From when to when a metric counts, in nanoseconds since 1970.
#[derive(Clone, Copy)]
struct Times {
    begun: u64,
    now: u64,
}

pub(crate) fn metrics(families: Vec<MetricFamily>, begun: SystemTime, now: SystemTime) -> Vec<Metric> {
    let nanos = |time: SystemTime| {
        let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    };
    let times = Times { begun: nanos(begun), now: nanos(now) };
    families.into_iter().map(|family| metric(family, times)).collect()
}

fn metric(family: MetricFamily, times: Times) -> Metric {
    let cumulative = AggregationTemporality::Cumulative.into();
    let data = match family.r#type() {
        MetricType::Histogram | MetricType::GaugeHistogram => Data::Histogram(Histogram {
            data_points: family.metric.into_iter().filter_map(|metric| histogram(metric, times)).collect(),
            aggregation_temporality: cumulative,
        }),
        MetricType::Counter => Data::Sum(Sum {
            data_points: family.metric.into_iter().filter_map(|metric| number(metric, times)).collect(),
            aggregation_temporality: cumulative,
            is_monotonic: true,
        }),
        MetricType::Gauge | MetricType::Untyped | MetricType::Summary => Data::Gauge(Gauge {
            data_points: family.metric.into_iter().filter_map(|metric| number(metric, times)).collect(),
        }),
    };
    let unit = unit(&family.name).to_owned();
    Metric { name: family.name, description: family.help, unit, data: Some(data), ..Metric::default() }
}

/// The unit that a name ends in, as UCUM writes it.
fn unit(name: &str) -> &'static str {
    match name.trim_end_matches("_total").rsplit('_').next() {
        Some("seconds") => "s",
        Some("bytes") => "By",
        _ => "",
    }
}

fn attributes(labels: Vec<from::LabelPair>) -> Vec<KeyValue> {
    labels.into_iter().map(|label| text(label.name, label.value)).collect()
}

fn number(metric: from::Metric, times: Times) -> Option<NumberDataPoint> {
    let (value, begun) = match (metric.counter, metric.gauge, metric.untyped) {
        (Some(counter), ..) => (counter.value, times.begun),
        (_, Some(gauge), _) => (gauge.value, 0),
        (.., Some(untyped)) => (untyped.value, 0),
        _ => return None,
    };
    Some(NumberDataPoint {
        attributes: attributes(metric.label),
        start_time_unix_nano: begun,
        time_unix_nano: times.now,
        value: Some(Value::AsDouble(value)),
        ..NumberDataPoint::default()
    })
}

fn histogram(metric: from::Metric, times: Times) -> Option<HistogramDataPoint> {
    let from = metric.histogram?;
    let (mut bounds, mut counts, mut below) = (Vec::new(), Vec::new(), 0);
    for bucket in from.bucket.into_iter().filter(|bucket| bucket.upper_bound < f64::MAX) {
        bounds.push(bucket.upper_bound);
        counts.push(bucket.cumulative_count.saturating_sub(below));
        below = bucket.cumulative_count;
    }
    // What is above the last bound.
    counts.push(from.sample_count.saturating_sub(below));
    Some(HistogramDataPoint {
        attributes: attributes(metric.label),
        start_time_unix_nano: times.begun,
        time_unix_nano: times.now,
        count: from.sample_count,
        sum: Some(from.sample_sum),
        bucket_counts: counts,
        explicit_bounds: bounds,
        ..HistogramDataPoint::default()
    })
}

#[cfg(test)]
mod tests;
