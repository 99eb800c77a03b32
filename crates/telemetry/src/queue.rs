//! Where ended spans wait to be sent. Whoever ends a span never waits and never wakes more than it must.

use crate::figures::{Figures, Lost};
use opentelemetry::Context;
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{Span, SpanData, SpanProcessor},
};
use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};
use tokio::sync::{Notify, mpsc};

/// The end that spans go into.
#[derive(Debug)]
pub(crate) struct Queue {
    spans: mpsc::Sender<SpanData>,
    /// So many are worth being sent before their time.
    batch: usize,
    full_batch: Arc<Notify>,
    figures: Arc<Figures>,
}

/// The end that spans come out of.
pub(crate) struct Waiting {
    spans: mpsc::Receiver<SpanData>,
    batch: usize,
    pub(crate) full_batch: Arc<Notify>,
    figures: Arc<Figures>,
}

/// A queue of `length` spans at most, that are sent `batch` at once.
pub(crate) fn queue(length: usize, batch: usize, figures: &Arc<Figures>) -> (Queue, Waiting) {
    let (sender, receiver) = mpsc::channel(length);
    let full_batch = Arc::new(Notify::new());
    let queue = Queue { spans: sender, batch, full_batch: Arc::clone(&full_batch), figures: Arc::clone(figures) };
    (queue, Waiting { spans: receiver, batch, full_batch, figures: Arc::clone(figures) })
}

impl SpanProcessor for Queue {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if self.spans.try_send(span).is_err() {
            self.figures.lose(Lost::QueueFull, 1);
        }
        let waiting = self.spans.max_capacity() - self.spans.capacity();
        self.figures.queued.store(u64::try_from(waiting).unwrap_or(u64::MAX), Relaxed);
        // The receiver looks again by itself after a while, so that only a whole batch is worth waking it.
        if waiting >= self.batch {
            self.full_batch.notify_one();
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

impl Waiting {
    /// What waits, one batch at most.
    pub(crate) fn take(&mut self) -> Vec<SpanData> {
        let count = self.spans.len().min(self.batch);
        let mut batch = Vec::with_capacity(count);
        while batch.len() < self.batch
            && let Ok(span) = self.spans.try_recv()
        {
            batch.push(span);
        }
        self.figures.queued.store(u64::try_from(self.spans.len()).unwrap_or(u64::MAX), Relaxed);
        batch
    }
}
