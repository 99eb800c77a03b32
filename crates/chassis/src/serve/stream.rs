//! Runs each HTTP/2 stream as a task, and wakes it when its time is up.

use super::{
    activity::{Activity, Open},
    dispatch::take_deadline,
};
use crate::call::Caller;
use pin_project_lite::pin_project;
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::Instant;

/// The executor hyper gives its streams to.
#[derive(Clone)]
pub(super) struct Streams(pub(super) Arc<Activity>);

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Streams {
    fn execute(&self, stream: F) {
        tokio::spawn(Stream { inner: stream, open: Open::new(&self.0), deadline: take_deadline(), wait: Wait::NotYet });
    }
}

/// Why a stream was woken.
enum Wake {
    Deadline,
    Leave,
    Stop,
    GiveUp,
}

type Waiting = Pin<Box<dyn Future<Output = Wake> + Send>>;

enum Wait {
    /// A stream that is done at its first poll needs no timer.
    NotYet,
    For(Waiting),
    Over,
}

pin_project! {
    struct Stream<F> {
        #[pin]
        inner: F,
        open: Open,
        deadline: Option<Instant>,
        wait: Wait,
    }
}

impl<F: Future<Output = ()>> Future for Stream<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        if this.inner.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        if matches!(this.wait, Wait::NotYet) {
            *this.wait = Wait::For(Box::pin(woken(Arc::clone(&this.open.0.caller), *this.deadline)));
        }
        while let Wait::For(wait) = this.wait {
            let Poll::Ready(wake) = wait.as_mut().poll(cx) else { return Poll::Pending };
            *this.wait = match wake {
                // The call sees for itself that its time is up, and answers; unless its client does not take the answer.
                Wake::Deadline => Wait::For(Box::pin(give_up(this.open.0.shard.plan.flush_limit))),
                // What would never end by itself ends now.
                Wake::Leave => Wait::For(Box::pin(woken(Arc::clone(&this.open.0.caller), *this.deadline))),
                Wake::Stop => Wait::Over,
                // Dropping the stream resets it.
                Wake::GiveUp => return Poll::Ready(()),
            };
            if this.inner.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }
}

async fn give_up(after: Duration) -> Wake {
    tokio::time::sleep(after).await;
    Wake::GiveUp
}

async fn woken(caller: Arc<Caller>, deadline: Option<Instant>) -> Wake {
    let stays = !caller.leaving();
    let late = async {
        match deadline {
            Some(deadline) => tokio::time::sleep_until(deadline).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        () = caller.ended() => Wake::Stop,
        () = caller.left(), if stays => Wake::Leave,
        () = late => Wake::Deadline,
    }
}
