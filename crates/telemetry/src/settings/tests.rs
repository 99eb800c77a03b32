use super::*;
use crate::endpoint::Protocol;
use std::collections::HashMap;

fn read(variables: &[(&str, &str)]) -> Result<Settings, VariableError> {
    let known: HashMap<&str, &str> = variables.iter().copied().collect();
    Settings::read(&|name| known.get(name).map(OsString::from), "campus", "1.2.3")
}

fn endpoint(variables: &[(&str, &str)]) -> Endpoint {
    read(variables).unwrap().traces.unwrap().endpoint
}

fn resource(variables: &[(&str, &str)], key: &str) -> Option<String> {
    let attributes = read(variables).unwrap().resource.attributes;
    let found = attributes.into_iter().find(|attribute| attribute.key == key)?;
    match found.value?.value? {
        opentelemetry_proto::tonic::common::v1::any_value::Value::StringValue(text) => Some(text),
        other => Some(format!("{other:?}")),
    }
}

const ALL: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318/base/");

#[test]
fn nothing_is_sent_until_there_is_somewhere_to_send_it_or_an_exporter_is_asked_for() {
    let on = |variables: &[(&str, &str)]| {
        let settings = read(variables).unwrap();
        assert_eq!(settings.sampler.is_some(), settings.traces.is_some());
        (settings.traces.is_some(), settings.metrics.is_some())
    };
    assert_eq!(on(&[]), (false, false));
    assert_eq!(on(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "")]), (false, false));
    assert_eq!(on(&[ALL]), (true, true));
    assert_eq!(on(&[ALL, ("OTEL_SDK_DISABLED", "true")]), (false, false));
    assert_eq!(on(&[ALL, ("OTEL_METRICS_EXPORTER", "none")]), (true, false));
    assert_eq!(on(&[("OTEL_TRACES_EXPORTER", "otlp")]), (true, false));
    assert_eq!(on(&[("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://c:1/m")]), (false, true));
}

