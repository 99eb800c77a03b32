//! Calls within a process: a server is found by its name, and a call is a call of a function.

use std::{
    collections::{HashMap, hash_map::Entry},
    fmt,
    future::Future,
    io::{self, ErrorKind},
    pin::Pin,
    sync::{LazyLock, Mutex, MutexGuard, PoisonError},
};

use http::{Request, Response};
use tokio::sync::{
    mpsc::{Receiver, Sender, channel},
    oneshot, watch,
};
use tonic::body::Body;

/// Connections that wait until they are accepted.
const BACKLOG: usize = 128;

static NAMES: LazyLock<Mutex<HashMap<String, Sender<Asked>>>> = LazyLock::new(Mutex::default);

fn names() -> MutexGuard<'static, HashMap<String, Sender<Asked>>> {
    NAMES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A call until its answer begins. It runs while it is polled, and is cancelled when it is dropped.
pub type Calling = Pin<Box<dyn Future<Output = Response<Body>> + Send>>;

/// What a server does for one connection.
pub trait Serve: Send + Sync {
    /// Begins a call of gRPC.
    fn call(&self, request: Request<Body>) -> Calling;
}

/// How long a connection takes calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It does.
    Open,
    /// It takes no more, and those that it has may end.
    Leaving,
}

/// The end of a connection that calls are made at. The server learns when the last one that has it lets go.
pub struct Connection {
    server: Box<dyn Serve>,
    state: watch::Receiver<State>,
    _open: oneshot::Sender<()>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("state", &self.state()).finish_non_exhaustive()
    }
}

impl Connection {
    /// Begins a call of gRPC on the thread of who polls it.
    pub fn call(&self, request: Request<Body>) -> Calling {
        self.server.call(request)
    }

    /// Whether it takes calls.
    pub fn state(&self) -> State {
        *self.state.borrow()
    }

    /// Hears of every change; its sender is gone when the server is.
    pub fn changes(&self) -> watch::Receiver<State> {
        self.state.clone()
    }
}

/// Somebody who wants a connection.
#[derive(Debug)]
pub struct Asked(oneshot::Sender<Connection>);

impl Asked {
    /// Gives one, which takes calls as `state` says; ends when nobody has it any more.
    pub fn answer(self, server: Box<dyn Serve>, state: watch::Receiver<State>) -> impl Future<Output = ()> + Send {
        let (open, gone) = oneshot::channel();
        // Who asked may be gone already.
        let _ = self.0.send(Connection { server, state, _open: open });
        async move { drop(gone.await) }
    }
}

/// A name that is taken until this is dropped, and who connects to it.
#[derive(Debug)]
pub struct Listener {
    name: String,
    connections: Receiver<Asked>,
}

impl Listener {
    /// Takes a name.
    ///
    /// # Errors
    /// [`ErrorKind::AddrInUse`] if it is taken.
    pub fn bind(name: &str) -> io::Result<Self> {
        let (sender, connections) = channel(BACKLOG);
        match names().entry(name.to_owned()) {
            Entry::Occupied(_) => Err(io::Error::new(ErrorKind::AddrInUse, "a server of this process has this name")),
            Entry::Vacant(place) => {
                place.insert(sender);
                Ok(Self { name: name.to_owned(), connections })
            }
        }
    }

    /// The next who connects.
    pub async fn accept(&mut self) -> Asked {
        match self.connections.recv().await {
            Some(asked) => asked,
            // The other end is kept with the names as long as this is there.
            None => std::future::pending().await,
        }
    }

    /// Gives the name back, and who has connected and was not accepted.
    pub fn close(mut self) -> Vec<Asked> {
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

/// Connects to the server of this process that listens on `name`; waits while too many do.
///
/// # Errors
/// [`ErrorKind::ConnectionRefused`] if there is none, or it takes no more connections.
pub async fn connect(name: &str) -> io::Result<Connection> {
    let refused = |what| io::Error::new(ErrorKind::ConnectionRefused, format!("{what} in-process:{name}"));
    let nobody = || refused("no server of this process listens on");
    let listener = names().get(name).cloned().ok_or_else(nobody)?;
    let (asked, answer) = oneshot::channel();
    listener.send(Asked(asked)).await.map_err(|_| nobody())?;
    answer.await.map_err(|_| refused("no further connection is taken by the server that listens on"))
}
