//! A client that leaves takes its call at the backend with it.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use bytes::Bytes;
use campus_gateway::{Backend, Gateway, RestConfig};
use campus_testkit::eventually;
use futures_util::stream;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, Empty, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    body::Incoming,
    client::conn::{http1, http2},
    server::conn,
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{Rest, schema};

type Reply = Response<UnsyncBoxBody<Bytes, Infallible>>;

/// Counts a call while it is there.
struct Running(Arc<AtomicUsize>);

impl Running {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, SeqCst);
        Self(Arc::clone(count))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

/// A server of gRPC whose unary calls are never answered, and whose streams never end.
async fn endless(running: Arc<AtomicUsize>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let running = Arc::clone(&running);
            let service = service_fn(move |request| answer(request, Arc::clone(&running)));
            tokio::spawn(
                conn::http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service),
            );
        }
    });
    addr
}

async fn answer(request: Request<Incoming>, running: Arc<AtomicUsize>) -> Result<Reply, Infallible> {
    let response = Response::builder().header("content-type", "application/grpc");
    let path = request.uri().path();
    if path.starts_with("/grpc.health.") {
        return Ok(response.header("grpc-status", "12").body(Empty::new().boxed_unsync()).unwrap());
    }
    let running = Running::new(&running);
    if !path.ends_with("/StreamEmployees") {
        std::future::pending::<()>().await;
    }
    let never = stream::unfold(running, |running| async move {
        std::future::pending::<()>().await;
        Some((Ok::<Frame<Bytes>, Infallible>(Frame::data(Bytes::new())), running))
    });
    Ok(response.body(StreamBody::new(never).boxed_unsync()).unwrap())
}

#[tokio::test]
async fn a_client_that_leaves_ends_its_call_at_the_backend_over_either_version_of_http() {
    let running = Arc::new(AtomicUsize::new(0));
    let backend = endless(Arc::clone(&running)).await;
    let backends = [Backend::new(&format!("static:///{backend}")).unwrap()];
    let rest = Rest::of(Gateway::new(schema(), &backends, &RestConfig::default()).unwrap());
    for path in ["/v1/employees/ada", "/v1/employees:stream"] {
        for is_http2 in [false, true] {
            let stream = TokioIo::new(TcpStream::connect(rest.addr).await.unwrap());
            let target = if is_http2 { format!("http://test{path}") } else { path.to_owned() };
            let request = Request::get(target).body(Empty::<Bytes>::new()).unwrap();
            // Over HTTP/2 the stream alone is given up, and its connection stays.
            let (mut http2, answer) = if is_http2 {
                let (mut sender, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
                tokio::spawn(connection);
                let answer = tokio::spawn(sender.send_request(request));
                (Some(sender), answer)
            } else {
                let (mut sender, connection) = http1::handshake(stream).await.unwrap();
                tokio::spawn(connection);
                let mut request = request;
                request.headers_mut().insert("host", "test".parse().unwrap());
                (None, tokio::spawn(async move { sender.send_request(request).await }))
            };
            eventually("the call is there", async || (running.load(SeqCst) == 1).then_some(())).await;
            if path.ends_with(":stream") {
                drop(answer.await.unwrap().unwrap());
            } else {
                answer.abort();
            }
            eventually("no call is left", async || (running.load(SeqCst) == 0).then_some(())).await;
            if let Some(sender) = &mut http2 {
                sender.ready().await.unwrap();
            }
        }
    }
}
