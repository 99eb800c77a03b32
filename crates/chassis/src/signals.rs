//! The signals that end a process.

use crate::Skip;
use std::io;
use tokio::sync::mpsc;

/// Ends at the first SIGTERM or SIGINT. Its output waits for the second one, which skips the rest of the drain:
/// hand it to [`App::run_until`](crate::App::run_until) as it is.
///
/// The signals are taken over when this is called, not when it is polled.
///
/// # Errors
/// When the operating system does not let signals be handled.
pub fn shutdown() -> io::Result<impl Future<Output = Again> + Send> {
    let mut signals = Again(listen()?);
    Ok(async move {
        signals.next().await;
        signals
    })
}

/// Waits for a further signal.
#[derive(Debug)]
pub struct Again(mpsc::Receiver<&'static str>);

impl Again {
    async fn next(&mut self) {
        match self.0.recv().await {
            Some(signal) => tracing::info!(signal, "signal received"),
            None => std::future::pending().await,
        }
    }
}

impl Skip for Again {
    async fn skip(mut self) {
        self.next().await;
    }
}

/// The same number on every system that Rust's tier 1 names.
#[cfg(unix)]
const SIGXFSZ: i32 = 25;

#[cfg(unix)]
fn listen() -> io::Result<mpsc::Receiver<&'static str>> {
    use tokio::signal::unix::{SignalKind, signal};
    // Else a file that may not grow (`ulimit -f`) ends the process; taken over, it is an error of that write.
    drop(signal(SignalKind::from_raw(SIGXFSZ))?);
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let (seen, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        loop {
            let name = tokio::select! {
                Some(()) = terminate.recv() => "SIGTERM",
                Some(()) = interrupt.recv() => "SIGINT",
                () = seen.closed() => return,
                else => return,
            };
            if seen.send(name).await.is_err() {
                return;
            }
        }
    });
    Ok(receiver)
}

#[cfg(not(unix))]
fn listen() -> io::Result<mpsc::Receiver<&'static str>> {
    let (seen, receiver) = mpsc::channel(1);
    tokio::spawn(async move { while tokio::signal::ctrl_c().await.is_ok() && seen.send("interrupt").await.is_ok() {} });
    Ok(receiver)
}
