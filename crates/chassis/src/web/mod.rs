//! Requests of HTTP that are no gRPC: what answers them, and how each is run, measured and kept to itself.

mod body;
mod call;
mod head;
mod meter;
mod notice;
mod reply;

pub use body::{BodyError, ReadError, WebBody};
pub(crate) use call::Call;
pub(crate) use head::{Refusal, fault, reworded};
pub(crate) use meter::Web;
pub use notice::Notice;
pub(crate) use reply::ReplyBody;

use http::{Request, Response, StatusCode};
use std::{pin::Pin, sync::Arc};
use tonic::{Status, body::Body};

/// What answers the requests of web addresses; see [`AppBuilder::web`](crate::AppBuilder::web).
///
/// Each event loop has one of its own. It is called there, with the request as [`campus_call::current`]; so are its future
/// and the body of its reply. Both are dropped when the client is gone.
pub trait WebService: Send + Sync + 'static {
    /// Another one, for one event loop.
    #[must_use]
    fn for_event_loop(&self) -> Self;

    /// Every route it answers, for metrics and spans. [`Routed::route`] counts in this list.
    fn routes(&self) -> Vec<WebRoute>;

    /// Finds out what one request is for, and answers it when the future is polled.
    fn call(
        self: &Arc<Self>,
        request: Request<WebBody>,
    ) -> Routed<impl Future<Output = Response<Body>> + Send + 'static>;

    /// The reply to a request that the server refuses, or that has panicked; its reason is in the status. `code` is what HTTP
    /// calls it where the status alone does not say so.
    fn refuse(&self, status: &Status, code: Option<StatusCode>) -> Response<Body>;
}

/// One route, as metrics and spans name it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WebRoute {
    /// For example `GET`.
    pub method: String,
    /// Template of the path, for example `/v1/{name=employees/*}`.
    pub path: String,
}

/// What is to come of a request.
#[derive(Debug)]
pub struct Routed<F> {
    /// The place of the route in [`WebService::routes`]; none if the request has found none.
    pub route: Option<usize>,
    /// Makes the reply.
    pub reply: F,
}

pub(crate) type ReplyFuture = Pin<Box<dyn Future<Output = Response<Body>> + Send>>;

/// A service whose type is forgotten.
pub(crate) trait Erased: Send + Sync {
    fn for_event_loop(&self) -> Arc<dyn Erased>;
    fn routes(&self) -> Vec<WebRoute>;
    fn call(&self, request: Request<WebBody>) -> Routed<ReplyFuture>;
    fn refuse(&self, status: &Status, code: Option<StatusCode>) -> Response<Body>;
}

struct Typed<S>(Arc<S>);

impl<S: WebService> Erased for Typed<S> {
    fn for_event_loop(&self) -> Arc<dyn Erased> {
        erase(self.0.for_event_loop())
    }

    fn routes(&self) -> Vec<WebRoute> {
        self.0.routes()
    }

    fn call(&self, request: Request<WebBody>) -> Routed<ReplyFuture> {
        let Routed { route, reply } = self.0.call(request);
        Routed { route, reply: Box::pin(reply) }
    }

    fn refuse(&self, status: &Status, code: Option<StatusCode>) -> Response<Body> {
        self.0.refuse(status, code)
    }
}

/// The service without its type.
pub(crate) fn erase(service: impl WebService) -> Arc<dyn Erased> {
    Arc::new(Typed(Arc::new(service)))
}
