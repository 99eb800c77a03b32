//! What calls are picked from.

use std::{error::Error, fmt::Write, sync::Arc};

use tonic::Status;

use super::{Endpoint, State};
use crate::Resolution;

/// Endpoints named in one error.
const NAMED: usize = 3;

/// The endpoints at one moment. It never changes: a newer one takes its place.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    /// Those that can be picked, in the order of the resolver.
    pub(crate) ready: Arc<[Arc<Endpoint>]>,
    /// Of the channel.
    pub(crate) state: State,
    /// Whether some of those ready have less than their full [weight](Endpoint::weight).
    pub(crate) is_warming: bool,
    /// All that there are, those that drain at the end.
    pub(crate) members: Arc<[Arc<Endpoint>]>,
    /// What the resolver says.
    pub(crate) resolution: Resolution,
}

impl Snapshot {
    /// Why a call cannot be sent: whom it is for, and what was tried.
    pub(crate) fn unavailable(&self, target: &str) -> Status {
        let mut text = format!("no server of {target} can be reached");
        let mut cause: Option<Arc<dyn Error + Send + Sync>> = None;
        let mut separator = ':';
        if let Some(error) = &self.resolution.error {
            let _ = write!(text, "{separator} {error}");
            cause = Some(Arc::new(error.clone()));
            separator = ';';
        } else if self.members.is_empty() {
            text.push_str(": it has no addresses");
        }
        for endpoint in self.members.iter().take(NAMED) {
            let error = endpoint.condition().last_error;
            let what = match &error {
                Some(error) => error.to_string(),
                None if endpoint.is_ejected() => "taken out for its failures".to_owned(),
                None => "not connected".to_owned(),
            };
            let _ = write!(text, "{separator} {}: {what}", endpoint.address());
            cause = error.map(|error| error as _).or(cause);
            separator = ';';
        }
        if let Some(more) = self.members.len().checked_sub(NAMED).filter(|more| *more > 0) {
            let _ = write!(text, "; and {more} more");
        }
        let mut status = Status::unavailable(text);
        if let Some(cause) = cause {
            status.set_source(cause);
        }
        status
    }
}