#[test]
fn an_endpoint_is_made_of_the_variables_of_the_signal_and_else_of_those_of_all() {
    let grpc = ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
    let of_traces = |value| ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", value);
    let uri = |variables: &[(&str, &str)]| endpoint(variables).uri.to_string();
    let on = ("OTEL_TRACES_EXPORTER", "otlp");
    assert_eq!(uri(&[on]), "http://localhost:4318/v1/traces");
    assert_eq!(uri(&[on, grpc]), "http://localhost:4317/");
    assert_eq!(uri(&[ALL]), "http://c:4318/base/v1/traces");
    assert_eq!(uri(&[ALL, of_traces("http://d/own")]), "http://d/own");
    assert_eq!(uri(&[grpc, of_traces("d:4317"), ("OTEL_EXPORTER_OTLP_INSECURE", "true")]), "http://d:4317/");
    assert_eq!(uri(&[grpc, of_traces("http://d:4317")]), "http://d:4317/");
    let both = endpoint(&[grpc, of_traces("http://d"), ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf")]);
    assert_eq!(both.protocol, Protocol::Http);
    let timeout = endpoint(&[ALL, ("OTEL_EXPORTER_OTLP_TIMEOUT", "1"), ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "250")]);
    assert_eq!(timeout.timeout, Duration::from_millis(250));
}

#[test]
fn the_resource_names_the_program_the_pod_and_what_the_variables_add() {
    assert_eq!(resource(&[], "service.name").as_deref(), Some("campus"));
    let list = ("OTEL_RESOURCE_ATTRIBUTES", "service.name=of-list, team=a%2Cb");
    assert_eq!(resource(&[list], "service.name").as_deref(), Some("of-list"));
    assert_eq!(resource(&[list], "team").as_deref(), Some("a,b"));
    assert_eq!(resource(&[list, ("OTEL_SERVICE_NAME", "own")], "service.name").as_deref(), Some("own"));
    assert_eq!(resource(&[("POD_NAME", "campus-0")], "k8s.pod.name").as_deref(), Some("campus-0"));
    let id = resource(&[], "service.instance.id").unwrap();
    assert!(id.len() == 36 && id.as_bytes()[14] == b'4' && resource(&[], "service.instance.id") != Some(id));
}

#[test]
#[rustfmt::skip] // a row a fault
fn what_cannot_be_honoured_is_refused_by_the_name_of_its_variable_with_what_to_write() {
    let https = ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://c:4317");
    let grpc = ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
    for (variables, line) in [
        (&[("OTEL_SDK_DISABLED", "yes")][..], "OTEL_SDK_DISABLED is \"yes\": use true, false"),
        (&[("OTEL_TRACES_EXPORTER", "zipkin")], "OTEL_TRACES_EXPORTER is \"zipkin\": use otlp, none"),
        (&[("OTEL_METRICS_EXPORTER", "prometheus")], "OTEL_METRICS_EXPORTER is \"prometheus\": use otlp, none"),
        (&[ALL, ("OTEL_TRACES_SAMPLER", "some")], "OTEL_TRACES_SAMPLER is \"some\": use always_on, always_off, traceidratio, parentbased_always_on, parentbased_always_off, parentbased_traceidratio"),
        (&[ALL, ("OTEL_TRACES_SAMPLER", "traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "2")], "OTEL_TRACES_SAMPLER_ARG is \"2\": use the part of traces to take, 0 to 1"),
        (&[("OTEL_PROPAGATORS", "b3")], "OTEL_PROPAGATORS is \"b3\": use tracecontext, baggage or both with a comma, or none alone"),
        (&[("OTEL_PROPAGATORS", "tracecontext,none")], "OTEL_PROPAGATORS is \"tracecontext,none\": use tracecontext, baggage or both with a comma, or none alone"),
        (&[("OTEL_RESOURCE_ATTRIBUTES", "a")], "OTEL_RESOURCE_ATTRIBUTES is \"a\": use key=value pairs separated by commas"),
        (&[("OTEL_BSP_SCHEDULE_DELAY", "abc")], "OTEL_BSP_SCHEDULE_DELAY is \"abc\": use a number of milliseconds, at least 1"),
        (&[("OTEL_METRIC_EXPORT_TIMEOUT", "1s")], "OTEL_METRIC_EXPORT_TIMEOUT is \"1s\": use a number of milliseconds, at least 1"),
        (&[("OTEL_TRACES_SAMPLER_ARG", "half")], "OTEL_TRACES_SAMPLER_ARG is \"half\": use the part of traces to take, 0 to 1"),
        (&[ALL, ("OTEL_SDK_DISABLED", "true"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")], "OTEL_EXPORTER_OTLP_PROTOCOL is \"http/json\": use grpc, http/protobuf"),
        (&[ALL, ("OTEL_BSP_SCHEDULE_DELAY", "0")], "OTEL_BSP_SCHEDULE_DELAY is \"0\": use a number of milliseconds, at least 1"),
        (&[ALL, ("OTEL_BSP_MAX_QUEUE_SIZE", "-1")], "OTEL_BSP_MAX_QUEUE_SIZE is \"-1\": use a number of at least 1"),
        (&[ALL, ("OTEL_BSP_MAX_QUEUE_SIZE", "9999999")], "OTEL_BSP_MAX_QUEUE_SIZE is \"9999999\": use at most 1048576"),
        (&[ALL, ("OTEL_BSP_MAX_QUEUE_SIZE", "10"), ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "11")], "OTEL_BSP_MAX_EXPORT_BATCH_SIZE is \"11\": it cannot be more than OTEL_BSP_MAX_QUEUE_SIZE"),
        (&[ALL, ("OTEL_METRIC_EXPORT_INTERVAL", "1m")], "OTEL_METRIC_EXPORT_INTERVAL is \"1m\": use a number of milliseconds, at least 1"),
        (&[ALL, ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")], "OTEL_EXPORTER_OTLP_PROTOCOL is \"http/json\": use grpc, http/protobuf"),
        (&[ALL, ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "zstd")], "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION is \"zstd\": use none, gzip"),
        (&[ALL, ("OTEL_EXPORTER_OTLP_HEADERS", "secret")], "OTEL_EXPORTER_OTLP_HEADERS: use name=value pairs separated by commas"),
        (&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:99999")], "OTEL_EXPORTER_OTLP_ENDPOINT is \"http://c:99999\": use a URL such as http://collector:4318 or https://collector:4317"),
        (&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://u:SECRETPW@h:1/")], "OTEL_EXPORTER_OTLP_ENDPOINT: it names a user (@); give what identifies this program in OTEL_EXPORTER_OTLP_HEADERS"),
        (&[grpc, ("OTEL_EXPORTER_OTLP_ENDPOINT", "u:SECRETPW@h:99999")], "OTEL_EXPORTER_OTLP_ENDPOINT: it names a user (@)"),
        (&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:1/base#SECRETPW")], "OTEL_EXPORTER_OTLP_ENDPOINT: it has a fragment (#), which is not for the address of a collector; use a URL"),
        (&[https, ("OTEL_EXPORTER_OTLP_INSECURE", "true")], "OTEL_EXPORTER_OTLP_ENDPOINT is \"https://c:4317\": https and OTEL_EXPORTER_OTLP_TRACES_INSECURE=true (or that of all) contradict each other; leave one out"),
        (&[ALL, ("OTEL_EXPORTER_OTLP_HEADERS", "a=SECRETPW%ZZ")], "OTEL_EXPORTER_OTLP_HEADERS: use name=value pairs separated by commas, with %XX"),
        (&[ALL, ("OTEL_EXPORTER_OTLP_HEADERS", "b=1,Content-Type=SECRETPW")], "OTEL_EXPORTER_OTLP_HEADERS: content-type belongs to the way requests are sent; leave it out"),
        (&[ALL, ("OTEL_EXPORTER_OTLP_HEADERS", "grpc-timeout=SECRETPW")], "OTEL_EXPORTER_OTLP_HEADERS: grpc-timeout belongs"),
        (&[("OTEL_RESOURCE_ATTRIBUTES", "a=%z")], "OTEL_RESOURCE_ATTRIBUTES is \"a=%z\": use key=value pairs separated by commas, with %XX"),
        (&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:1/?a=SECRETPW")], "OTEL_EXPORTER_OTLP_ENDPOINT: it has a query (?), which is not for the address of a collector; use a URL such as http://collector:4318 or https://collector:4317"),
        (&[("OTEL_EXPORTER_OTLP_ENDPOINT", "c:4318")], "OTEL_EXPORTER_OTLP_ENDPOINT is \"c:4318\": use a URL such as http://collector:4318 or https://collector:4317"),
        (&[grpc, ALL], "OTEL_EXPORTER_OTLP_ENDPOINT is \"http://c:4318/base/\": gRPC takes no path; leave it out, or set OTEL_EXPORTER_OTLP_PROTOCOL to http/protobuf"),
        (&[grpc, https, ("OTEL_EXPORTER_OTLP_INSECURE", "true")], "OTEL_EXPORTER_OTLP_ENDPOINT is \"https://c:4317\": https and OTEL_EXPORTER_OTLP_TRACES_INSECURE=true (or that of all) contradict each other; leave one out"),
        (&[https, ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/no/such")], "OTEL_EXPORTER_OTLP_CERTIFICATE is \"/no/such\": no certificates can be read from it: "),
        (&[https, ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/dev/null")], "OTEL_EXPORTER_OTLP_CERTIFICATE is \"/dev/null\": there is no certificate in it; give a file in PEM format"),
        (&[https, ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/k")], "OTEL_EXPORTER_OTLP_CLIENT_KEY is \"/k\": CLIENT_CERTIFICATE must be given with it"),
    ] {
        let error = read(variables).map(|_| ()).unwrap_err().to_string();
        assert!(error.starts_with(line), "{error}\nis not\n{line}");
        assert!(!error.contains("SECRETPW"), "{error}");
    }
}

#[test]
fn what_has_no_effect_beside_the_rest_is_told() {
    let certificate = ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/no/such");
    let https = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://c:4318");
    let of_metrics = ("OTEL_METRICS_EXPORTER", "none");
    let lines = read(&[ALL, of_metrics, certificate, ("OTEL_TRACES_SAMPLER_ARG", "0.5")]).unwrap().unused;
    let sampler = "OTEL_TRACES_SAMPLER_ARG has no effect: set OTEL_TRACES_SAMPLER to traceidratio, too";
    let tls =
        "OTEL_EXPORTER_OTLP_CERTIFICATE has no effect: traces are sent over http; for TLS the endpoint must be https";
    assert_eq!(lines, [sampler, tls]);
    let nothing_sent = read(&[https, certificate, ("OTEL_SDK_DISABLED", "true")]).unwrap();
    assert!(nothing_sent.unused.is_empty() && !nothing_sent.is_on(), "and no file is read");
}
