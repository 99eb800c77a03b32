//! A shard: one thread with one event loop, serving the connections that are given to it.

use super::{
    Phase,
    connection::{Place, serve},
};
use crate::{
    call::{Buffers, Method},
    metrics::Traffic,
    transport::{Allow, Port, Stream},
    web::Web,
};
use campus_call::Peer;
use std::{
    collections::HashMap,
    fmt, io,
    sync::{Arc, atomic::Ordering::Relaxed},
    thread::JoinHandle,
    time::Duration,
};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot, watch};

/// How long tasks that were handed to other threads (`spawn_blocking`) may hold up the end of a shard.
const BLOCKING_LIMIT: Duration = Duration::from_secs(1);
/// Connections on their way from the accept loop to the shard.
const QUEUE: usize = 256;

/// What a shard allows its connections.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) stream_window: u32,
    pub(crate) connection_window: u32,
    pub(crate) send_buffer: u32,
    pub(crate) max_streams: u32,
    pub(crate) max_frame: u32,
    pub(crate) max_header_list: u32,
    pub(crate) max_pending_resets: usize,
    pub(crate) handshake_limit: Duration,
    pub(crate) first_call_limit: Duration,
    pub(crate) flush_limit: Duration,
    pub(crate) max_age: Option<Duration>,
    pub(crate) age_grace: Duration,
    pub(crate) max_idle: Option<Duration>,
    pub(crate) keepalive: Option<Keepalive>,
    pub(crate) min_ping_interval: Option<Duration>,
    pub(crate) pings_without_calls: bool,
}

/// When a client that is not heard of is asked for a sign of life.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keepalive {
    pub(crate) interval: Duration,
    pub(crate) timeout: Duration,
}

/// What the connections of one shard share.
pub(crate) struct Shard {
    pub(crate) methods: HashMap<String, Arc<Method>>,
    /// Calls to methods there are not are counted here.
    pub(crate) unknown: Arc<Method>,
    pub(crate) services: Arc<[&'static str]>,
    pub(crate) traffic: Arc<Traffic>,
    /// What answers at web addresses, if there are any.
    pub(crate) web: Option<Arc<Web>>,
    pub(crate) web_traffic: Arc<Traffic>,
    /// Web connections of the whole server.
    pub(crate) web_open: watch::Sender<usize>,
    pub(crate) buffers: Arc<Buffers>,
    pub(crate) phase: watch::Sender<Phase>,
    pub(crate) plan: Plan,
    pub(crate) allow: Allow,
}

impl fmt::Debug for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shard").field("plan", &self.plan).finish_non_exhaustive()
    }
}

impl Shard {
    pub(crate) fn traffic(&self, port: Port) -> &Arc<Traffic> {
        if port == Port::Web { &self.web_traffic } else { &self.traffic }
    }

    /// Open connections.
    pub(crate) fn connections(&self) -> u64 {
        self.traffic.open.load(Relaxed) + self.web_traffic.open.load(Relaxed)
    }

    /// Ends when no web connection is open on the whole server.
    pub(super) async fn web_is_over(&self) {
        // The sender lives as long as the shard.
        let _ = self.web_open.subscribe().wait_for(|open| *open == 0).await;
    }

    pub(crate) fn enter(&self, phase: Phase) {
        self.phase.send_replace(phase);
    }

    /// Starts the shard's thread.
    pub(crate) fn start(self: Arc<Self>, index: usize) -> io::Result<Running> {
        let (sender, commands) = mpsc::channel(QUEUE);
        let (over, ended) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name(format!("shard-{index}")).spawn(move || {
            runtime.block_on(run(commands));
            runtime.shutdown_timeout(BLOCKING_LIMIT);
            let _ = over.send(());
        })?;
        Ok(Running { shard: self, sender, ended, thread: Some(thread) })
    }

    /// Starts the shard as a task of the current runtime.
    pub(crate) fn start_here(self: Arc<Self>) -> Running {
        let (sender, commands) = mpsc::channel(QUEUE);
        let (over, ended) = oneshot::channel();
        tokio::spawn(async move {
            run(commands).await;
            let _ = over.send(());
        });
        Running { shard: self, sender, ended, thread: None }
    }
}

enum Command {
    Serve(Stream, Arc<Peer>, Place),
    Ping(oneshot::Sender<()>),
}

async fn run(mut commands: mpsc::Receiver<Command>) {
    while let Some(command) = commands.recv().await {
        match command {
            Command::Serve(stream, peer, place) => {
                tokio::spawn(serve(stream, peer, place));
            }
            Command::Ping(answer) => {
                let _ = answer.send(());
            }
        }
    }
}

/// A shard that runs.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) shard: Arc<Shard>,
    sender: mpsc::Sender<Command>,
    ended: oneshot::Receiver<()>,
    /// Its own, unless it runs on the runtime of whoever started it.
    thread: Option<JoinHandle<()>>,
}

impl Running {
    /// The way to give the shard work.
    pub(crate) fn link(&self) -> Link {
        Link { shard: Arc::clone(&self.shard), sender: self.sender.clone() }
    }

    /// Waits until the shard has ended, once every [`Link`] is gone; `false` when it did not within `limit`, or panicked.
    pub(crate) async fn join(self, limit: Duration) -> bool {
        drop(self.sender);
        // A thread that panicked drops its end of the channel, which ends the wait as well.
        let ended = tokio::time::timeout(limit, self.ended).await;
        ended.is_ok() && self.thread.is_none_or(|thread| thread.join().is_ok())
    }
}

/// A way to a running shard.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) shard: Arc<Shard>,
    sender: mpsc::Sender<Command>,
}

impl Link {
    /// Hands over a connection.
    ///
    /// # Errors
    /// The peer, when the shard does not keep up.
    pub(crate) fn give(
        &self,
        stream: Stream,
        peer: Arc<Peer>,
        port: Port,
        permit: OwnedSemaphorePermit,
    ) -> Result<(), Arc<Peer>> {
        let command = Command::Serve(stream, Arc::clone(&peer), Place::new(&self.shard, port, permit));
        self.sender.try_send(command).map_err(|_| peer)
    }

    /// Whether the event loop turns: it answers within `limit`.
    pub(crate) async fn turns(&self, limit: Duration) -> bool {
        let (answer, answered) = oneshot::channel();
        let asked = async { self.sender.send(Command::Ping(answer)).await.is_ok() && answered.await.is_ok() };
        tokio::time::timeout(limit, asked).await.unwrap_or(false)
    }
}
