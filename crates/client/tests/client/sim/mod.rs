//! A channel and servers of the chassis on a network and a clock of their own, where everything that can happen to either
//! happens while calls go on. Each seed is another story, and the same one each time:
//! `CAMPUS_SEED=7 cargo test -p campus-client sim` tells that of seed 7.

mod plan;
mod world;

use std::{cell::RefCell, rc::Rc, time::Duration};

use campus_client::Channel;
use tokio::time::Instant;
use tonic::{Request, Status};

use self::{
    plan::Plan,
    world::{CLIENT, TICK, World},
};
use crate::support::{Note, unary};

/// What the calls of a story have: longer than any trouble takes to be noticed.
const DEADLINE: Duration = Duration::from_secs(8);
/// From the end of all trouble until every server has its share.
const SETTLE: Duration = Duration::from_secs(7);
const CALLERS: u64 = 3;
/// Calls that show how all is shared in the end.
const LAST: u64 = 90;

/// One call: its id, when it began, and how it ended.
type Call = (String, Duration, Result<(), Status>);

#[derive(Clone, Default)]
struct Calls(Rc<RefCell<Vec<Call>>>);

impl Calls {
    async fn one(&self, channel: &Channel, id: String, takes: u64) {
        let begun = turmoil::sim_elapsed().unwrap_or_default();
        let mut request = Request::new(Note { text: id.clone(), number: takes });
        request.set_timeout(DEADLINE);
        let limit = Instant::now() + DEADLINE + TICK * 20;
        let ended = tokio::time::timeout_at(limit, unary(channel, "Do", request)).await;
        let late = |_| Err(Status::deadline_exceeded("and nobody said so"));
        self.0.borrow_mut().push((id, begun, ended.unwrap_or_else(late).map(drop)));
    }

    async fn caller(&self, channel: &Channel, caller: u64, seed: u64, until: Duration) {
        let mut random = fastrand::Rng::with_seed(seed.wrapping_mul(31).wrapping_add(caller));
        let mut number = 0;
        while turmoil::sim_elapsed().unwrap_or_default() < until {
            self.one(channel, format!("{caller}-{number}"), random.u64(0..60)).await;
            tokio::time::sleep(Duration::from_millis(random.u64(0..60))).await;
            number += 1;
        }
    }
}

/// Tells one story, and checks what holds in each.
fn tell(seed: u64, plan: &Plan) -> Vec<Call> {
    let (mut world, calls) = (World::new(seed), Calls::default());
    let (channel, told) = (world.channel(seed).build(), calls.clone());
    let end = plan.end();
    world.sim.client(CLIENT, async move {
        let callers = (0..CALLERS).map(|caller| told.caller(&channel, caller, seed, end));
        futures_util::future::join_all(callers).await;
        tokio::time::sleep_until(Instant::now() + SETTLE).await;
        let last = (0..LAST).map(|number| {
            let (told, channel) = (told.clone(), channel.clone());
            async move {
                tokio::time::sleep(Duration::from_millis(number * 20)).await;
                told.one(&channel, format!("last-{number}"), 5).await;
            }
        });
        futures_util::future::join_all(last).await;
        Ok(())
    });
    let mut acts = plan.acts.iter().peekable();
    loop {
        while let Some((_, act)) = acts.next_if(|(at, _)| *at <= world.sim.elapsed()) {
            world.act(act);
        }
        if world.sim.step().unwrap() {
            break;
        }
    }
    check(plan, &world, &calls.0.borrow());
    calls.0.take()
}

fn check(plan: &Plan, world: &World, calls: &[Call]) {
    for (id, begun, ended) in calls {
        assert!(ended.is_ok(), "call {id}, begun at {begun:?}, in {plan:#?}: {ended:?}");
    }
    let done = |server: usize, id: &str| {
        let runs = world.runs.borrow();
        runs.get(&server).into_iter().flatten().any(|(probe, _)| probe.done.lock().unwrap().contains(id))
    };
    let count = |server| (0..LAST).filter(|number| done(server, &format!("last-{number}"))).count();
    let shares: Vec<_> = (0..world::SERVERS.len()).map(count).collect();
    let fair = usize::try_from(LAST).unwrap() / plan.last.len();
    for (server, share) in shares.iter().enumerate() {
        if plan.last.contains(&server) {
            assert!(*share * 2 >= fair, "server {server} has less than half its share of {shares:?} in {plan:#?}");
        } else {
            assert_eq!(*share, 0, "server {server} is called when it is gone: {shares:?} in {plan:#?}");
        }
    }
    for (server, since) in &plan.gone {
        let late = calls.iter().find(|(id, begun, _)| *begun > *since && !id.starts_with("last") && done(*server, id));
        assert!(late.is_none(), "server {server} was called after {since:?}: {late:?} in {plan:#?}");
    }
}

/// Tells the story of each seed, and which one it was that went wrong.
fn for_seeds(count: u64, story: impl Fn(u64)) {
    let given = std::env::var("CAMPUS_SEED").ok().map(|seed| seed.parse().unwrap());
    let seeds = given.map_or(0..count, |seed| seed..seed + 1);
    for seed in seeds {
        let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| story(seed)));
        assert!(told.is_ok(), "it went wrong with CAMPUS_SEED={seed}, see above");
    }
}

#[test]
fn no_call_is_lost_while_servers_come_and_go() {
    for_seeds(30, |seed| drop(tell(seed, &Plan::scale(seed))));
}

#[test]
fn no_call_is_lost_while_each_server_is_replaced_in_turn() {
    for_seeds(20, |seed| drop(tell(seed, &Plan::roll(seed))));
}

#[test]
fn no_call_is_lost_while_servers_die_fall_silent_and_slow_down() {
    for_seeds(40, |seed| drop(tell(seed, &Plan::trouble(seed))));
}

#[test]
fn no_call_is_lost_while_the_name_server_fails_lies_and_says_nothing() {
    for_seeds(30, |seed| drop(tell(seed, &Plan::names(seed))));
}

#[test]
fn no_call_is_lost_while_all_of_it_happens() {
    for_seeds(80, |seed| drop(tell(seed, &Plan::everything(seed))));
}

#[test]
fn the_same_seed_tells_the_same_story() {
    let ends = |seed| {
        let calls = tell(seed, &Plan::trouble(seed));
        calls.into_iter().map(|(id, begun, ended)| (id, begun, ended.is_ok())).collect::<Vec<_>>()
    };
    assert_eq!(ends(1), ends(1));
    assert_ne!(ends(1), ends(2));
}
