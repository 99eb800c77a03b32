//! The end of a server: what runs may end, what does not end is told.

use crate::support::{Server, eventually, figure, note, number, reason, server_config, within};
use campus_chassis::{App, ServerConfig, Skip, StartError, config::HumanDuration};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};
use tokio::{io::AsyncWriteExt, net::TcpStream, sync::oneshot};
use tonic::Code;
use tonic_types::StatusExt;

fn draining_for(limit: HumanDuration) -> ServerConfig {
    ServerConfig { drain_limit: limit, flush_limit: HumanDuration::millis(500), ..server_config() }
}

#[tokio::test]
async fn a_call_in_flight_finishes_and_the_server_stops_when_it_has() {
    let server = Server::with(draining_for(HumanDuration::secs(60))).await;
    let client = server.client().await;
    let call = tokio::spawn(async move { client.unary("Wait", number(300)).await });
    eventually(async || server.probe.working() == 1).await;
    server.handle.shutdown();
    assert_eq!(within(call).await.unwrap().unwrap().get_ref().number, 300);
    within(server.ended).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_connection_is_asked_to_leave_while_its_call_goes_on() {
    let server = Server::with(draining_for(HumanDuration::secs(60))).await;
    let stream = TcpStream::connect(server.grpc).await.unwrap();
    let (mut client, connection) = h2::client::handshake(stream).await.unwrap();
    let connection = tokio::spawn(connection);
    let request = || crate::support::head(crate::support::path("Wait").as_str()).body(()).unwrap();
    let (response, mut body) = client.send_request(request(), false).unwrap();
    body.send_data(bytes::Bytes::from_static(&[0, 0, 0, 0, 3, 0x10, 0xf4, 0x03]), true).unwrap();
    eventually(async || server.probe.working() == 1).await;
    server.handle.shutdown();
    eventually(async || client.clone().ready().await.is_err()).await;
    assert_eq!(server.probe.working(), 1);
    let mut reply = within(response).await.unwrap().into_body();
    while within(reply.data()).await.is_some() {}
    assert_eq!(within(reply.trailers()).await.unwrap().unwrap().get("grpc-status").unwrap(), "0");
    within(connection).await.unwrap().unwrap();
    within(server.ended).await.unwrap().unwrap();
}

#[tokio::test]
async fn new_connections_are_refused_while_calls_in_flight_go_on() {
    let server = Server::with(draining_for(HumanDuration::secs(60))).await;
    let client = server.client().await;
    let mut stream = client.stream("Endless", note("first")).await.unwrap();
    assert!(stream.message().await.unwrap().is_some());
    server.handle.shutdown();
    eventually(async || TcpStream::connect(server.grpc).await.is_err()).await;
    assert_eq!(server.probe.working(), 1);
    server.stop().await;
}

#[tokio::test]
async fn an_endless_stream_is_told_unavailable_at_the_limit() {
    let server = Server::with(draining_for(HumanDuration::millis(200))).await;
    let client = server.client().await;
    let mut streams = Vec::new();
    for method in ["Endless", "Flood"] {
        let mut stream = client.stream(method, note("first")).await.unwrap();
        assert!(stream.message().await.unwrap().is_some());
        streams.push(stream);
    }
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { client.unary("Wait", number(60_000)).await }
    });
    eventually(async || server.probe.working() == 3).await;
    let begun = Instant::now();
    server.handle.shutdown();
    for mut stream in streams {
        let status = loop {
            match within(stream.message()).await {
                Ok(message) => assert!(message.is_some(), "it ended as if it were complete"),
                Err(status) => break status,
            }
        };
        assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "SHUTTING_DOWN"));
        assert!(status.get_details_retry_info().unwrap().retry_delay.unwrap() > Duration::ZERO);
    }
    let status = within(waiting).await.unwrap().unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "SHUTTING_DOWN"));
    assert!(begun.elapsed() >= Duration::from_millis(200));
    within(server.ended).await.unwrap().unwrap();
    assert_eq!(server.probe.working(), 0);
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut_after_the_limits() {
    let server = Server::with(draining_for(HumanDuration::millis(100))).await;
    let mut client = crate::support::h2(server.grpc).await;
    let request = crate::support::head(crate::support::path("Flood").as_str()).body(()).unwrap();
    let (response, mut body) = client.send_request(request, false).unwrap();
    body.send_data(bytes::Bytes::from_static(&[0; 5]), true).unwrap();
    let _reply = within(response).await.unwrap();
    server.handle.shutdown();
    within(server.ended).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_client_that_does_not_answer_holds_nothing_up() {
    let server = Server::with(ServerConfig { flush_limit: HumanDuration::millis(100), ..server_config() }).await;
    // One that never speaks, one that greets and then never reads or answers again, one that does so after a call.
    let _silent = TcpStream::connect(server.grpc).await.unwrap();
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    // A whole request: HEADERS with END_STREAM, POST of "/" out of the static table.
    const CALL: &[u8] = &[0, 0, 3, 1, 5, 0, 0, 0, 1, 0x83, 0x86, 0x84];
    let (mut greeted, mut called) =
        (TcpStream::connect(server.grpc).await.unwrap(), TcpStream::connect(server.grpc).await.unwrap());
    greeted.write_all(PREFACE).await.unwrap();
    called.write_all(&[PREFACE, CALL].concat()).await.unwrap();
    let metrics = async || crate::support::get(server.admin, "/metrics").await.body;
    eventually(async || metrics().await.contains("grpc_server_connections 3")).await;
    eventually(async || metrics().await.contains("grpc_server_streams 0")).await;
    let begun = Instant::now();
    server.handle.shutdown();
    within(server.ended).await.unwrap().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(5), "far less than the drain limit of 20 s");
}

