//! Services of any type behind one call, and what the descriptors say of their methods.

use crate::call::RequestBody;
use http::{Request, Response};
use prost::Message;
use std::{
    any::Any,
    collections::HashMap,
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};
use tonic::{body::Body, server::NamedService};
use tower::Service;

pub(crate) type Reply = Result<Response<Body>, Infallible>;
pub(crate) type ReplyFuture = Pin<Box<dyn Future<Output = Reply> + Send>>;

/// A generated gRPC server, or one wrapped in layers: what tonic's code generator makes implements this.
pub trait GrpcService:
    Service<Request<RequestBody>, Response = Response<Body>, Error = Infallible, Future: Send + 'static>
    + NamedService
    + Clone
    + Send
    + Sync
    + 'static
{
}

impl<S> GrpcService for S where
    S: Service<Request<RequestBody>, Response = Response<Body>, Error = Infallible, Future: Send + 'static>
        + NamedService
        + Clone
        + Send
        + Sync
        + 'static
{
}

/// A service whose type is forgotten.
pub(crate) trait Erased: Send + Sync {
    fn call(&self, request: Request<RequestBody>) -> ReplyFuture;
}

struct Typed<S>(S);

impl<S: GrpcService> Erased for Typed<S> {
    fn call(&self, request: Request<RequestBody>) -> ReplyFuture {
        let mut service = self.0.clone();
        match service.poll_ready(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(())) => boxed(service.call(request)),
            Poll::Ready(Err(never)) => match never {},
            Poll::Pending => Box::pin(async move {
                std::future::poll_fn(|cx| service.poll_ready(cx)).await?;
                service.call(request).await
            }),
        }
    }
}

/// Generated services return a boxed future already; it is not boxed again.
fn boxed<F: Future<Output = Reply> + Send + 'static>(future: F) -> ReplyFuture {
    let mut future = Some(future);
    if let Some(boxed) = (&mut future as &mut dyn Any).downcast_mut::<Option<ReplyFuture>>().and_then(Option::take) {
        return boxed;
    }
    match future {
        Some(future) => Box::pin(future),
        None => Box::pin(std::future::pending()),
    }
}

/// The service without its type.
pub(crate) fn erase<S: GrpcService>(service: S) -> Arc<dyn Erased> {
    Arc::new(Typed(service))
}

/// A registered service.
#[derive(Clone)]
pub(crate) struct Registered {
    pub(crate) name: &'static str,
    pub(crate) service: Arc<dyn Erased>,
}

impl Registered {
    pub(crate) fn new<S: GrpcService>(service: S) -> Self {
        Self { name: S::NAME, service: erase(service) }
    }
}

/// Of a `FileDescriptorSet` what is needed here; the rest, which is most of it, is skipped unread.
#[derive(Clone, PartialEq, Message)]
struct Set {
    #[prost(message, repeated, tag = "1")]
    file: Vec<File>,
}

#[derive(Clone, PartialEq, Message)]
struct File {
    #[prost(string, tag = "2")]
    package: String,
    #[prost(message, repeated, tag = "6")]
    service: Vec<ServiceInfo>,
}

#[derive(Clone, PartialEq, Message)]
struct ServiceInfo {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, repeated, tag = "2")]
    method: Vec<MethodInfo>,
}

/// What the descriptors say of a method.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct MethodInfo {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(bool, tag = "5")]
    pub(crate) client_streaming: bool,
    #[prost(bool, tag = "6")]
    pub(crate) server_streaming: bool,
}

impl MethodInfo {
    /// As the label `grpc_type` has it.
    pub(crate) fn kind(&self) -> &'static str {
        match (self.client_streaming, self.server_streaming) {
            (false, false) => "unary",
            (true, false) => "client_stream",
            (false, true) => "server_stream",
            (true, true) => "bidi_stream",
        }
    }
}

/// The methods of every service that encoded descriptor sets define, by the service's full name.
pub(crate) fn contract<'a>(
    sets: impl Iterator<Item = &'a [u8]>,
) -> Result<HashMap<String, Vec<MethodInfo>>, prost::DecodeError> {
    let mut services = HashMap::new();
    for set in sets {
        for File { package, service } in Set::decode(set)?.file {
            for ServiceInfo { name, method } in service {
                services.insert(if package.is_empty() { name } else { format!("{package}.{name}") }, method);
            }
        }
    }
    Ok(services)
}
