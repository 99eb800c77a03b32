//! Calls of any method of any kind of record, whose messages are bytes to the transport.

use std::{future::Future, time::Duration};

use bytes::Bytes;
use campus_proto::Raw;
use clap::ValueEnum;
use futures_util::{FutureExt, Stream};
use http::uri::PathAndQuery;
use prost::Message;
use tokio::{
    task::coop::consume_budget,
    time::{Instant, timeout},
};
use tonic::{Request, Status, Streaming, client::Grpc, codec::CompressionEncoding};

use crate::connect::Transport;

/// Largest message that is accepted from a server: a page of 1,000 large records.
const MAX_MESSAGE: usize = 64 << 20;

/// How long a server may take to begin a stream.
const BEGIN: Duration = Duration::from_secs(10);

/// When a call must be over; `None` is never.
pub(crate) type Deadline = Option<Instant>;

/// The moment `after` from now.
pub(crate) fn within(after: Option<Duration>) -> Deadline {
    after.and_then(|after| Instant::now().checked_add(after))
}

/// How messages are compressed, both ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Compression {
    /// Everybody knows it.
    Gzip,
    /// Faster, and smaller.
    Zstd,
}

/// Calls methods on one server. Clones share its connection.
#[derive(Clone)]
pub(crate) struct Caller {
    grpc: Grpc<Transport>,
}

impl Caller {
    /// Calls over `transport`.
    pub(crate) fn new(transport: Transport, compress: Option<Compression>) -> Self {
        let grpc = Grpc::new(transport).max_decoding_message_size(MAX_MESSAGE).max_encoding_message_size(MAX_MESSAGE);
        let Some(compress) = compress else { return Self { grpc } };
        let encoding = match compress {
            Compression::Gzip => CompressionEncoding::Gzip,
            Compression::Zstd => CompressionEncoding::Zstd,
        };
        Self { grpc: grpc.send_compressed(encoding).accept_compressed(encoding) }
    }

    /// One message there, one back.
    ///
    /// # Errors
    /// The status of the call, or of this side if it was not answered before the deadline.
    pub(crate) async fn unary(
        &self,
        path: &PathAndQuery,
        message: &impl Message,
        by: Deadline,
    ) -> Result<Bytes, Status> {
        let mut grpc = self.grpc.clone();
        let request = request(Bytes::from(message.encode_to_vec()), by);
        let reply = until(by, grpc.unary(request, path.clone(), Raw)).await?;
        Ok(reply.into_inner())
    }

    /// One message there, many back.
    ///
    /// # Errors
    /// As of [`unary`](Self::unary).
    pub(crate) async fn server_stream(
        &self,
        path: &PathAndQuery,
        message: &impl Message,
        by: Deadline,
    ) -> Result<Replies, Status> {
        let mut grpc = self.grpc.clone();
        let request = request(Bytes::from(message.encode_to_vec()), by);
        // Where nothing ends the stream, a server that takes the call and is silent must not go unnoticed.
        let silent = |_| Err(Status::deadline_exceeded(format!("no answer within {BEGIN:?}")));
        let begins = until(by, grpc.server_streaming(request, path.clone(), Raw));
        let reply = match by {
            Some(_) => begins.await?,
            None => timeout(BEGIN, begins).await.unwrap_or_else(silent)?,
        };
        Ok(Replies { stream: reply.into_inner(), by })
    }

    /// Many messages there, one back.
    ///
    /// # Errors
    /// As of [`unary`](Self::unary).
    pub(crate) async fn client_stream<S>(&self, path: &PathAndQuery, messages: S, by: Deadline) -> Result<Bytes, Status>
    where
        S: Stream<Item = Bytes> + Send + 'static,
    {
        let mut grpc = self.grpc.clone();
        let reply = until(by, grpc.client_streaming(request(messages, by), path.clone(), Raw)).await?;
        Ok(reply.into_inner())
    }

    /// Many messages there, many back.
    ///
    /// # Errors
    /// As of [`unary`](Self::unary).
    pub(crate) async fn both_streams<S>(
        &self,
        path: &PathAndQuery,
        messages: S,
        by: Deadline,
    ) -> Result<Replies, Status>
    where
        S: Stream<Item = Bytes> + Send + 'static,
    {
        let mut grpc = self.grpc.clone();
        let reply = until(by, grpc.streaming(request(messages, by), path.clone(), Raw)).await?;
        Ok(Replies { stream: reply.into_inner(), by })
    }
}

/// The messages that come back.
pub(crate) struct Replies {
    stream: Streaming<Bytes>,
    by: Deadline,
}

impl Replies {
    /// The next message; `None` when the server has sent all. Nothing is lost if this is dropped before it is ready.
    ///
    /// # Errors
    /// What the call ended with.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Status> {
        // A server that is faster than this side must not keep anything else from running, such as Ctrl-C.
        consume_budget().await;
        until(self.by, self.stream.message()).await
    }

    /// As [`next`](Self::next), but `None` if nothing comes for `idle`.
    pub(crate) async fn soon(&mut self, idle: Duration) -> Option<Result<Option<Bytes>, Status>> {
        if let Some(ready) = self.next().now_or_never() {
            return Some(ready);
        }
        timeout(idle, self.next()).await.ok()
    }
}

fn request<T>(message: T, by: Deadline) -> Request<T> {
    let mut request = Request::new(message);
    if let Some(by) = by {
        request.set_timeout(by.saturating_duration_since(Instant::now()));
    }
    request
}

async fn until<T>(by: Deadline, call: impl Future<Output = Result<T, Status>>) -> Result<T, Status> {
    let Some(by) = by else { return call.await };
    let expired = || Status::deadline_exceeded("no answer in time");
    match tokio::time::timeout_at(by, call).await {
        // The transport watches the same deadline, and calls what it ends cancelled.
        Ok(Err(status)) if Instant::now() >= by && std::error::Error::source(&status).is_some() => Err(expired()),
        Ok(ended) => ended,
        Err(_) => Err(expired()),
    }
}
