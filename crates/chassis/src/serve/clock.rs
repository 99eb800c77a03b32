//! When a connection has to go: what is waited for in each part of its life, and what follows when it does not come.

use super::{activity::Activity, shard::Plan};
use crate::metrics::Closed;
use std::time::Duration;
use tokio::time::Instant;

/// The client preface (24 bytes) and an empty SETTINGS frame (9): no HTTP/2 client sends less.
const PREFACE: u64 = 33;
/// Beyond the life of any connection, and of any clock's overflow.
const EVER: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);
/// A connection is found idle at most so much of its limit too late.
const IDLE_TICKS: u32 = 8;
/// The head of a request of HTTP/1.1 is found late at most so much of its limit too late.
const HEAD_TICKS: u32 = 2;
/// How long a client that was asked to leave may be silent before it is taken for gone: a call that is on its way meanwhile
/// is served, a reply arrives. At the stop it is `flush_limit`.
const LINGER: Duration = Duration::from_secs(5);
/// The least time between two looks at a connection.
const TICK: Duration = Duration::from_millis(10);

/// What is to be done with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Nothing,
    /// Ask it to leave (GOAWAY).
    Leave,
    /// End the calls that still run.
    EndCalls,
    /// Close it.
    Close,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Serving,
    /// Asked to leave; goes when its last call has ended.
    Leaving,
    /// The calls that were left have been told to end.
    Ending,
}

/// The clock of one connection.
#[derive(Debug)]
pub(super) struct Clock {
    plan: Plan,
    stage: Stage,
    /// Why it has to go, once it has to.
    why: Option<Closed>,
    /// When it is to be looked at next.
    pub(super) alarm: Instant,
    /// When the client must have said what it speaks.
    greeting: Instant,
    old: Instant,
    /// Until then a connection that was asked to leave is kept, even without a call.
    linger: Instant,
    /// Bytes the client had sent when its silence began.
    received: u64,
    draining: bool,
    /// When the calls of a connection that was asked to leave have to end.
    cut: Instant,
    /// When a request whose head has begun must be there, where it is looked after here.
    head: Option<Instant>,
    /// There was no call from then on, as far as was looked.
    quiet: Instant,
    calls: u64,
}

/// `from` and this much later, also where that is beyond every clock.
pub(super) fn after(from: Instant, wait: Duration) -> Instant {
    from + wait.min(EVER)
}

/// Give or take a tenth: else connections that were made at once would be made anew at once (gRPC proposal A9).
fn jittered(age: Duration) -> Duration {
    age.min(EVER).mul_f64(0.9 + 0.2 * fastrand::f64())
}

impl Clock {
    pub(super) fn new(plan: &Plan, greeting: Instant) -> Self {
        let now = Instant::now();
        let old = after(now, plan.max_age.map_or(EVER, jittered));
        Self {
            plan: *plan,
            stage: Stage::Serving,
            why: None,
            alarm: now,
            greeting,
            old,
            linger: now,
            received: 0,
            draining: false,
            cut: after(now, EVER),
            head: None,
            quiet: now,
            calls: 0,
        }
    }

    /// Why the connection has to go, if it has to.
    pub(super) fn why(&self) -> Option<Closed> {
        self.why
    }

    /// It has to go for this reason; the first one stands. Calls may take as long as the server lets them.
    pub(super) fn leave(&mut self, why: Closed) -> Act {
        let now = Instant::now();
        self.why.get_or_insert(why);
        self.draining |= why == Closed::Drain;
        if self.stage == Stage::Serving {
            self.stage = Stage::Leaving;
        }
        self.silence_begins(self.received, now);
        self.alarm = after(now, self.plan.flush_limit);
        Act::Leave
    }

    /// Its client has pinged too often, and has been told so.
    pub(super) fn flooded(&mut self) -> Act {
        (self.why, self.stage) = (Some(Closed::PingFlood), Stage::Ending);
        self.alarm = after(Instant::now(), self.plan.flush_limit);
        Act::Nothing
    }

    /// A client that was asked to leave, and has no call any more, may be silent from now on for so long.
    fn silence_begins(&mut self, received: u64, now: Instant) {
        let patience = if self.draining { self.plan.flush_limit } else { LINGER };
        (self.received, self.linger) = (received, after(now, patience));
    }

    /// The alarm has gone off.
    pub(super) fn ring(&mut self, activity: &Activity) -> Act {
        let now = Instant::now();
        match self.stage {
            Stage::Serving => self.look(activity, now),
            Stage::Leaving if now >= self.cut => {
                self.stage = Stage::Ending;
                self.alarm = after(now, self.plan.flush_limit);
                Act::EndCalls
            }
            Stage::Leaving => {
                if !activity.idle() || activity.received() != self.received {
                    self.silence_begins(activity.received(), now);
                }
                if now >= self.linger {
                    return Act::Close;
                }
                self.alarm = after(now, self.plan.flush_limit.max(TICK)).min(self.linger);
                Act::Nothing
            }
            Stage::Ending => Act::Close,
        }
    }

    /// Looks at a connection that serves: whether it is old, or idle, or has not even begun.
    fn look(&mut self, activity: &Activity, now: Instant) -> Act {
        if now >= self.greeting && activity.calls() == 0 && activity.received() < PREFACE {
            self.why = Some(Closed::Handshake);
            return Act::Close;
        }
        self.head = if activity.in_head() { self.head.or(Some(after(now, self.plan.handshake_limit))) } else { None };
        if self.head.is_some_and(|head| now >= head) {
            self.why = Some(Closed::Handshake);
            return Act::Close;
        }
        if !activity.idle() || activity.calls() != self.calls {
            (self.quiet, self.calls) = (now, activity.calls());
        }
        let (limit, why) = match self.calls {
            0 => (Some(self.plan.first_call_limit), Closed::FirstCall),
            _ => (self.plan.max_idle, Closed::Idle),
        };
        let idle = limit.map_or(after(now, EVER), |limit| after(self.quiet, limit));
        if now >= self.old || now >= idle {
            self.cut = after(now, self.plan.age_grace);
            return self.leave(if now >= self.old { Closed::Age } else { why });
        }
        let tick = self.plan.max_idle.map_or(EVER, |idle| idle / IDLE_TICKS).max(TICK);
        let greeting = if now < self.greeting { self.greeting } else { self.old };
        let head = if activity.framed { self.old } else { after(now, self.plan.handshake_limit / HEAD_TICKS) };
        self.alarm = self.old.min(idle).min(greeting).min(head).min(after(now, tick));
        Act::Nothing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_differ_by_a_tenth_at_most() {
        let ages: Vec<u128> = (0..1000).map(|_| jittered(Duration::from_secs(100)).as_millis()).collect();
        assert!(ages.iter().all(|age| (90_000..=110_000).contains(age)));
        assert!(ages.iter().any(|age| *age < 92_000) && ages.iter().any(|age| *age > 108_000));
    }
}