/// Skips when its other end says so.
struct Second(oneshot::Receiver<()>);

impl Skip for Second {
    async fn skip(self) {
        let _ = self.0.await;
    }
}

#[tokio::test]
async fn a_second_signal_skips_the_wait() {
    let config = draining_for(HumanDuration::secs(600));
    let (first, begin) = oneshot::channel::<()>();
    let (second, again) = oneshot::channel();
    let probe = crate::support::Probe::default();
    let app = App::builder(&config, &crate::support::admin_config())
        .descriptors(crate::support::descriptors())
        .service(probe.clone())
        .build()
        .unwrap();
    let channel =
        tonic::transport::Endpoint::from_shared(format!("http://{}", app.grpc_addr().unwrap())).unwrap().connect_lazy();
    let ended = tokio::spawn(app.run_until(async move {
        let _ = begin.await;
        Second(again)
    }));
    let call = tokio::spawn(async move { crate::support::Client::from(channel).unary("Wait", number(600_000)).await });
    eventually(async || probe.working() == 1).await;
    first.send(()).unwrap();
    let early = tokio::time::timeout(Duration::from_millis(200), async {
        while !ended.is_finished() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    assert!(early.await.is_err(), "it did not wait for the call");
    second.send(()).unwrap();
    assert_eq!(within(call).await.unwrap().unwrap_err().code(), Code::Unavailable);
    within(ended).await.unwrap().unwrap();
}

#[tokio::test]
async fn during_the_delay_everything_is_still_served() {
    let config = ServerConfig { drain_delay: HumanDuration::secs(60), ..server_config() };
    let ran = Arc::new(AtomicBool::new(false));
    let hook = Arc::clone(&ran);
    let server = Server::launch(&config, |builder| builder.on_drain(move || hook.store(true, SeqCst)));
    assert!(within(server.health.serving()).await);
    let draining = async || figure(&server, "grpc_server_draining_seconds").await;
    assert!(draining().await == 0.0);
    let old = server.client().await;
    old.unary("Echo", note("")).await.unwrap();
    server.handle.shutdown();
    eventually(async || server.health.is_draining() && draining().await > 0.0).await;
    for client in [&old, &server.client().await] {
        assert!(client.unary("Echo", note("")).await.is_ok());
    }
    assert!(!ran.load(SeqCst), "streams were told to end before connections were asked to leave");
    server.stop().await;
    assert!(ran.load(SeqCst));
}

#[tokio::test]
async fn drain_hooks_run_when_health_has_turned() {
    let ran = Arc::new(AtomicBool::new(false));
    let server = Server::launch(&server_config(), |builder| {
        let ran = Arc::clone(&ran);
        builder.on_drain(|| panic!("one that fails")).on_drain(move || ran.store(true, SeqCst))
    });
    assert!(within(server.health.serving()).await);
    assert!(!ran.load(SeqCst));
    server.handle.shutdown();
    within(server.ended).await.unwrap().unwrap();
    assert!(ran.load(SeqCst));
}

#[tokio::test]
async fn a_port_that_is_taken_is_one_clear_line() {
    let server = Server::start().await;
    let config = ServerConfig { listen: server.grpc.into(), ..server_config() };
    let error = App::builder(&config, &crate::support::admin_config()).build().unwrap_err();
    assert!(matches!(error, StartError::Listen { setting: "server.listen", .. }));
    let line = error.to_string();
    assert!(line.contains(&server.grpc.to_string()) && line.contains("in use") && !line.contains('\n'), "{line}");
    server.stop().await;
}
