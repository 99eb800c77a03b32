//! A server of gRPC that sends back what it gets, or ends otherwise when it is told to.

use std::{convert::Infallible, net::SocketAddr};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, Empty, StreamBody, combinators::UnsyncBoxBody};
use hyper::{body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{net::TcpListener, sync::mpsc};
use tokio_stream::{StreamExt, wrappers::ReceiverStream};

/// Its address. The metadata `end` of a call is the status that it ends with; `cut` ends it without one,
/// and `head` at once, with a head that is the end as well.
pub(crate) async fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let connection = http2::Builder::new(TokioExecutor::new());
            tokio::spawn(connection.serve_connection(TokioIo::new(stream), service_fn(answer)));
        }
    });
    addr
}

async fn answer(request: Request<Incoming>) -> Result<Response<UnsyncBoxBody<Bytes, Infallible>>, Infallible> {
    let end = request.headers().get("end").cloned().unwrap_or(HeaderValue::from_static("0"));
    let response = Response::builder().header("content-type", "application/grpc");
    if request.uri().path().starts_with("/grpc.health.") {
        return Ok(response.header("grpc-status", "12").body(Empty::new().boxed_unsync()).unwrap());
    }
    if end == "head" {
        return Ok(response.header("grpc-status", "0").body(Empty::new().boxed_unsync()).unwrap());
    }
    let (frames, body) = mpsc::channel(1);
    tokio::spawn(async move {
        let mut body = request.into_body();
        while let Some(Ok(frame)) = body.frame().await {
            if frames.send(frame).await.is_err() {
                return;
            }
        }
        if end != "cut" {
            let _ = frames.send(Frame::trailers(HeaderMap::from_iter([("grpc-status".parse().unwrap(), end)]))).await;
        }
    });
    let body = StreamBody::new(ReceiverStream::new(body).map(Ok)).boxed_unsync();
    Ok(response.body(body).unwrap())
}
