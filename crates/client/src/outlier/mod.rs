//! Takes servers out that answer and fail (gRFC A50), as if they were not there; their connections stay.

mod rates;
mod record;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering::Relaxed},
};

use tokio::{
    sync::Notify,
    task::{AbortHandle, JoinSet},
    time::{Instant, interval, sleep_until},
};

use self::record::Record;
use crate::{
    Address, Endpoint, Phase,
    policy::{Consecutive, Outliers},
    pool::{Shared, lives},
};

/// Rings when calls of an endpoint fail one after the other.
#[derive(Debug)]
pub(crate) struct Alarm {
    /// 0: never.
    threshold: u32,
    bell: Notify,
}

impl Alarm {
    pub(crate) fn of(outliers: &Outliers) -> Self {
        Self { threshold: outliers.consecutive.as_ref().map_or(0, |rule| rule.threshold), bell: Notify::new() }
    }

    /// One more has failed, after which there are so many in a row.
    pub(crate) fn failed(&self, in_a_row: u32) {
        if self.threshold > 0 && in_a_row >= self.threshold {
            self.bell.notify_one();
        }
    }
}

/// Looks for outliers, unless there is no rule.
pub(crate) fn start(
    shared: Arc<Shared>,
    rules: Outliers,
    alarm: Arc<Alarm>,
    random: fastrand::Rng,
) -> Option<AbortHandle> {
    let rates = rules.success_rate.is_some() || rules.failure_percentage.is_some();
    if !rates && rules.consecutive.is_none() {
        return None;
    }
    let watch = Watch { shared, rules, random, records: HashMap::new(), asked: JoinSet::new() };
    Some(tokio::spawn(watch.run(alarm)).abort_handle())
}

struct Watch {
    shared: Arc<Shared>,
    rules: Outliers,
    random: fastrand::Rng,
    records: HashMap<Address, Record>,
    /// Those whose time is over are asked whether they are there, before anybody's call is sent to them.
    asked: JoinSet<(Arc<Endpoint>, bool)>,
}

impl Watch {
    async fn run(mut self, alarm: Arc<Alarm>) {
        let mut ticks = interval(self.rules.interval);
        ticks.reset();
        loop {
            let next = self.records.values().filter_map(Record::until).min();
            tokio::select! {
                () = alarm.bell.notified() => self.check_rows(),
                () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => self.ask(),
                Some(Ok((endpoint, lives))) = self.asked.join_next() => self.give_back(&endpoint, lives),
                _ = ticks.tick() => self.check_rates(),
            }
        }
    }

    /// Those that belong to the target.
    fn members(&self) -> Vec<Arc<Endpoint>> {
        let members = Arc::clone(&self.shared.snapshot().members);
        members.iter().filter(|endpoint| endpoint.condition().phase != Phase::Draining).cloned().collect()
    }

    /// Whether one more may be taken out: so many percent or one, and never the last.
    fn may_take(&self, members: &[Arc<Endpoint>]) -> bool {
        let out = members.iter().filter(|endpoint| endpoint.is_ejected()).count();
        let most = members.len() * self.rules.max_ejection_percent as usize / 100;
        let ready = Arc::clone(&self.shared.snapshot().ready);
        out < most.max(1) && ready.iter().filter(|endpoint| !endpoint.is_ejected()).count() > 1
    }

    fn check_rows(&mut self) {
        let Some(rule) = self.rules.consecutive.clone() else { return };
        let members = self.members();
        for endpoint in members.iter().filter(|endpoint| !endpoint.is_ejected()) {
            let is_out = endpoint.stats().consecutive_failures.load(Relaxed) >= rule.threshold;
            if is_out && self.may_take(&members) {
                self.take_by_row(endpoint, &rule);
            }
        }
    }

    fn take_by_row(&mut self, endpoint: &Endpoint, rule: &Consecutive) {
        let spread = 1.0 + self.random.f64() / 2.0;
        let record = self.records.entry(endpoint.address().clone()).or_default();
        let out = record.take_by_row(Instant::now(), rule, spread);
        endpoint.eject(record.until().unwrap_or_else(Instant::now));
        tracing::debug!(target: "campus_client", address = %endpoint.address(), ?out, "ejected: calls fail in a row");
    }

    /// Asks those whose time is over.
    fn ask(&mut self) {
        let (now, members) = (Instant::now(), self.members());
        self.records.retain(|address, _| members.iter().any(|endpoint| endpoint.address() == address));
        for endpoint in members {
            if self.records.get_mut(endpoint.address()).is_some_and(|record| record.is_over(now)) {
                let within = self.shared.config.connect_timeout;
                self.asked.spawn(async move {
                    let lives = lives(&endpoint, within).await;
                    (endpoint, lives)
                });
            }
        }
    }

    /// One that answers gets calls again; the first that fails takes it out anew. One that does not is asked again.
    fn give_back(&mut self, endpoint: &Arc<Endpoint>, lives: bool) {
        if lives {
            endpoint.try_out(self.rules.consecutive.as_ref().map_or(0, |rule| rule.threshold - 1));
        } else if let Some(record) = self.records.get_mut(endpoint.address()) {
            record.ask_again(Instant::now() + self.shared.config.connect_timeout);
        }
    }

    fn check_rates(&mut self) {
        let members = self.members();
        let mut rates = Vec::new();
        for (index, endpoint) in members.iter().enumerate() {
            let (stats, record) = (endpoint.stats(), self.records.entry(endpoint.address().clone()).or_default());
            let ended = stats.picks.load(Relaxed).saturating_sub(stats.in_flight.load(Relaxed).into());
            let (calls, failures) = record.interval(ended, stats.failures.load(Relaxed));
            if !endpoint.is_ejected() {
                record.calm();
                rates.push(rates::Rate { index, calls, failures: failures.min(calls) });
            }
        }
        for index in rates::outliers(&self.rules, &rates, || self.random.u32(..100)) {
            let Some(endpoint) = members.get(index).filter(|endpoint| !endpoint.is_ejected()) else { continue };
            if self.may_take(&members) {
                let record = self.records.entry(endpoint.address().clone()).or_default();
                let out = record.take_by_rate(Instant::now(), &self.rules);
                endpoint.eject(record.until().unwrap_or_else(Instant::now));
                tracing::debug!(target: "campus_client", address = %endpoint.address(), ?out, "ejected: too many calls fail");
            }
        }
    }
}
