//! What a generated client takes.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    task::{Context, Poll},
};

use http::{Request, Response, Uri, uri::Scheme};
use hyper::client::conn::http2::SendRequest;
use tonic::{Status, body::Body};
use tower::Service;

use crate::{BadTarget, ResolverSettings, Target, connection, resolve::Resolver};

/// A channel that is being put together.
#[derive(Clone, Debug)]
#[must_use]
pub struct Builder {
    target: Target,
}

impl Builder {
    /// The channel. It connects when it is first used, on the event loop of that call.
    #[must_use]
    pub fn build(self) -> Channel {
        Channel(Arc::new(Inner { target: self.target, resolver: OnceLock::new(), connection: Mutex::default() }))
    }
}

/// Calls to whichever server is there. Clones share everything.
#[derive(Clone, Debug)]
pub struct Channel(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    target: Target,
    resolver: OnceLock<Resolver>,
    connection: Mutex<Option<SendRequest<Body>>>,
}

impl Channel {
    /// Begins a channel to a target.
    ///
    /// # Errors
    /// If the text names none.
    pub fn builder(target: &str) -> Result<Builder, BadTarget> {
        Ok(Builder { target: target.parse()? })
    }
}

impl Inner {
    async fn connection(&self) -> Result<SendRequest<Body>, Status> {
        let place = || self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = place().clone().filter(|sender| !sender.is_closed());
        if let Some(sender) = kept {
            return Ok(sender);
        }
        let start = || Resolver::of(&self.target, &ResolverSettings::default(), fastrand::Rng::new());
        let mut known = self.resolver.get_or_init(start).watch();
        let known = known.wait_for(|known| known.lookups > 0 || known.confirmed.is_some()).await;
        let known = known.map_err(|error| Status::internal(error.to_string()))?.clone();
        let why = known.error.map_or_else(|| "no address".to_owned(), |error| error.to_string());
        let mut last = Status::unavailable(format!("{}: {why}", self.target));
        for address in &*known.addresses {
            match connection::connect(address).await {
                Ok(sender) => return Ok(place().insert(sender).clone()),
                Err(error) => last = Status::unavailable(format!("{address}: {error}")),
            }
        }
        if let Some(resolver) = self.resolver.get() {
            resolver.resolve_now();
        }
        Err(last)
    }
}

impl Service<Request<Body>> for Channel {
    type Response = Response<Body>;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Status>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let inner = Arc::clone(&self.0);
        Box::pin(async move {
            let mut parts = std::mem::take(request.uri_mut()).into_parts();
            parts.scheme = Some(Scheme::HTTP);
            parts.authority = Some(http::uri::Authority::from_static("campus"));
            *request.uri_mut() = Uri::from_parts(parts).map_err(|error| Status::internal(error.to_string()))?;
            let mut sender = inner.connection().await?;
            let answer = sender.send_request(request).await;
            answer.map(|answer| answer.map(Body::new)).map_err(|error| Status::unavailable(error.to_string()))
        })
    }
}
