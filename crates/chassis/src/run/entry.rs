//! The way in: a task that takes connections until it is told that no more shall come.

use crate::{
    serve::Places,
    transport::{Port, Stream},
};
use campus_call::Peer;
use futures_util::{FutureExt, StreamExt};
use std::{pin::pin, sync::Arc};
use tokio::{sync::oneshot, task::JoinHandle};

/// Ends when nothing more shall be taken in than what waits already.
pub(crate) type Closed = oneshot::Receiver<()>;

/// Takes connections until it is closed or dropped.
pub(super) struct Entry {
    task: JoinHandle<()>,
    close: Option<oneshot::Sender<()>>,
}

impl Entry {
    /// Begins to take connections in. The task ends once it has been told to and has taken what waited.
    pub(super) fn open<T>(take_in: impl FnOnce(Closed) -> T) -> Self
    where
        T: Future<Output = ()> + Send + 'static,
    {
        let (close, closed) = oneshot::channel();
        Self { task: tokio::spawn(take_in(closed)), close: Some(close) }
    }

    /// Takes in what has come already, and nothing more.
    pub(super) async fn close(mut self) {
        drop(self.close.take());
        // A task that panicked takes nothing in either.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Takes in what somebody else has accepted.
pub(super) async fn admit<I>(incoming: I, places: Places, mut closed: Closed)
where
    I: futures_util::Stream<Item = (Stream, Arc<Peer>)> + Send + Unpin,
{
    let mut incoming = pin!(incoming);
    loop {
        let next = tokio::select! {
            biased;
            _ = &mut closed => break,
            next = incoming.next() => next,
        };
        let Some((stream, peer)) = next else { return };
        places.give(stream, peer, Port::Grpc);
    }
    while let Some(Some((stream, peer))) = incoming.next().now_or_never() {
        places.give(stream, peer, Port::Grpc);
    }
}
