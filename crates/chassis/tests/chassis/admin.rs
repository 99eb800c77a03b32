//! The admin port.

use crate::support::{Server, eventually, get, note, number, request, server_config, within};
use campus_chassis::{
    ServerConfig,
    prometheus_client::metrics::{counter::Counter, gauge::Gauge},
};
use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};

#[tokio::test]
async fn probes_tell_live_ready_and_started_apart() {
    let ready = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&ready);
    let server = Server::launch(&server_config(), move |builder| {
        builder.ready_check("fine", || async { Ok(()) }).ready_check("store", move || {
            std::future::ready(if asked.load(SeqCst) { Ok(()) } else { Err("the disk is full".to_owned()) })
        })
    });
    eventually(async || get(server.admin, "/readyz").await.body.contains("the disk is full")).await;
    let answer = get(server.admin, "/readyz").await;
    assert_eq!((answer.code, answer.body.as_str()), (503, "store: the disk is full\n"));
    assert_eq!(get(server.admin, "/startupz").await.code, 200, "a restart would not mend the store");
    assert_eq!(get(server.admin, "/livez").await.code, 200);

    ready.store(true, SeqCst);
    eventually(async || get(server.admin, "/readyz").await.code == 200).await;

    ready.store(false, SeqCst);
    eventually(async || get(server.admin, "/readyz").await.code == 503).await;
    assert_eq!(get(server.admin, "/startupz").await.code, 200);
    assert_eq!(get(server.admin, "/livez").await.code, 200);
    server.stop().await;
}

#[tokio::test]
async fn silent_connections_keep_no_probe_out() {
    let server = Server::start().await;
    let mut silent = Vec::new();
    for _ in 0..600 {
        silent.push(tokio::net::TcpStream::connect(server.admin).await.unwrap());
    }
    assert_eq!(within(get(server.admin, "/livez")).await.code, 200);
    server.stop().await;
}

#[tokio::test]
async fn a_check_that_panics_or_hangs_is_a_problem_and_no_more() {
    let server = Server::launch(&server_config(), |builder| {
        builder
            .ready_check("wild", || async { panic!("in a check") })
            .ready_check("slow", std::future::pending::<Result<(), String>>)
    });
    eventually(async || get(server.admin, "/readyz").await.body.contains("no answer within 200 ms")).await;
    let body = get(server.admin, "/readyz").await.body;
    assert!(body.contains("wild: it panicked at") && body.contains("slow: no answer"), "{body}");
    assert_eq!(get(server.admin, "/livez").await.code, 200);
    server.stop().await;
}

#[tokio::test]
async fn an_event_loop_that_does_not_turn_is_not_alive() {
    let server = Server::start().await;
    let client = server.client().await;
    let blocking = tokio::spawn(async move { client.unary("Block", number(7000)).await });
    eventually(async || server.probe.working() == 1).await;
    let answer = get(server.admin, "/livez").await;
    assert_eq!((answer.code, answer.body.as_str()), (503, "shard 0 does not turn\n"));
    within(blocking).await.unwrap().unwrap();
    assert_eq!(get(server.admin, "/livez").await.code, 200);
    server.stop().await;
}

#[tokio::test]
async fn version_is_json() {
    let server = Server::start().await;
    let answer = get(server.admin, "/version").await;
    assert!(answer.head.contains("application/json"), "{}", answer.head);
    assert_eq!(answer.body, "{\"name\":\"probe\",\"version\":\"1.2.3\",\"commit\":\"abc\"}\n");
    server.stop().await;
}

#[tokio::test]
async fn what_is_not_there_lists_what_is() {
    let server = Server::start().await;
    let answer = get(server.admin, "/metricz").await;
    assert_eq!(answer.code, 404);
    for endpoint in ["/metricz", "/livez", "/readyz", "/startupz", "/version", "/metrics"] {
        assert!(answer.body.contains(endpoint), "{}", answer.body);
    }
    assert_eq!(request(server.admin, "POST", "/livez").await.code, 405);
    server.stop().await;
}

/// Names and labels of every metric, without values.
fn shape(text: &str) -> BTreeSet<String> {
    let line = |line: &str| {
        let (series, _) = line.rsplit_once(' ')?;
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let labels: Vec<&str> = labels.split(',').filter_map(|label| Some(label.split_once('=')?.0)).collect();
        Some(if labels.is_empty() { name.to_owned() } else { format!("{name}{{{}}}", labels.join(",")) })
    };
    text.lines().filter(|l| !l.starts_with('#')).filter_map(line).collect()
}

