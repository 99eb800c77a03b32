//! That a reply has to end.

use crate::{
    call::{Caller, Ending},
    status,
};
use std::sync::Arc;
use tonic::Status;

/// Tells the body of a reply that it has to end, so that it can say so in its own form: when the status is there at a poll.
/// A body that goes on all the same is cut off. By default it never has to.
#[derive(Clone, Debug, Default)]
pub struct Notice(Option<Arc<Caller>>);

impl Notice {
    pub(super) fn new(caller: &Arc<Caller>) -> Self {
        Self(Some(Arc::clone(caller)))
    }

    /// Why every reply has to end: the time that was left for it is over.
    #[must_use]
    pub fn over(&self) -> Option<Status> {
        self.0.as_ref()?.ending().map(Ending::status)
    }

    /// Why a reply has to end that would not by itself: the server is about to stop, or as [`over`](Self::over).
    #[must_use]
    pub fn leaving(&self) -> Option<Status> {
        let leaves = self.0.as_ref().is_some_and(|caller| caller.leaving());
        self.over().or_else(|| leaves.then(status::shutting_down))
    }
}
