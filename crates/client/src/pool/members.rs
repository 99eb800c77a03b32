//! Who is in a pool.

use std::{collections::HashMap, sync::Arc};

use tokio::{
    sync::{oneshot, watch},
    task::JoinSet,
    time::{Instant, sleep_until},
};

use super::{Endpoint, Shared, Snapshot, State, life};
use crate::{
    Address,
    resolve::{Resolution, Resolver},
};

/// Follows the resolver, and publishes who can be called, until it is dropped.
pub(super) async fn run(shared: Arc<Shared>, resolver: Resolver, random: fastrand::Rng) {
    let mut names = resolver.watch();
    let mut members =
        Members { shared: Arc::clone(&shared), random, members: vec![], draining: vec![], lives: JoinSet::new() };
    members.follow(&names.borrow_and_update().clone());
    let mut follows = true;
    loop {
        let warm_at = members.publish(&names);
        tokio::select! {
            changed = names.changed(), if follows => match changed {
                Ok(()) => members.follow(&names.borrow_and_update().clone()),
                // Of addresses that never change.
                Err(_) => follows = false,
            },
            () = shared.changed.notified() => {}
            () = shared.lost.notified() => resolver.resolve_now(),
            () = sleep_until(warm_at.unwrap_or_else(Instant::now)), if warm_at.is_some() => {}
            Some(ended) = members.lives.join_next() => members.ended(ended.ok().as_ref()),
        }
    }
}

struct Members {
    shared: Arc<Shared>,
    random: fastrand::Rng,
    /// In the order of the resolver; dropping the sender removes the endpoint.
    members: Vec<(Arc<Endpoint>, oneshot::Sender<()>)>,
    draining: Vec<Arc<Endpoint>>,
    lives: JoinSet<Arc<Endpoint>>,
}

impl Members {
    /// Keeps whom it knows, with connections and figures; adds the new, lets the others drain.
    fn follow(&mut self, names: &Resolution) {
        let known = std::mem::take(&mut self.members).into_iter();
        let mut known: HashMap<Address, _> = known.map(|member| (member.0.address().clone(), member)).collect();
        for address in names.addresses.iter() {
            let member = known.remove(address).unwrap_or_else(|| self.add(address));
            self.members.push(member);
        }
        self.draining.extend(known.into_values().map(|(endpoint, _)| endpoint));
    }

    fn add(&mut self, address: &Address) -> (Arc<Endpoint>, oneshot::Sender<()>) {
        let endpoint = Arc::new(Endpoint::new(address.clone(), Arc::clone(&self.shared)));
        let (remove, removed) = oneshot::channel();
        self.lives.spawn(life::live(Arc::clone(&endpoint), removed, self.random.fork()));
        (endpoint, remove)
    }

    fn ended(&mut self, endpoint: Option<&Arc<Endpoint>>) {
        if let Some(endpoint) = endpoint {
            self.shared.figures.keep(endpoint.stats());
        }
        self.draining.retain(|draining| endpoint.is_none_or(|ended| !Arc::ptr_eq(draining, ended)));
    }

    /// Says who can be called; gives the time when the next newcomer is none any more.
    fn publish(&self, names: &watch::Receiver<Resolution>) -> Option<Instant> {
        let endpoints = || self.members.iter().map(|(endpoint, _)| endpoint);
        let mut ready: Arc<[_]> = endpoints().filter(|endpoint| endpoint.is_ready()).cloned().collect();
        if ready.is_empty() {
            // When the others have gone, one that was left out is better than none.
            ready = endpoints().filter(|endpoint| endpoint.is_connected()).cloned().collect();
        }
        let (now, window) = (Instant::now(), self.shared.config.slow_start);
        let newcomers: Vec<_> = ready.iter().filter(|endpoint| endpoint.take_new()).collect();
        if !newcomers.is_empty() {
            // Those that come together share alike.
            let is_old = |endpoint: &Arc<Endpoint>| endpoint.condition().since + window / 10 <= now;
            let old = ready.iter().filter(|endpoint| is_old(endpoint)).count();
            for endpoint in newcomers {
                let joins = old > usize::from(is_old(endpoint));
                endpoint.warm(joins && !window.is_zero());
            }
        }
        let warm_at = ready.iter().filter_map(|endpoint| endpoint.warm_at()).filter(|at| *at > now).min();
        let is_warming = warm_at.is_some() || ready.iter().any(|endpoint| endpoint.is_on_trial());
        let names = names.borrow();
        let is_failing = |endpoint: &Arc<Endpoint>| endpoint.is_ejected() || endpoint.condition().is_failing;
        let state = if !ready.is_empty() {
            State::Ready
        } else if self.members.is_empty() && names.lookups == 0 && names.confirmed.is_none() {
            State::Connecting
        } else if endpoints().all(is_failing) {
            State::TransientFailure
        } else {
            State::Connecting
        };
        let members = endpoints().chain(&self.draining).cloned().collect();
        let resolution = names.clone();
        self.shared.publish(Snapshot { ready, state, is_warming, members, resolution });
        warm_at
    }
}
