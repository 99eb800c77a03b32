//! Requests of HTTP that are no gRPC: what answers them, and how each is run, measured and kept to itself.

mod body;
mod call;
mod meter;
mod reply;

pub use body::{ReadError, WebBody};
pub(crate) use call::Call;
pub(crate) use meter::Web;
pub(crate) use reply::ReplyBody;

use http::{Request, Response};
use std::{pin::Pin, sync::Arc};
use tonic::{Status, body::Body};

/// What answers the requests of web addresses; see [`AppBuilder::web`](crate::AppBuilder::web).
///
/// It is called on the thread of the event loop that has the connection, with the request as
/// [`campus_call::current`]; so are its future and the body of its reply. Both are dropped when the client is gone.
pub trait WebService: Send + Sync + 'static {
    /// Every route it answers, for metrics and spans. [`WebReply::route`] counts in this list.
    fn routes(&self) -> Vec<WebRoute>;

    /// Answers one request.
    fn call(&self, request: Request<WebBody>) -> impl Future<Output = WebReply> + Send + 'static;

    /// The reply to a request that the server refuses, or that has panicked; its reason is in the status.
    fn refuse(&self, status: &Status) -> Response<Body>;
}

/// One route, as metrics and spans name it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WebRoute {
    /// For example `GET`.
    pub method: String,
    /// Template of the path, for example `/v1/{name=employees/*}`.
    pub path: String,
}

/// A reply, and which route made it.
#[derive(Debug)]
pub struct WebReply {
    /// What the client gets.
    pub response: Response<Body>,
    /// The place of the route in [`WebService::routes`]; none if the request has found none.
    pub route: Option<usize>,
}

pub(crate) type ReplyFuture = Pin<Box<dyn Future<Output = WebReply> + Send>>;

/// A service whose type is forgotten.
pub(crate) trait Erased: Send + Sync {
    fn routes(&self) -> Vec<WebRoute>;
    fn call(&self, request: Request<WebBody>) -> ReplyFuture;
    fn refuse(&self, status: &Status) -> Response<Body>;
}

impl<S: WebService> Erased for S {
    fn routes(&self) -> Vec<WebRoute> {
        WebService::routes(self)
    }

    fn call(&self, request: Request<WebBody>) -> ReplyFuture {
        Box::pin(WebService::call(self, request))
    }

    fn refuse(&self, status: &Status) -> Response<Body> {
        WebService::refuse(self, status)
    }
}

/// The service without its type.
pub(crate) fn erase(service: impl WebService) -> Arc<dyn Erased> {
    Arc::new(service)
}
