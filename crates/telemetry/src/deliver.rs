//! Delivers requests: tries again what may succeed later, gives up in time, and tells of a collector that fails once.

use crate::{
    endpoint::{Endpoint, Signal},
    figures::Figures,
    send::Sender,
};
use bytes::Bytes;
use std::{io, sync::Arc, time::Duration};
use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until},
};

/// The first wait before another attempt; each further one is twice as long.
const PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// When the process wants to end, and until when it waits.
pub(crate) type Stop = watch::Receiver<Option<Instant>>;

/// The delivery of one signal.
pub(crate) struct Delivery {
    signal: Signal,
    sender: Sender,
    address: String,
    /// For one request, with all attempts.
    limit: Duration,
    figures: Arc<Figures>,
    stop: Stop,
    fails: bool,
}

/// What became of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Outcome {
    /// Taken, but for so many items.
    Taken(u64),
    /// Given up.
    Failed,
    /// The process ends, and did not wait for it.
    Stopped,
}

impl Delivery {
    /// Call it on the runtime that will send.
    ///
    /// # Errors
    /// If the address cannot be connected to as it is.
    pub(crate) fn new(
        signal: Signal,
        (endpoint, limit): (&Endpoint, Duration),
        figures: &Arc<Figures>,
        stop: Stop,
    ) -> io::Result<Self> {
        let (sender, address) = (Sender::new(endpoint)?, endpoint.uri.to_string());
        Ok(Self { signal, sender, address, limit, figures: Arc::clone(figures), stop, fails: false })
    }

    /// Sends an encoded request until it is taken, refused for good, or too late.
    pub(crate) async fn deliver(&mut self, request: Bytes) -> Outcome {
        let (stop, limit) = (self.stop.clone(), self.limit);
        tokio::select! {
            outcome = self.attempts(request) => return outcome,
            // A collector that is slow gets no more time than the end of the process has.
            () = cut_off(stop) => return Outcome::Stopped,
            () = sleep(limit) => {}
        }
        self.fails(&format!("not taken within {limit:?}"));
        Outcome::Failed
    }

    async fn attempts(&mut self, request: Bytes) -> Outcome {
        let mut pause = PAUSE;
        loop {
            match self.sender.send(self.signal, request.clone()).await {
                Ok(refused) => {
                    self.works();
                    return Outcome::Taken(refused);
                }
                Err(refusal) => {
                    self.fails(&refusal.why);
                    // At the end there is no time for patience.
                    if !refusal.is_passing || self.stop.borrow().is_some() {
                        return Outcome::Failed;
                    }
                }
            }
            let mut stop = self.stop.clone();
            tokio::select! {
                () = sleep(pause.mul_f64(0.5 + fastrand::f64())) => pause = (pause * 2).min(LONGEST_PAUSE),
                // One last attempt.
                _ = stop.wait_for(Option::is_some) => {}
            }
        }
    }

    fn works(&mut self) {
        if std::mem::take(&mut self.fails) {
            tracing::info!(signal = self.signal.lower(), endpoint = self.address, "telemetry is delivered again");
        }
    }

    fn fails(&mut self, why: &str) {
        self.figures.failed(self.signal);
        if !std::mem::replace(&mut self.fails, true) {
            tracing::warn!(
                signal = self.signal.lower(),
                endpoint = self.address,
                error = why,
                "telemetry cannot be delivered; it is tried on, and what there is no room for is dropped"
            );
        }
    }
}

/// Ends when the end of the process waits no longer.
async fn cut_off(mut stop: Stop) {
    // Without an owner nobody waits.
    let end = stop.wait_for(Option::is_some).await.ok().and_then(|end| *end);
    if let Some(end) = end {
        sleep_until(end).await;
    }
}
