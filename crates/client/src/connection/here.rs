//! A connection to a server of this process.

use std::{
    io,
    sync::{Arc, atomic::AtomicUsize},
};

use campus_inprocess::State;
use h2::Reason;
use tokio::sync::watch;

use super::{Connection, Opened, Parting, Progress, Way};

/// Connects.
pub(super) async fn connect(name: &str) -> io::Result<(Arc<Connection>, Opened)> {
    let connection = campus_inprocess::connect(name).await?;
    let (sender, progress) = watch::channel(Progress::Open);
    let task = tokio::spawn(follow(connection.changes(), sender)).abort_handle();
    let connection = Connection { way: Way::Here(connection), limit: AtomicUsize::new(usize::MAX) };
    Ok((Arc::new(connection), Opened { progress, task }))
}

/// Says what the server says.
async fn follow(mut state: watch::Receiver<State>, progress: watch::Sender<Progress>) {
    let parting = |label| Arc::new(Parting { label, error: None });
    if state.wait_for(|state| *state == State::Leaving).await.is_ok() {
        progress.send_replace(Progress::Leaving(parting("GOAWAY")));
        // Its sender goes with the server.
        while state.changed().await.is_ok() {}
    }
    progress.send_replace(Progress::Ended(parting("closed")));
}

/// Why a connection takes no more calls, in the words of HTTP/2.
pub(super) fn refusal(connection: &campus_inprocess::Connection) -> Option<h2::Error> {
    (connection.state() == State::Leaving).then(|| Reason::NO_ERROR.into())
}
