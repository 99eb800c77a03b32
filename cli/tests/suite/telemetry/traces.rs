//! Spans of calls and of what they ask of the database.

use super::{
    PARENT, Server, TRACE,
    collector::{Collector, Manner, attribute},
    hex, traceparent,
};
use campus_proto::standard::{ListRequest, WatchRequest};
use campus_testkit::{Postgres, eventually, within};
use opentelemetry_proto::tonic::trace::v1::{Span, span::SpanKind, status::StatusCode};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tonic::Code;

fn of_kind(spans: &[Span], kind: SpanKind) -> Vec<Span> {
    spans.iter().filter(|span| span.kind() == kind).cloned().collect()
}

fn is_error(span: &Span) -> bool {
    span.status.as_ref().is_some_and(|status| status.code() == StatusCode::Error)
}

/// One call of a caller that traces, and the whole of what the collector is told.
async fn told_of_a_call(protocol: &str, compression: &str) {
    let collector = Collector::start(Manner::Takes);
    let server = Server::start(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://{}", collector.address)),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", compression),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=north%20side"),
        ("OTEL_METRICS_EXPORTER", "none"),
        ("OTEL_BSP_SCHEDULE_DELAY", "20"),
        ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test,k8s.node.name=of-the-list"),
        ("POD_NAME", "campus-0"),
        ("POD_NAMESPACE", "people"),
        ("POD_UID", "7c9e6679"),
        ("NODE_NAME", "of-the-pod"),
        ("CONTAINER_NAME", "campus"),
        ("DEPLOYMENT_NAME", "campus-staff"),
    ]);
    server.client().await.add("1", &campus_testkit::Kind::EMPLOYEE.person(1)).await.unwrap();
    let metadata = [("traceparent", &*traceparent(true)), ("tracestate", "vendor=7"), ("x-request-id", "order-66")];
    assert_eq!(server.get(&metadata).await, Code::Ok);
    collector.spans(4).await;
    let (got, port) = (collector.got(), server.process.grpc.port().to_string());
    server.stop();

    let mine: Vec<Span> = got.spans.into_iter().filter(|span| hex(&span.trace_id) == TRACE).collect();
    let [call] = &of_kind(&mine, SpanKind::Server)[..] else { panic!("one span of the call: {mine:?}") };
    assert_eq!(
        (call.name.as_str(), hex(&call.parent_span_id).as_str()),
        ("campus.employee.v1.EmployeeService/GetEmployee", PARENT)
    );
    assert_eq!((call.trace_state.as_str(), is_error(call)), ("vendor=7", false));
    assert!(call.start_time_unix_nano > 0 && call.end_time_unix_nano >= call.start_time_unix_nano);
    for (key, value) in [
        ("rpc.system", "grpc"),
        ("rpc.service", "campus.employee.v1.EmployeeService"),
        ("rpc.method", "GetEmployee"),
        ("rpc.grpc.status_code", "0"),
        ("campus.request_id", "order-66"),
        ("network.peer.address", "127.0.0.1"),
        ("server.address", "127.0.0.1"),
        ("server.port", port.as_str()),
    ] {
        assert_eq!(attribute(&call.attributes, key).as_deref(), Some(value), "{key} of {call:?}");
    }
    assert!(attribute(&call.attributes, "network.peer.port").is_some());
    let [database] = &of_kind(&mine, SpanKind::Client)[..] else { panic!("one span of the database: {mine:?}") };
    assert_eq!((database.name.as_str(), &database.parent_span_id), ("get employee", &call.span_id));
    for (key, value) in [
        ("db.system.name", "sqlite"),
        ("db.operation.name", "get"),
        ("db.collection.name", "employee"),
        ("db.response.returned_rows", "1"),
    ] {
        assert_eq!(attribute(&database.attributes, key).as_deref(), Some(value), "{key} of {database:?}");
    }
    let resource = &got.resources[0].attributes;
    for (key, value) in [
        ("service.name", "campus"),
        ("service.version", env!("CARGO_PKG_VERSION")),
        ("telemetry.sdk.language", "rust"),
        ("deployment.environment.name", "test"),
        ("k8s.pod.name", "campus-0"),
        ("k8s.namespace.name", "people"),
        ("k8s.pod.uid", "7c9e6679"),
        ("k8s.node.name", "of-the-list"),
        ("k8s.container.name", "campus"),
        ("k8s.deployment.name", "campus-staff"),
    ] {
        assert_eq!(attribute(resource, key).as_deref(), Some(value), "{key} of {resource:?}");
    }
    for key in ["service.instance.id", "process.pid", "host.name"] {
        assert!(attribute(resource, key).is_some(), "{key}");
    }
    assert_eq!(got.heads[0]["x-tenant"], "north side");
}

