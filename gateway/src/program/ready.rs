//! Whether a backend can be reached.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use campus_client::{Channel, State};

/// A question that is answered with yes when a server of the backend is ready, or was within `limit`: one that goes while
/// another comes, as in an update, makes nobody leave the gateway.
pub(super) fn check(
    channel: Channel,
    limit: Duration,
) -> impl Fn() -> std::future::Ready<Result<(), String>> + Send + Sync + 'static {
    let last = Mutex::new(None::<Instant>);
    move || {
        channel.connect();
        let state = channel.state();
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        if state == State::Ready {
            *last = Some(Instant::now());
        }
        let is_ready = last.is_some_and(|last| last.elapsed() <= limit);
        std::future::ready(if is_ready { Ok(()) } else { Err(format!("no server is ready, the channel is {state}")) })
    }
}
