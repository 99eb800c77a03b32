//! What a server may do to a call, seen from a connection that ends in this test.

use std::{
    io,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use h2::{Reason, RecvStream, server::SendResponse};
use http::{Request, Response, uri::Scheme};
use tokio::io::DuplexStream;
use tonic::{Code, body::Body};

use super::*;
use crate::{
    Address, Failure, FailureKind,
    connection::{Begun, Connector, Incoming},
};

type Served = h2::server::Connection<DuplexStream, Bytes>;
type Call = (Request<RecvStream>, SendResponse<Bytes>);

/// A pool of one endpoint, which is ready, and the server's end of its connection.
async fn pair() -> (Pool, Served) {
    let (ours, theirs) = tokio::io::duplex(1 << 20);
    let ours = Mutex::new(Some(ours));
    let connect = move |_: Address| {
        let stream = ours.lock().unwrap().take();
        std::future::ready(stream.ok_or_else(|| io::Error::from(io::ErrorKind::ConnectionRefused)))
    };
    let dial = Dial { tls: None, connector: Some(Connector::new(connect)) };
    let origin = Origin(Scheme::HTTP, "test".parse().unwrap());
    let shared = Shared::new("test".to_owned(), origin, dial, PoolConfig::default());
    let resolver = Resolver::fixed(&["127.0.0.1:1".parse::<std::net::SocketAddr>().map(Address::Tcp).unwrap()]);
    let pool = Pool::start(Arc::new(shared), resolver, fastrand::Rng::with_seed(7));
    let mut served = h2::server::handshake(theirs).await.unwrap();
    tokio::select! {
        _ = served.accept() => unreachable!("nobody calls yet"),
        ready = pool.ready(false) => drop(ready.unwrap()),
    }
    (pool, served)
}

fn begin(pool: &Pool) -> Result<Begun, crate::NeverSent> {
    let request = Request::post("/test/Call").body(Body::new(http_body_util::Full::new(Bytes::from_static(b"hello"))));
    pool.snapshot().ready[0].begin(request.unwrap())
}

/// Begins a call, serves it by `serve`, and gives its end.
async fn served(
    pool: &Pool,
    connection: &mut Served,
    serve: impl FnOnce(&mut Served, Call),
) -> Result<Response<Incoming>, Failure> {
    let begun = tokio::spawn(begin(pool).unwrap());
    let call = connection.accept().await.unwrap().unwrap();
    serve(connection, call);
    tokio::select! {
        ended = begun => ended.unwrap(),
        _ = async { while connection.accept().await.is_some() {} std::future::pending::<()>().await } => unreachable!(),
    }
}

#[tokio::test]
async fn a_call_that_the_server_refuses_may_be_sent_elsewhere() {
    let (pool, mut connection) = pair().await;
    let refuse = |_: &mut Served, (_, mut respond): Call| respond.send_reset(Reason::REFUSED_STREAM);
    let failure = served(&pool, &mut connection, refuse).await.unwrap_err();
    assert_eq!((failure.kind, failure.status.code()), (FailureKind::Refused, Code::Unavailable));
    assert_eq!(pool.snapshot().ready.len(), 1, "the connection is still good");
}

#[tokio::test]
async fn a_reset_is_told_by_its_reason() {
    let (pool, mut connection) = pair().await;
    for (reason, code) in [
        (Reason::CANCEL, Code::Cancelled),
        (Reason::INTERNAL_ERROR, Code::Internal),
        (Reason::ENHANCE_YOUR_CALM, Code::ResourceExhausted),
        (Reason::INADEQUATE_SECURITY, Code::PermissionDenied),
    ] {
        let reset = |_: &mut Served, (_, mut respond): Call| respond.send_reset(reason);
        let failure = served(&pool, &mut connection, reset).await.unwrap_err();
        assert_eq!((failure.kind, failure.status.code()), (FailureKind::Reset, code), "{reason}");
    }
}

#[tokio::test]
async fn a_call_on_a_connection_that_breaks_is_lost() {
    let (pool, mut connection) = pair().await;
    let begun = tokio::spawn(begin(&pool).unwrap());
    let call = connection.accept().await.unwrap().unwrap();
    drop((call, connection));
    let failure = begun.await.unwrap().unwrap_err();
    assert_eq!((failure.kind, failure.status.code()), (FailureKind::Lost, Code::Unavailable));
    assert_eq!(failure.status.message().split(" was").next(), Some("127.0.0.1:1"));
}

#[tokio::test]
async fn a_call_that_comes_after_the_last_one_the_server_took_was_refused() {
    let (pool, mut connection) = pair().await;
    let begun = tokio::spawn(begin(&pool).unwrap());
    // Nothing of the call was read, and so it is above the last stream.
    connection.abrupt_shutdown(Reason::NO_ERROR);
    tokio::spawn(async move { while connection.accept().await.is_some() {} });
    let failure = begun.await.unwrap().unwrap_err();
    assert_eq!((failure.kind, failure.status.code()), (FailureKind::Refused, Code::Unavailable));
}

#[tokio::test]
async fn an_endpoint_that_is_asked_to_leave_is_out_of_the_snapshot_and_keeps_its_calls() {
    let (pool, mut connection) = pair().await;
    let begun = tokio::spawn(begin(&pool).unwrap());
    let (_request, mut respond) = connection.accept().await.unwrap().unwrap();
    let endpoint = Arc::clone(&pool.snapshot().ready[0]);
    connection.graceful_shutdown();
    let serving = tokio::spawn(async move { while connection.accept().await.is_some() {} });
    loop {
        let mut news = std::pin::pin!(pool.shared.news.notified());
        news.as_mut().enable();
        if pool.snapshot().ready.is_empty() {
            break;
        }
        news.await;
    }
    let never_sent = endpoint.begin(Request::post("/test/Call").body(Body::empty()).unwrap()).unwrap_err();
    assert_eq!(never_sent.status.message(), "127.0.0.1:1 is not connected");
    assert_eq!(endpoint.stats().in_flight.load(std::sync::atomic::Ordering::Relaxed), 1);
    let answer = Response::builder().header("grpc-status", "0").body(()).unwrap();
    respond.send_response(answer, true).unwrap();
    assert!(begun.await.unwrap().is_ok());
    serving.await.unwrap();
    assert_eq!(endpoint.stats().in_flight.load(std::sync::atomic::Ordering::Relaxed), 0);
}

#[tokio::test]
async fn an_ejected_endpoint_is_out_of_the_snapshot_and_comes_back_with_its_connection() {
    let (pool, connection) = pair().await;
    let endpoint = Arc::clone(&pool.snapshot().ready[0]);
    endpoint.set_ejected(true);
    let mut state = pool.watch();
    state.wait_for(|state| *state == State::TransientFailure).await.unwrap();
    let error = pool.ready(false).await.unwrap_err();
    assert!(error.message().ends_with("127.0.0.1:1: taken out for its failures"), "{error}");
    endpoint.set_ejected(false);
    pool.ready(true).await.unwrap();
    assert_eq!(pool.shared.figures.made(), 1);
    drop(connection);
}
