//! The signals that end a process.

use crate::Skip;
use std::io;
use tokio::sync::mpsc;

/// Ends at the first SIGTERM, SIGHUP (a terminal that is closed) or SIGINT; SIGINT leaves `drain_delay` out. Its output waits for the second one, which skips
/// the rest of the drain: hand it to [`App::run_until`](crate::App::run_until) as it is.
///
/// The signals are taken over when this is called, not when it is polled.
///
/// # Errors
/// When the operating system does not let signals be handled.
pub fn shutdown() -> io::Result<impl Future<Output = Again> + Send> {
    let mut signals = Again { signals: listen()?, prompt: false };
    Ok(async move {
        signals.prompt = signals.next().await == INTERRUPT;
        signals
    })
}

/// Waits for a further signal.
#[derive(Debug)]
pub struct Again {
    signals: mpsc::Receiver<&'static str>,
    prompt: bool,
}

/// What a person at a terminal sends, who has no balancer that must learn of the stop first.
const INTERRUPT: &str = "SIGINT";

impl Again {
    async fn next(&mut self) -> &'static str {
        let Some(signal) = self.signals.recv().await else { return std::future::pending().await };
        tracing::info!(signal, "signal received");
        signal
    }
}

impl Skip for Again {
    fn prompt(&self) -> bool {
        self.prompt
    }

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
    let detached = ignores_hangup();
    let mut hangup = signal(SignalKind::hangup())?;
    let (seen, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        loop {
            let name = tokio::select! {
                Some(()) = terminate.recv() => "SIGTERM",
                Some(()) = interrupt.recv() => INTERRUPT,
                Some(()) = hangup.recv(), if !detached => "SIGHUP",
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

/// Whether the process was started so that it outlives its terminal (`nohup`). Linux tells; elsewhere the answer is no.
#[cfg(unix)]
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // A bit for each signal, the lowest for number 1.
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}

#[cfg(not(unix))]
fn listen() -> io::Result<mpsc::Receiver<&'static str>> {
    let (seen, receiver) = mpsc::channel(1);
    tokio::spawn(async move { while tokio::signal::ctrl_c().await.is_ok() && seen.send(INTERRUPT).await.is_ok() {} });
    Ok(receiver)
}
