//! How often a client may ping (gRPC proposals A8 and A9): a ping that comes too early is a strike, a third strike is one
//! too many, and what the server sends wipes them out.

use super::shard::Plan;
use std::time::Duration;
use tokio::time::Instant;

/// Strikes that are still borne.
const BORNE: u32 = 2;
/// How often a client without calls may ping where it should not at all, as in other implementations.
const WITHOUT_CALLS: Duration = Duration::from_secs(2 * 60 * 60);

/// The pings of one connection.
#[derive(Debug, Default)]
pub(super) struct Pings {
    last: Option<Instant>,
    strikes: u32,
}

impl Pings {
    /// The server has sent headers or data since the last ping.
    pub(super) fn forgive(&mut self) {
        self.strikes = 0;
        self.last = None;
    }

    /// Takes a ping; `true` when it was one too many.
    pub(super) fn ping(&mut self, plan: &Plan, idle: bool, now: Instant) -> bool {
        let interval = match plan.min_ping_interval {
            Some(_) if idle && !plan.pings_without_calls => WITHOUT_CALLS,
            Some(interval) => interval,
            None => return false,
        };
        let early = self.last.replace(now).is_some_and(|last| now.duration_since(last) < interval);
        self.strikes += u32::from(early);
        self.strikes > BORNE
    }
}
