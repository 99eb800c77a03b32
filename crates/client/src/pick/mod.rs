//! Picks the endpoint of a call from those that are ready, without a lock and without waiting.

mod chance;
pub(crate) mod latency;
#[cfg(test)]
mod tests;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

pub(crate) use self::chance::Chance;
use crate::{Endpoint, policy::Balancing};

/// Rounds in which newcomers may be passed over.
const ROUNDS: usize = 8;

/// What a policy looks at.
pub(crate) trait Candidate {
    /// Its share among the others, 0 to 1.
    fn weight(&self) -> f64;
    /// Calls begun and not ended.
    fn in_flight(&self) -> u32;
    /// How long it takes to answer, in nanoseconds; never less than what is no difference.
    fn latency(&self) -> u64;
}

impl Candidate for Arc<Endpoint> {
    fn weight(&self) -> f64 {
        Endpoint::weight(self)
    }

    fn in_flight(&self) -> u32 {
        self.stats().in_flight.load(Relaxed)
    }

    fn latency(&self) -> u64 {
        latency::lately(self.stats(), || self.now())
    }
}

/// Picks by one policy.
#[derive(Debug)]
pub(crate) struct Picker {
    balancing: Balancing,
    turn: AtomicUsize,
    chance: Chance,
}

impl Picker {
    /// `random` says where it begins: channels that begin together do not all begin with the same server.
    pub(crate) fn new(balancing: Balancing, mut random: fastrand::Rng) -> Self {
        Self { balancing, turn: AtomicUsize::new(random.usize(..1 << 16)), chance: Chance::new(random.u64(..)) }
    }

    /// Whether slow ones get fewer calls.
    pub(crate) fn weighs_latency(&self) -> bool {
        self.balancing == Balancing::Load
    }

    /// One of them; none if there is none. While some are `warming`, those get less than the others.
    pub(crate) fn pick<'a, C: Candidate>(&self, ready: &'a [C], warming: bool) -> Option<&'a C> {
        let [first, _, ..] = ready else { return ready.first() };
        match self.balancing {
            Balancing::PickFirst => Some(first),
            Balancing::RoundRobin => {
                self.admitted(ready, warming, || ready.get(self.turn.fetch_add(1, Relaxed) % ready.len()))
            }
            Balancing::Random => self.admitted(ready, warming, || ready.get(self.chance.below(ready.len()))),
            Balancing::LeastRequest { choices } => self.admitted(ready, warming, || self.least(ready, choices)),
            Balancing::Load => self.admitted(ready, warming, || self.lighter(ready)),
        }
    }

    /// A newcomer that is chosen is taken as often as its weight says; else the policy chooses again.
    fn admitted<'a, C: Candidate>(
        &self,
        ready: &[C],
        warming: bool,
        choose: impl Fn() -> Option<&'a C>,
    ) -> Option<&'a C> {
        let mut chosen = choose();
        if warming {
            for _ in 0..ROUNDS * ready.len() {
                match chosen {
                    Some(newcomer) if self.chance.share() >= newcomer.weight() => chosen = choose(),
                    _ => break,
                }
            }
        }
        chosen
    }

    /// Of one and some of the others.
    fn least<'a, C: Candidate>(&self, ready: &'a [C], choices: u32) -> Option<&'a C> {
        let one = self.chance.below(ready.len());
        let others = (1..choices).map(|_| (one + 1 + self.chance.below(ready.len() - 1)) % ready.len());
        let drawn = std::iter::once(one).chain(others).filter_map(|index| ready.get(index));
        drawn.min_by_key(|candidate| candidate.in_flight())
    }

    /// The better of two.
    fn lighter<'a, C: Candidate>(&self, ready: &'a [C]) -> Option<&'a C> {
        let one = self.chance.below(ready.len());
        let other = (one + 1 + self.chance.below(ready.len() - 1)) % ready.len();
        let (one, other) = (ready.get(one)?, ready.get(other)?);
        let (ours, theirs) = (one.latency(), other.latency());
        let is_lighter = load(other, slower_by(theirs, ours)) < load(one, slower_by(ours, theirs));
        Some(if is_lighter { other } else { one })
    }
}

/// What one more call would be to it: calls times latency.
fn load(candidate: &impl Candidate, slower_by: u32) -> u64 {
    (u64::from(candidate.in_flight()) + 1) << slower_by
}

/// By which power of two one latency is more than another. Less than twice as much is no difference: servers that are
/// alike get alike shares, however fast they are.
pub(crate) fn slower_by(latency: u64, other: u64) -> u32 {
    latency.checked_div(other).and_then(u64::checked_ilog2).unwrap_or(0)
}
