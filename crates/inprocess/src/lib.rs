//! Connections within a process: pipes of memory, found by a name.

use std::{
    collections::{HashMap, hash_map::Entry},
    io::{self, ErrorKind},
    sync::{LazyLock, Mutex, MutexGuard, PoisonError},
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
pub struct Listener {
    name: String,
    connections: Receiver<DuplexStream>,
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

    /// The next connection.
    pub async fn accept(&mut self) -> DuplexStream {
        match self.connections.recv().await {
            Some(stream) => stream,
            // The other end is kept with the names as long as this is there.
            None => std::future::pending().await,
        }
    }

    /// Gives the name back, and what has connected and was not accepted.
    pub fn close(mut self) -> Vec<DuplexStream> {
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
/// [`ErrorKind::ConnectionRefused`] if there is none.
pub async fn connect(name: &str) -> io::Result<DuplexStream> {
    let refused = || {
        let text = format!("no server of this process listens on in-process:{name}");
        io::Error::new(ErrorKind::ConnectionRefused, text)
    };
    let listener = names().get(name).cloned().ok_or_else(refused)?;
    let (ours, theirs) = tokio::io::duplex(BUFFER);
    listener.send(theirs).await.map_err(|_| refused())?;
    Ok(ours)
}
