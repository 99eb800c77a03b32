//! A collector that takes everything in and says so.

use std::net::SocketAddr;

use opentelemetry_proto::tonic::collector::{
    metrics::v1::{
        ExportMetricsServiceRequest, ExportMetricsServiceResponse,
        metrics_service_server::{MetricsService, MetricsServiceServer},
    },
    trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status, transport::Server};

use crate::Result;

struct Sink;

#[tonic::async_trait]
impl TraceService for Sink {
    async fn export(
        &self,
        _: Request<ExportTraceServiceRequest>,
    ) -> std::result::Result<Response<ExportTraceServiceResponse>, Status> {
        Ok(Response::new(Default::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Sink {
    async fn export(
        &self,
        _: Request<ExportMetricsServiceRequest>,
    ) -> std::result::Result<Response<ExportMetricsServiceResponse>, Status> {
        Ok(Response::new(Default::default()))
    }
}

/// Runs it on a thread of its own.
pub(crate) async fn start() -> Result<SocketAddr> {
    let (tell, told) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let Ok(runtime) = runtime else { return };
        runtime.block_on(async {
            let Ok(listener) = TcpListener::bind("127.0.0.1:0").await else { return };
            let _ = tell.send(listener.local_addr());
            let server = Server::builder()
                .add_service(TraceServiceServer::new(Sink))
                .add_service(MetricsServiceServer::new(Sink));
            let _ = server.serve_with_incoming(TcpListenerStream::new(listener)).await;
        });
    });
    Ok(told.await??)
}

/// An address at which nobody listens.
pub(crate) async fn nobody() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0").await?.local_addr()?)
}

/// One that takes connections and says nothing.
pub(crate) async fn silent() -> Result<SocketAddr> {
    talking(b"").await
}

/// One that answers whatever it is told with what is not HTTP.
pub(crate) async fn rubbish() -> Result<SocketAddr> {
    talking(b"\x00\xff what?\r\n\r\n").await
}

async fn talking(words: &'static [u8]) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let addr = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut heard = [0; 4096];
                while stream.read(&mut heard).await.is_ok_and(|length| length > 0) {
                    if stream.write_all(words).await.is_err() {
                        break;
                    }
                }
            });
        }
    });
    Ok(addr)
}
