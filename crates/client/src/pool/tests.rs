//! What a server may do to a call, seen from a connection that ends in this test.

use std::{
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
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
    let left = async {
        loop {
            let mut news = std::pin::pin!(pool.shared.news.notified());
            news.as_mut().enable();
            if pool.snapshot().ready.is_empty() {
                return;
            }
            news.await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(5), left).await.expect("it is still picked");
    let never_sent = endpoint.begin(Request::post("/test/Call").body(Body::empty()).unwrap()).unwrap_err();
    assert_eq!(never_sent.status.message(), "127.0.0.1:1 is not connected");
    assert_eq!(endpoint.stats().in_flight.load(Relaxed), 1);
    let answer = Response::builder().header("grpc-status", "0").body(()).unwrap();
    respond.send_response(answer, true).unwrap();
    assert!(begun.await.unwrap().is_ok());
    serving.await.unwrap();
    assert_eq!(endpoint.stats().in_flight.load(Relaxed), 0);
}

#[tokio::test]
async fn an_ejected_endpoint_is_picked_from_as_long_as_there_is_no_other() {
    let (pool, connection) = pair().await;
    let endpoint = Arc::clone(&pool.snapshot().ready[0]);
    endpoint.set_ejected(true);
    assert!(Arc::ptr_eq(&pool.ready(false).await.unwrap().ready[0], &endpoint));
    endpoint.failed(Phase::Unhealthy, ConnectError { what: "it does not serve".to_owned(), source: None });
    let mut state = pool.watch();
    state.wait_for(|state| *state == State::TransientFailure).await.unwrap();
    let error = pool.ready(false).await.unwrap_err();
    let what = error.message();
    assert!(what.contains("127.0.0.1:1: ") && !what.contains("taken out"), "the last error says more: {what}");
    assert_eq!(pool.shared.figures.made(), 1);
    drop(connection);
}

#[tokio::test]
async fn a_request_that_cannot_be_sent_fails_alone() {
    let (pool, mut connection) = pair().await;
    let request = Request::post("/test/Call").header("connection", "close").body(Body::empty()).unwrap();
    let failure = pool.snapshot().ready[0].begin(request).unwrap().await.unwrap_err();
    assert_eq!((failure.kind, failure.status.code()), (FailureKind::Request, Code::Internal));
    let answer = |_: &mut Served, (_, mut respond): Call| {
        let _ = respond.send_response(Response::new(()), true).unwrap();
    };
    served(&pool, &mut connection, answer).await.unwrap();
}

#[tokio::test]
async fn a_pool_that_is_gone_leaves_nothing_behind() {
    let (pool, connection) = pair().await;
    let (shared, state) = (Arc::downgrade(&pool.shared), pool.watch());
    drop((pool, connection));
    assert_eq!(*state.borrow(), State::Shutdown);
    let gone = async {
        while shared.strong_count() > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(5), gone).await.unwrap();
}

#[tokio::test]
async fn a_body_is_taken_no_faster_than_the_server_reads_it() {
    let (pool, mut connection) = pair().await;
    let (taken, frame) = (Arc::new(AtomicU64::new(0)), Bytes::from(vec![0; 10_000]));
    let count = Arc::clone(&taken);
    let frames = futures_util::stream::repeat_with(move || {
        count.fetch_add(1, Relaxed);
        Ok::<_, std::convert::Infallible>(http_body::Frame::data(frame.clone()))
    });
    let body = Body::new(http_body_util::StreamBody::new(futures_util::StreamExt::take(frames, 100)));
    let request = Request::post("/test/Call").body(body).unwrap();
    let begun = tokio::spawn(pool.snapshot().ready[0].begin(request).unwrap());
    let (request, mut respond) = connection.accept().await.unwrap().unwrap();
    let serving = tokio::spawn(async move { while connection.accept().await.is_some() {} });
    // The window of a stream is 64 KiB: the frames in it, and the next ones.
    while taken.load(Relaxed) < 7 {
        tokio::task::yield_now().await;
    }
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(taken.load(Relaxed) <= 9, "{taken:?} frames are under way");
    let (mut body, mut bytes) = (request.into_body(), 0);
    while let Some(data) = body.data().await {
        let data = data.unwrap();
        bytes += data.len();
        body.flow_control().release_capacity(data.len()).unwrap();
    }
    assert_eq!(bytes, 1_000_000);
    let _ = respond.send_response(Response::new(()), true).unwrap();
    begun.await.unwrap().unwrap();
    drop(pool);
    serving.await.unwrap();
}
