//! What happens in a story, and when. At any time one server at least is well and known.

use std::time::Duration;

use super::world::{Act, Names, SERVERS};

/// From a change of who is well until the name server says so.
const NEWS: Duration = Duration::from_millis(1500);
/// From the moment that the name server no longer gives an address until it gets no more calls: the longest pause of the
/// resolver, with its jitter, and the way of the last call.
const FORGET: Duration = Duration::from_millis(3600);

#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    pub(crate) acts: Vec<(Duration, Act)>,
    /// Who is well and known in the end.
    pub(crate) last: Vec<usize>,
    /// Who gets no calls from then on, though it would take them.
    pub(crate) gone: Vec<(usize, Duration)>,
    now: Duration,
    random: Random,
}

#[derive(Clone, Debug)]
struct Random(fastrand::Rng);

impl Default for Random {
    fn default() -> Self {
        Self(fastrand::Rng::with_seed(0))
    }
}

impl Plan {
    /// So many servers, which run from the beginning.
    fn begin(seed: u64, servers: usize) -> Self {
        let mut plan = Self { random: Random(fastrand::Rng::with_seed(!seed)), ..Self::default() };
        plan.last = (0..servers).collect();
        for server in 0..servers {
            plan.act(Act::Start(server));
        }
        plan.say();
        plan.pass(500, 1500);
        plan
    }

    pub(crate) fn end(&self) -> Duration {
        self.now
    }

    fn act(&mut self, act: Act) {
        self.acts.push((self.now, act));
    }

    fn say(&mut self) {
        self.act(Act::Say(Names::Are(self.last.clone())));
    }

    fn pass(&mut self, least: u64, most: u64) {
        self.now += Duration::from_millis(self.random.0.u64(least..most));
    }

    /// One of those that are well, if not the last one.
    fn some(&mut self) -> Option<usize> {
        (self.last.len() > 1).then(|| self.last[self.random.0.usize(..self.last.len())])
    }

    fn other(&mut self) -> Option<usize> {
        let others: Vec<_> = (0..SERVERS.len()).filter(|server| !self.last.contains(server)).collect();
        self.random.0.choice(others)
    }

    /// One server more, or less; the one that leaves drains, or goes on serving unknown.
    fn scale_once(&mut self) {
        let grow = self.random.0.bool();
        if let (true, Some(server)) = (grow, self.other()) {
            self.act(Act::Start(server));
            self.pass(100, 500);
            self.gone.retain(|(gone, _)| *gone != server);
            self.last.push(server);
            self.say();
        } else if let Some(server) = self.some() {
            self.last.retain(|other| *other != server);
            if self.random.0.bool() {
                self.act(Act::Drain(server));
                self.now += NEWS;
                self.say();
                // It ends by itself, and what comes back is another one.
                self.pass(5000, 6000);
            } else {
                self.say();
                self.gone.push((server, self.now + FORGET));
            }
        }
    }

    pub(crate) fn scale(seed: u64) -> Self {
        let mut plan = Self::begin(seed, 2);
        for _ in 0..6 {
            plan.scale_once();
            plan.pass(100, 3000);
        }
        plan
    }

    /// A new one before each old one goes, as Kubernetes does it.
    pub(crate) fn roll(seed: u64) -> Self {
        let mut plan = Self::begin(seed, 3);
        for old in 0..3 {
            let new = old + 3;
            plan.act(Act::Start(new));
            plan.pass(100, 1000);
            plan.last.push(new);
            plan.last.retain(|server| *server != old);
            plan.act(Act::Drain(old));
            plan.pass(0, 1500);
            plan.say();
            plan.pass(0, 2000);
        }
        plan.now += Duration::from_secs(5);
        plan
    }

    /// Something goes wrong with a server that stays known, and is well again.
    fn trouble_once(&mut self) {
        let Some(server) = self.some() else { return };
        match self.random.0.u8(..4) {
            0 => {
                self.act(Act::Crash(server));
                self.pass(50, 3000);
                self.act(Act::Start(server));
            }
            1 => {
                self.act(Act::Cut(server));
                self.pass(50, 4000);
                self.act(Act::Mend(server));
            }
            2 => {
                self.act(Act::Mute(server));
                self.pass(50, 4000);
                self.act(Act::Mend(server));
            }
            _ => {
                let slow = Duration::from_millis(self.random.0.u64(50..300));
                self.act(Act::Slow(server, slow));
                self.pass(500, 3000);
                self.act(Act::Slow(server, Duration::from_millis(5)));
            }
        }
    }

    pub(crate) fn trouble(seed: u64) -> Self {
        let mut plan = Self::begin(seed, 3);
        for _ in 0..5 {
            plan.trouble_once();
            plan.pass(100, 2500);
        }
        plan
    }

    fn names_once(&mut self) {
        match self.random.0.u8(..5) {
            0 => self.act(Act::Say(Names::None)),
            1 => self.act(Act::Say(Names::Failure)),
            2 => self.act(Act::Say(Names::Silence)),
            // Those that nobody has ever heard of, beside one that is right.
            3 => {
                let mut stale: Vec<_> = (0..SERVERS.len()).filter(|server| !self.last.contains(server)).collect();
                stale.push(self.last[0]);
                self.act(Act::Say(Names::Are(stale)));
            }
            // First these, then those.
            _ => {
                for _ in 0..4 {
                    let half = self.random.0.choose_multiple(self.last.clone(), self.last.len().div_ceil(2));
                    self.act(Act::Say(Names::Are(half)));
                    self.pass(100, 1000);
                }
            }
        }
        self.pass(200, 4000);
        self.say();
    }

    pub(crate) fn names(seed: u64) -> Self {
        let mut plan = Self::begin(seed, 3);
        for _ in 0..5 {
            plan.names_once();
            plan.pass(100, 2000);
        }
        plan
    }

    pub(crate) fn everything(seed: u64) -> Self {
        let mut plan = Self::begin(seed, 4);
        for _ in 0..5 {
            match plan.random.0.u8(..4) {
                0 => plan.scale_once(),
                1 => plan.names_once(),
                _ => plan.trouble_once(),
            }
            plan.pass(100, 2500);
        }
        plan.gone.clear();
        plan
    }
}
