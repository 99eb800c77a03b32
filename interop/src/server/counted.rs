//! Tells a service how many messages of a request came compressed. The chassis unpacks them before, and counts them.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use campus_chassis::RequestBody;
use http::Request;
use http_body::{Body, Frame, SizeHint};
use tonic::{Status, server::NamedService};
use tower::Service;

/// In the extensions of a request: what was compressed of what has been read.
#[derive(Clone, Debug, Default)]
pub(super) struct Unpacked(Arc<AtomicU64>);

impl Unpacked {
    pub(super) fn messages(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// A service that is told.
#[derive(Clone, Debug)]
pub struct Counted<S>(S);

impl<S> Counted<S> {
    pub(super) fn new(service: S) -> Self {
        Self(service)
    }
}

impl<S: NamedService> NamedService for Counted<S> {
    const NAME: &'static str = S::NAME;
}

impl<S: Service<Request<CountedBody>>> Service<Request<RequestBody>> for Counted<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<RequestBody>) -> S::Future {
        let unpacked = Unpacked::default();
        request.extensions_mut().insert(unpacked.clone());
        self.0.call(request.map(|body| CountedBody { body, unpacked }))
    }
}

/// The body of a request that is told of.
#[derive(Debug)]
pub struct CountedBody {
    body: RequestBody,
    unpacked: Unpacked,
}

impl Body for CountedBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        self.unpacked.0.store(self.body.unpacked_messages(), Relaxed);
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