#[tokio::test]
async fn metrics_have_the_names_that_are_promised() {
    let server = Server::start().await;
    server.client().await.unary("Echo", note("")).await.unwrap();
    let answer = get(server.admin, "/metrics").await;
    assert!(answer.head.contains("application/openmetrics-text"), "{}", answer.head);
    assert!(answer.body.ends_with("# EOF\n"));
    let seen = shape(&answer.body).into_iter().map(|name| name + "\n").collect::<String>();
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/chassis/golden/metrics.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(golden, &seen).unwrap();
    }
    let expected = std::fs::read_to_string(golden).unwrap();
    assert_eq!(seen, expected, "run with UPDATE_GOLDEN=1 when this is meant");
    server.stop().await;
}

fn value(text: &str, name: &str, labels: &[&str]) -> f64 {
    let line = text.lines().find(|line| {
        line.starts_with(name) && labels.iter().all(|label| line.contains(label)) && !line.starts_with('#')
    });
    line.and_then(|line| line.rsplit_once(' ')).and_then(|(_, value)| value.parse().ok()).unwrap_or(f64::NAN)
}

#[tokio::test]
async fn calls_are_counted_by_method_and_code_over_all_shards() {
    let server = Server::with(ServerConfig { shards: 2, ..server_config() }).await;
    for _ in 0..2 {
        let client = server.client().await;
        for _ in 0..3 {
            client.unary("Echo", note("x")).await.unwrap();
        }
        client.unary("Nope", note("x")).await.unwrap_err();
    }
    let client = server.client().await;
    let waiting = tokio::spawn(async move { client.unary("Wait", number(60_000)).await });
    eventually(async || server.probe.working() == 1).await;
    let text = get(server.admin, "/metrics").await.body;
    let echo = ["grpc_method=\"Echo\"", "grpc_service=\"test.v1.Probe\"", "grpc_type=\"unary\""];
    assert_eq!(value(&text, "grpc_server_started_total", &echo), 6.0);
    assert_eq!(value(&text, "grpc_server_handled_total", &[&echo[..], &["grpc_code=\"OK\""]].concat()), 6.0);
    assert_eq!(value(&text, "grpc_server_handling_seconds_count", &echo), 6.0);
    assert!(value(&text, "grpc_server_handling_seconds_sum", &echo) > 0.0);
    assert_eq!(value(&text, "grpc_server_handling_seconds_bucket", &[&echo[..], &["le=\"+Inf\""]].concat()), 6.0);
    assert!(value(&text, "grpc_server_handling_seconds_bucket", &[&echo[..], &["le=\"0.0001\""]].concat()) <= 6.0);
    assert_eq!(value(&text, "grpc_server_in_flight", &["\"Wait\""]), 1.0);
    assert_eq!(value(&text, "grpc_server_handled_total", &["\"unknown\"", "grpc_code=\"Unimplemented\""]), 2.0);
    assert_eq!(value(&text, "grpc_server_connections_accepted_total", &[]), 3.0);
    assert!(value(&text, "grpc_server_received_bytes_total", &[]) > 100.0);
    assert!(value(&text, "grpc_server_sent_bytes_total", &[]) > 100.0);
    waiting.abort();
    eventually(async || {
        let text = get(server.admin, "/metrics").await.body;
        value(&text, "grpc_server_handled_total", &["\"Wait\"", "grpc_code=\"Canceled\""]) == 1.0
    })
    .await;
    server.stop().await;
}

#[tokio::test]
async fn the_process_is_told_of_in_plausible_figures() {
    let server = Server::start().await;
    let text = get(server.admin, "/metrics").await.body;
    assert!(value(&text, "process_resident_memory_bytes", &[]) > 1e6);
    assert!(value(&text, "process_open_fds", &[]) >= 3.0);
    assert!(value(&text, "process_threads", &[]) >= 2.0);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    let started = value(&text, "process_start_time_seconds", &[]);
    assert!(started <= now + 2.0 && started > now - 3600.0, "{started} against {now}");
    server.stop().await;
}

#[tokio::test]
async fn the_host_adds_figures_of_its_own() {
    let (counter, gauge) = (Counter::<u64>::default(), Gauge::<i64>::default());
    let app = campus_chassis::App::builder(&server_config(), &crate::support::admin_config()).build().unwrap();
    app.metrics().register(|registry| {
        registry.register("store_commits", "Commits", counter.clone());
        registry.register("store_queue", "Writes that wait", gauge.clone());
    });
    counter.inc_by(3);
    gauge.set(7);
    let text = app.metrics().text();
    assert!(text.contains("store_commits_total 3") && text.contains("store_queue 7"), "{text}");
}

#[tokio::test]
async fn connections_are_spread_over_the_shards() {
    let server = Server::with(ServerConfig { shards: 2, ..server_config() }).await;
    // Were both on one shard, the second would wait until the first has done blocking.
    let (first, second) = (server.client().await, server.client().await);
    let blocking = tokio::spawn(async move { first.unary("Block", number(2000)).await });
    eventually(async || server.probe.working() == 1).await;
    second.unary("Echo", note("")).await.unwrap();
    assert!(!blocking.is_finished());
    blocking.await.unwrap().unwrap();
    server.stop().await;
}
