//! Whether a backend can be reached.

use std::{
    future::{Ready, ready},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use campus_client::{Channel, State};

/// What is known of a backend from the questions before.
#[derive(Default)]
struct Known {
    /// When it was ready.
    ready: Option<Instant>,
    /// What was wrong when it was asked last, and whether the log has that.
    trouble: Option<(String, bool)>,
}

/// A question that is answered with yes when a server of the backend is ready, or was within `limit`: one that goes while
/// another comes, as in an update, makes nobody leave the gateway. Why a backend was never ready is put into the log here,
/// since nobody else tells what has not changed.
pub(super) fn check(
    target: String,
    channel: Channel,
    limit: Duration,
) -> impl Fn() -> Ready<Result<(), String>> + Send + Sync + 'static {
    let known = Mutex::new(Known::default());
    move || {
        channel.connect();
        let state = channel.state();
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        if state == State::Ready {
            known.ready = Some(Instant::now());
        }
        if known.ready.is_some_and(|ready| ready.elapsed() <= limit) {
            return ready(Ok(()));
        }
        let why = why(&channel, state);
        if known.ready.is_none() {
            // The first connection takes a moment, which is no trouble yet.
            let again = known.trouble.as_ref().filter(|(before, _)| *before == why);
            let is_told = again.is_some_and(|(_, is_told)| *is_told);
            let is_trouble = state == State::TransientFailure || again.is_some();
            if is_trouble && !is_told {
                tracing::warn!(backend = target, reason = why, "not ready: a backend has not been reached yet");
            }
            known.trouble = Some((why.clone(), is_trouble));
        }
        ready(Err(why))
    }
}

fn why(channel: &Channel, state: State) -> String {
    let dump = channel.dump();
    let of_server =
        || dump.endpoints.iter().find_map(|server| Some((server.address.clone(), server.last_error.clone()?)));
    let error =
        dump.resolver.error.clone().or_else(|| of_server().map(|(address, error)| format!("{address}: {error}")));
    let error = error.map_or_else(String::new, |error| format!(": {error}"));
    format!("no server is ready, the channel is {state}{error}")
}
