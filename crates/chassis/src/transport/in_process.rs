//! Connections within a process: pipes of memory, found by a name.

use hyper_util::rt::TokioIo;
use std::{
    collections::{HashMap, hash_map::Entry},
    io::{self, ErrorKind},
    pin::Pin,
    sync::{LazyLock, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};
use tokio::{
    io::DuplexStream,
    sync::mpsc::{Receiver, Sender, channel},
};

/// Bytes on their way in each direction of a connection.
const BUFFER: usize = 64 << 10;
/// Connections that wait until they are accepted.
const BACKLOG: usize = 128;

static NAMES: LazyLock<Mutex<HashMap<String, Sender<DuplexStream>>>> = LazyLock::new(Mutex::default);

fn names() -> MutexGuard<'static, HashMap<String, Sender<DuplexStream>>> {
    NAMES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A name that is taken until this is dropped, and who connects to it.
#[derive(Debug)]
pub(crate) struct Listener {
    name: String,
    connections: Receiver<DuplexStream>,
}

impl Listener {
    pub(crate) fn bind(name: &str) -> io::Result<Self> {
        let (sender, connections) = channel(BACKLOG);
        match names().entry(name.to_owned()) {
            Entry::Occupied(_) => Err(io::Error::new(ErrorKind::AddrInUse, "a server of this process has this name")),
            Entry::Vacant(place) => {
                place.insert(sender);
                Ok(Self { name: name.to_owned(), connections })
            }
        }
    }

    /// The next connection.
    pub(crate) async fn accept(&mut self) -> DuplexStream {
        match self.connections.recv().await {
            Some(stream) => stream,
            // The other end is kept with the names as long as this is there.
            None => std::future::pending().await,
        }
    }

    /// Gives the name back, and what has connected and was not accepted.
    pub(crate) fn close(mut self) -> Vec<DuplexStream> {
        names().remove(&self.name);
        self.connections.close();
        std::iter::from_fn(|| self.connections.try_recv().ok()).collect()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if !self.connections.is_closed() {
            names().remove(&self.name);
        }
    }
}

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
        let listener = names().get(&self.name).cloned();
        let refused = io::Error::new(
            ErrorKind::ConnectionRefused,
            format!("no server of this process listens on in-process:{}", self.name),
        );
        Box::pin(async move {
            let Some(listener) = listener else { return Err(refused) };
            let (ours, theirs) = tokio::io::duplex(BUFFER);
            match listener.send(theirs).await {
                Ok(()) => Ok(TokioIo::new(ours)),
                Err(_) => Err(refused),
            }
        })
    }
}
