//! How a server is told to stop.

use tokio::sync::watch;

/// What the future that ends a server may give: a wait for the wish to skip the rest of the drain.
pub trait Skip: Send + 'static {
    /// Whether nobody has to learn of the stop before it begins, so that `drain_delay` is left out.
    fn prompt(&self) -> bool {
        false
    }

    /// Ends when calls should no longer be waited for.
    fn skip(self) -> impl Future<Output = ()> + Send;
}

impl Skip for () {
    async fn skip(self) {
        std::future::pending::<()>().await;
    }
}

/// Stops a server from elsewhere. Clones act on the same server.
#[derive(Clone, Debug)]
pub struct Handle(watch::Sender<Wish>);

/// What is wanted of a server; later ones include the earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Wish {
    Run,
    Drain,
    Skip,
}

impl Handle {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(Wish::Run))
    }

    /// Begins the drain.
    pub fn shutdown(&self) {
        self.wish(Wish::Drain);
    }

    /// Begins the drain, if need be, and skips its waits.
    pub fn skip_drain(&self) {
        self.wish(Wish::Skip);
    }

    fn wish(&self, wish: Wish) {
        self.0.send_if_modified(|now| {
            let more = wish > *now;
            *now = wish.max(*now);
            more
        });
    }

    /// Waits for this wish, or one that includes it.
    pub(crate) async fn wished(&self, wish: Wish) {
        // The sender lives in self, so this ends by the wish only.
        let _ = self.0.subscribe().wait_for(|now| *now >= wish).await;
    }
}
