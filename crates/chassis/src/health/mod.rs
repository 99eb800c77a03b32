//! Whether the server would serve well now: `grpc.health.v1.Health` and what stands behind it.

mod descriptor;
mod service;

pub(crate) use descriptor::descriptor;
pub(crate) use service::HealthService;

use std::sync::Arc;
use tokio::sync::watch;

/// Full name of the health service.
pub(crate) const SERVICE: &str = "grpc.health.v1.Health";

/// What the server says of itself, the same for each of its services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    NotReady,
    Ready,
    /// For good.
    Draining,
}

/// The health of a server. Clones share it.
#[derive(Clone, Debug)]
pub struct Health {
    state: watch::Sender<State>,
    services: Arc<[&'static str]>,
}

impl Health {
    pub(crate) fn new(services: Arc<[&'static str]>) -> Self {
        Self { state: watch::Sender::new(State::NotReady), services }
    }

    /// Whether health says SERVING.
    #[must_use]
    pub fn is_serving(&self) -> bool {
        *self.state.borrow() == State::Ready
    }

    /// Whether the server has begun to stop.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        *self.state.borrow() == State::Draining
    }

    /// Waits until health says SERVING; `false` when the server stops before.
    pub async fn serving(&self) -> bool {
        let mut state = self.state.subscribe();
        state.wait_for(|state| *state != State::NotReady).await.is_ok_and(|state| *state == State::Ready)
    }

    /// Without effect once the server drains. Tells whether anything changed.
    pub(crate) fn set_ready(&self, ready: bool) -> bool {
        let next = if ready { State::Ready } else { State::NotReady };
        self.state.send_if_modified(|state| {
            let changes = *state != State::Draining && *state != next;
            if changes {
                *state = next;
            }
            changes
        })
    }

    /// NOT_SERVING from now on.
    pub(crate) fn drain(&self) {
        self.state.send_replace(State::Draining);
    }

    /// Whether health is asked for under this name; the empty one is the server as a whole.
    fn knows(&self, service: &str) -> bool {
        service.is_empty() || self.services.contains(&service)
    }
}