#[tokio::test]
async fn a_call_and_its_database_request_are_told_over_grpc() {
    told_of_a_call("grpc", "none").await;
}

#[tokio::test]
async fn a_call_and_its_database_request_are_told_over_http_and_compressed() {
    told_of_a_call("http/protobuf", "gzip").await;
}

async fn told_of_a_write_and_of_faults(system: &str, store: &[(&str, &str)]) {
    let collector = Collector::start(Manner::Takes);
    let endpoint = format!("http://{}", collector.address);
    // Nothing is sent before the end: what waits then is sent all the same.
    let otel = [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()), ("OTEL_BSP_SCHEDULE_DELAY", "600000")];
    let server = Server::start(&[&otel[..], store].concat());
    server.client().await.add("2", &campus_testkit::Kind::EMPLOYEE.person(2)).await.unwrap();
    assert_eq!(server.get(&[]).await, Code::NotFound);
    assert_eq!(server.call("campus.employee.v1.EmployeeService/Nonsense", &[]).await, Code::Unimplemented);
    server.stop();
    let spans = collector.got().spans;
    let named = |name: &str| spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("{name}: {spans:?}"));
    let write = named("write employee");
    assert_eq!(attribute(&write.attributes, "db.system.name").as_deref(), Some(system));
    for key in ["campus.store.queue_us", "campus.store.commit_us"] {
        let micros = attribute(&write.attributes, key).unwrap_or_else(|| panic!("{key}: {write:?}"));
        let whole = (write.end_time_unix_nano - write.start_time_unix_nano) / 1000;
        assert!(micros.parse::<u64>().unwrap() <= whole, "{key} {micros} of {whole}");
    }
    let missing = named("campus.employee.v1.EmployeeService/GetEmployee");
    assert_eq!(attribute(&missing.attributes, "rpc.grpc.status_code").as_deref(), Some("5"));
    assert!(!is_error(missing), "{missing:?}");
    let unknown = named("unknown/unknown");
    assert!(is_error(unknown), "{unknown:?}");
}

#[tokio::test]
async fn a_write_is_told_with_how_long_it_waited_and_only_faults_of_the_server_are_errors() {
    told_of_a_write_and_of_faults("sqlite", &[]).await;
}

#[tokio::test]
async fn a_write_to_postgresql_is_told_likewise() {
    if let Some(postgres) = Postgres::shared() {
        let schema = Postgres::schema();
        let store = [("CAMPUS__STORE__URL", postgres.url()), ("CAMPUS__STORE__SCHEMA", schema.as_str())];
        told_of_a_write_and_of_faults("postgresql", &store).await;
    }
}

