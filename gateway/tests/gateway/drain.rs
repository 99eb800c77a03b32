//! What clients see of the stop of a process that has REST before its own services.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use bytes::Bytes;
use campus_testkit::eventually;
use http::{Request, StatusCode};
use http_body_util::Empty;
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::support::{ADA, Rest};

/// Reads a record again and again, on one connection after the other, until none is accepted any more.
async fn read(addr: SocketAddr, served: Arc<AtomicUsize>) {
    while let Ok(stream) = TcpStream::connect(addr).await {
        let Ok((mut sender, connection)) = handshake(TokioIo::new(stream)).await else { return };
        tokio::spawn(connection);
        while sender.ready().await.is_ok() {
            let request = Request::get("/v1/employees/ada").header("host", "x").body(Empty::<Bytes>::new()).unwrap();
            // A connection that ends while nothing runs on it is none that failed.
            let Ok(answer) = sender.send_request(request).await else { break };
            assert_eq!(answer.status(), StatusCode::OK, "{answer:?}");
            served.fetch_add(1, SeqCst);
        }
    }
}

#[tokio::test]
async fn no_request_that_came_in_fails_while_it_stops() {
    let mut rest = Rest::start();
    rest.client().await.json("POST /v1/employees?employee_id=ada", ADA).await;
    let served = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = (0..8).map(|_| tokio::spawn(read(rest.addr, Arc::clone(&served)))).collect();
    eventually("some are served", async || (served.load(SeqCst) > 500).then_some(())).await;
    rest.campus.begin_stop();
    for client in clients {
        client.await.unwrap();
    }
}
