//! The way to a server of this process for tonic's own channel.

use hyper_util::rt::TokioIo;
use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};
use tokio::io::DuplexStream;

/// The way to the server of this process that listens on `in-process:NAME`, for tonic's `connect_with_connector`. The URI
/// that tonic asks for has no part in it.
#[must_use]
pub fn in_process(name: impl Into<String>) -> InProcess {
    InProcess { name: name.into() }
}

/// Connects within this process; see [`in_process`].
#[derive(Clone, Debug)]
pub struct InProcess {
    name: String,
}

impl tower::Service<http::Uri> for InProcess {
    type Response = TokioIo<DuplexStream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: http::Uri) -> Self::Future {
        let name = self.name.clone();
        Box::pin(async move { campus_inprocess::connect(&name).await.map(TokioIo::new) })
    }
}