async fn told_of_a_watch_and_of_waits(system: &str, store: &[(&str, &str)]) {
    let collector = Collector::start(Manner::Takes);
    let endpoint = format!("http://{}", collector.address);
    let server = Server::start(&[&[("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str())], store].concat());
    let client = server.client().await;
    let mut watch = client.watch(WatchRequest::default()).await.unwrap();
    watch.message().await.unwrap().expect("the first mark");
    client.add("2", &campus_testkit::Kind::EMPLOYEE.person(2)).await.unwrap();
    watch.message().await.unwrap().expect("the change");
    let filtered = ListRequest { filter: "given_name = \"x\"".to_owned(), ..ListRequest::default() };
    client.list(filtered).await.unwrap();
    drop((watch, client));
    server.stop();
    let spans = collector.got().spans;
    let named = |name: &str| spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("{name}: {spans:?}"));
    let (changes, call) = (named("changes employee"), named("campus.employee.v1.EmployeeService/WatchEmployees"));
    assert_eq!(changes.parent_span_id, call.span_id);
    for (key, value) in [("db.system.name", system), ("db.response.returned_rows", "1")] {
        assert_eq!(attribute(&changes.attributes, key).as_deref(), Some(value), "{key} of {changes:?}");
    }
    let page = named("page employee");
    let micros = attribute(&page.attributes, "campus.store.wait_us").unwrap_or_else(|| panic!("{page:?}"));
    assert!(micros.parse::<u64>().unwrap() <= (page.end_time_unix_nano - page.start_time_unix_nano) / 1000);
}

#[tokio::test]
async fn the_reads_of_a_watch_are_spans_below_it_and_a_read_tells_how_long_it_waited() {
    told_of_a_watch_and_of_waits("sqlite", &[]).await;
}

#[tokio::test]
async fn the_reads_of_a_watch_on_postgresql_are_told_likewise() {
    if let Some(postgres) = Postgres::shared() {
        let schema = Postgres::schema();
        let store = [("CAMPUS__STORE__URL", postgres.url()), ("CAMPUS__STORE__SCHEMA", schema.as_str())];
        told_of_a_watch_and_of_waits("postgresql", &store).await;
    }
}

/// The sampler, whether the caller samples (if it traces at all), and whether a span is made.
const SAMPLERS: [(&str, Option<bool>, bool); 6] = [
    ("always_on", Some(false), true),
    ("always_off", Some(true), false),
    ("traceidratio", Some(true), false),
    ("parentbased_always_on", Some(false), false),
    ("parentbased_always_off", Some(true), true),
    ("parentbased_traceidratio", None, false),
];

#[tokio::test]
async fn each_sampler_takes_what_it_says_and_what_is_not_sampled_makes_no_span() {
    let collector = Collector::start(Manner::Takes);
    let endpoint = format!("http://{}", collector.address);
    for (sampler, parent, sampled) in SAMPLERS {
        let server = Server::start(&[
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &format!("{endpoint}/v1/traces")),
            ("OTEL_TRACES_SAMPLER", sampler),
            ("OTEL_TRACES_SAMPLER_ARG", "0.0"),
        ]);
        let before = collector.got().spans.len();
        let header = parent.map(traceparent);
        let metadata: Vec<_> = header.iter().map(|header| ("traceparent", header.as_str())).collect();
        server.get(&metadata).await;
        server.stop();
        let expected = if sampled { 2 } else { 0 };
        assert_eq!(collector.got().spans.len() - before, expected, "{sampler} with {parent:?}");
    }
}

#[tokio::test]
async fn a_ratio_of_calls_is_sampled() {
    let collector = Collector::start(Manner::Takes);
    let server = Server::start(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://{}", collector.address)),
        ("OTEL_TRACES_SAMPLER", "traceidratio"),
        ("OTEL_TRACES_SAMPLER_ARG", "0.25"),
    ]);
    let client = server.client().await;
    for _ in 0..400 {
        client.get("employees/1").await.unwrap_err();
    }
    server.stop();
    let calls = of_kind(&collector.got().spans, SpanKind::Server);
    assert!((50..=150).contains(&calls.len()), "{} of 400", calls.len());
    let mut traces: Vec<_> = calls.iter().map(|span| span.trace_id.clone()).collect();
    traces.sort();
    traces.dedup();
    assert_eq!(traces.len(), calls.len(), "each is a trace of its own");
}

#[tokio::test]
async fn log_lines_of_a_call_carry_its_request_id_and_the_trace_of_its_caller_whether_it_is_sampled_or_not() {
    let collector = Collector::start(Manner::Takes);
    let endpoint = format!("http://{}", collector.address);
    for telemetry in [&[][..], &[("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str())]] {
        let variables: Vec<_> =
            telemetry.iter().copied().chain([("CAMPUS__LOG__LEVEL", "campus_chassis=debug")]).collect();
        let server = Server::start(&variables);
        server.get(&[("traceparent", &traceparent(true)), ("x-request-id", "order-67")]).await;
        let log = server.stop();
        let events: Vec<Value> = log.iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let ended =
            events.iter().find(|event| event["message"] == "call ended" && event["rpc.method"] == "GetEmployee");
        let ended = ended.unwrap_or_else(|| panic!("{log:#?}"));
        assert_eq!((&ended["request_id"], &ended["trace_id"]), (&"order-67".into(), &TRACE.into()), "{ended}");
        let of_caller = ended["span_id"] == PARENT;
        assert_eq!(of_caller, telemetry.is_empty(), "with a span of its own it names that: {ended}");
    }
}

/// The status of a GET over REST by a caller that traces.
async fn get_over_rest(server: &Server, path: &str) -> String {
    let mut socket = TcpStream::connect(server.process.rest.unwrap()).await.unwrap();
    let trace = format!("traceparent: {}\r\ntracestate: vendor=7\r\nx-request-id: order-68\r\n", traceparent(true));
    let head = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{trace}\r\n");
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut text = String::new();
    within("an answer", socket.read_to_string(&mut text)).await.unwrap();
    text.split(' ').nth(1).unwrap().to_owned()
}

#[tokio::test]
async fn a_request_of_rest_is_told_with_its_route_and_the_call_that_it_makes_below_it() {
    let collector = Collector::start(Manner::Takes);
    let endpoint = format!("http://{}", collector.address);
    let server =
        Server::start(&[("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()), ("OTEL_BSP_SCHEDULE_DELAY", "20")]);
    let mine = || collector.got().spans.into_iter().filter(|span| hex(&span.trace_id) == TRACE).collect::<Vec<_>>();
    let port = server.process.rest.unwrap().port().to_string();
    server.client().await.add("1", &campus_testkit::Kind::EMPLOYEE.person(1)).await.unwrap();
    for (path, name, route, code) in [
        ("/v1/employees/1", "GET /v1/{name=employees/*}", Some("/v1/{name=employees/*}"), "200"),
        ("/v1/employees/none", "GET /v1/{name=employees/*}", Some("/v1/{name=employees/*}"), "404"),
        ("/v1/nothing", "GET", None, "404"),
    ] {
        let before = mine().len();
        assert_eq!(get_over_rest(&server, path).await, code);
        let below = if route.is_some() { 3 } else { 1 };
        let all = async || Some(mine()).filter(|spans| spans.len() == before + below);
        let spans = eventually("its spans arrive", all).await.split_off(before);
        assert!(spans.iter().all(|span| span.trace_state == "vendor=7"), "{spans:?}");
        let of_rest = |span: &&Span| attribute(&span.attributes, "http.request.method").is_some();
        let request = spans.iter().find(of_rest).unwrap_or_else(|| panic!("{spans:?}"));
        assert_eq!((request.name.as_str(), hex(&request.parent_span_id).as_str()), (name, PARENT));
        assert_eq!((request.kind(), is_error(request)), (SpanKind::Server, false));
        for (key, value) in [
            ("http.request.method", Some("GET")),
            ("http.route", route),
            ("http.response.status_code", Some(code)),
            ("url.scheme", Some("http")),
            ("campus.request_id", Some("order-68")),
            ("server.port", Some(port.as_str())),
            // It names records.
            ("url.path", None),
        ] {
            assert_eq!(attribute(&request.attributes, key).as_deref(), value, "{key} of {request:?}");
        }
        let calls = spans.iter().filter(|span| span.parent_span_id == request.span_id);
        let calls: Vec<&str> = calls.map(|span| span.name.as_str()).collect();
        let call = "campus.employee.v1.EmployeeService/GetEmployee";
        assert_eq!(calls, route.map(|_| call).into_iter().collect::<Vec<_>>());
    }
    server.stop();
}
