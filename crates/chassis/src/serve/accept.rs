//! The accept loops, one an address.

use super::Places;
use crate::{run::Closed, transport::Accepting};
use futures_util::{FutureExt, future};
use std::{io, sync::Arc, time::Duration};

/// Pause after a failure that the next attempt would meet again, such as too many open files.
const PAUSE: Duration = Duration::from_millis(100);

/// Accepts until it is told to stop, and then what has been accepted already by the kernel: those clients believe they are
/// connected.
pub(crate) async fn accept(listeners: Vec<Accepting>, places: Places, closed: Closed) {
    let closed = closed.map(drop).shared();
    future::join_all(listeners.into_iter().map(|listener| accept_at(listener, &places, closed.clone()))).await;
}

async fn accept_at(listener: Accepting, places: &Places, mut closed: impl Future<Output = ()> + Unpin) {
    let (mut failing, port) = (false, listener.port);
    let mut listener = listener.socket;
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut closed => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                failing = false;
                places.give(stream, Arc::new(peer), port);
            }
            Err(error) if of_one_connection(&error) => {}
            Err(error) => {
                if !std::mem::replace(&mut failing, true) {
                    tracing::error!(%error, "no connection can be accepted; trying on");
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    for (stream, peer) in listener.close() {
        places.give(stream, Arc::new(peer), port);
    }
}

fn of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
