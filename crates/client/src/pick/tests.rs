use std::{cell::Cell, time::Duration};

use super::*;
use crate::Stats;

/// A server whose calls are counted.
#[derive(Default)]
struct Server {
    picks: Cell<u32>,
    in_flight: Cell<u32>,
    /// In milliseconds.
    latency: u64,
    warm: Option<f64>,
}

impl Candidate for Server {
    fn weight(&self) -> f64 {
        self.warm.unwrap_or(1.0)
    }

    fn in_flight(&self) -> u32 {
        self.in_flight.get()
    }

    fn latency(&self) -> u64 {
        (self.latency * MS).max(latency::ALIKE)
    }
}

const ALL: [Balancing; 4] =
    [Balancing::RoundRobin, Balancing::Random, Balancing::LeastRequest { choices: 2 }, Balancing::Load];

fn picker(balancing: Balancing, seed: u64) -> Picker {
    Picker::new(balancing, fastrand::Rng::with_seed(seed))
}

/// Picks while `open` calls are always under way, and ends them in their order.
fn run(picker: &Picker, servers: &[Server], picks: usize, open: usize, warming: bool) {
    let mut under_way = std::collections::VecDeque::new();
    for _ in 0..picks {
        let server = picker.pick(servers, warming).unwrap();
        server.picks.set(server.picks.get() + 1);
        server.in_flight.set(server.in_flight.get() + 1);
        under_way.push_back(server);
        if under_way.len() > open {
            let ended: &Server = under_way.pop_front().unwrap();
            ended.in_flight.set(ended.in_flight.get() - 1);
        }
    }
}

fn servers(count: usize) -> Vec<Server> {
    (0..count).map(|_| Server::default()).collect()
}

/// The largest share by the smallest.
fn spread(servers: &[Server]) -> f64 {
    let picks = || servers.iter().map(|server| f64::from(server.picks.get()));
    picks().fold(0.0, f64::max) / picks().fold(f64::MAX, f64::min)
}

#[test]
fn servers_that_are_alike_get_alike_shares() {
    for balancing in ALL {
        for (count, open, seed) in [(2, 0, 1), (3, 0, 2), (3, 8, 3), (7, 30, 4), (20, 5, 5)] {
            let servers = servers(count);
            run(&picker(balancing, seed), &servers, count * 3000, open, false);
            assert!(spread(&servers) < 1.2, "{balancing:?}: {} among {count} with {open} open", spread(&servers));
        }
    }
}

#[test]
fn round_robin_is_exact() {
    let servers = servers(3);
    run(&picker(Balancing::RoundRobin, 1), &servers, 300, 0, false);
    assert_eq!(spread(&servers), 1.0);
}

#[test]
fn pick_first_stays_with_the_first() {
    let servers = servers(3);
    run(&picker(Balancing::PickFirst, 1), &servers, 10, 0, false);
    assert_eq!(servers[0].picks.get(), 10);
}

#[test]
fn one_server_gets_all_and_none_is_no_panic() {
    for balancing in ALL {
        let one = servers(1);
        run(&picker(balancing, 1), &one, 10, 2, false);
        assert_eq!(one[0].picks.get(), 10);
        assert!(picker(balancing, 1).pick::<Server>(&[], false).is_none());
    }
}

#[test]
fn a_newcomer_gets_its_part_of_a_share_and_the_others_the_rest_alike() {
    for balancing in ALL {
        let mut servers = servers(4);
        servers[1].warm = Some(0.25);
        run(&picker(balancing, 9), &servers, 40_000, 0, true);
        let newcomer = f64::from(servers.remove(1).picks.get());
        let other = f64::from(servers[0].picks.get());
        let share = newcomer / other;
        // Where two are compared, a newcomer that was passed over may meet itself again less often.
        assert!((0.2..0.3).contains(&share), "{balancing:?}: {share}");
        assert!(spread(&servers) < 1.1, "{balancing:?}: {}", spread(&servers));
    }
}

#[test]
fn newcomers_alone_are_picked_nevertheless() {
    for balancing in ALL {
        let mut servers = servers(2);
        servers.iter_mut().for_each(|server| server.warm = Some(0.0));
        run(&picker(balancing, 9), &servers, 10, 0, true);
    }
}

#[test]
fn a_server_that_answers_nothing_gets_no_more_calls_than_the_others_have_open() {
    for balancing in [Balancing::LeastRequest { choices: 3 }, Balancing::Load] {
        let (servers, picker) = (servers(3), picker(balancing, 4));
        for _ in 0..10_000 {
            let server = picker.pick(&servers, false).unwrap();
            // The first keeps its calls, the others answer at once.
            if std::ptr::eq(server, &servers[0]) {
                server.in_flight.set(server.in_flight.get() + 1);
            }
        }
        assert!(servers[0].in_flight.get() <= 2, "{balancing:?}: {}", servers[0].in_flight.get());
    }
}

#[test]
fn a_server_that_is_slower_gets_fewer_calls() {
    let mut servers = servers(2);
    servers[0].latency = 32;
    run(&picker(Balancing::Load, 5), &servers, 9000, 17, false);
    let share = f64::from(servers[1].picks.get()) / f64::from(servers[0].picks.get());
    assert!((6.0..10.0).contains(&share), "eight times slower, {share} times fewer");
}

#[test]
fn latencies_that_are_nearly_the_same_make_no_difference_wherever_they_lie() {
    for middle in [4, 8, 16, 64, 1000] {
        let mut servers = servers(5);
        for (server, latency) in servers.iter_mut().zip([80_u64, 95, 100, 105, 140]) {
            server.latency = (middle * latency).div_ceil(100);
        }
        run(&picker(Balancing::Load, middle), &servers, 15_000, 1, false);
        assert!(spread(&servers) < 1.2, "around {middle} ms: {}", spread(&servers));
    }
}

#[test]
fn the_same_seed_picks_the_same() {
    let of = |seed| {
        let (servers, picker) = (servers(5), picker(Balancing::Load, seed));
        (0..20)
            .map(|_| std::ptr::from_ref(picker.pick(&servers, false).unwrap()).addr() - servers.as_ptr().addr())
            .collect::<Vec<_>>()
    };
    assert_eq!(of(1), of(1));
    assert_ne!(of(1), of(2));
}

const MS: u64 = 1_000_000;

#[test]
fn an_average_is_over_time_and_not_over_calls() {
    let stats = Stats::default();
    for call in 0..1000 {
        latency::observe(&stats, call * 2 * MS, Duration::from_millis(1));
    }
    latency::observe(&stats, 2000 * MS, Duration::from_secs(2));
    assert!(latency::lately(&stats, || 2000 * MS) < 8 * MS, "one slow call is no slow server");
    for call in 0..500 {
        latency::observe(&stats, (2000 + call * 2) * MS, Duration::from_secs(2));
    }
    assert!(latency::lately(&stats, || 3000 * MS) > 64 * MS, "a second of slow calls is");
}

#[test]
fn what_is_not_confirmed_fades() {
    let stats = Stats::default();
    latency::observe(&stats, 100_000 * MS, Duration::from_secs(1));
    let lately = |at| latency::lately(&stats, || at * MS) / MS;
    assert_eq!(lately(100_000), 1000);
    assert!((100..200).contains(&lately(105_000)), "{}", lately(105_000));
    assert_eq!(lately(110_000), 4, "as fast as any");
    latency::observe(&stats, 110_000 * MS, Duration::from_millis(1));
    assert_eq!(lately(110_000), 4, "a good answer does not bring it back");
}

#[test]
fn what_people_see_begins_with_the_first_call_and_is_over_calls() {
    let stats = Stats::default();
    let shown = || stats.latency_shown.load(Relaxed) / MS;
    for (call, (took, mean)) in [(12, 12), (4, 8), (2, 6)].into_iter().enumerate() {
        // All at once.
        latency::answered(&stats, call as u64, Duration::from_millis(took));
        assert_eq!(shown(), mean);
    }
    for call in 0..1000 {
        latency::answered(&stats, call * 2 * MS, Duration::from_millis(100));
    }
    assert!((99..=100).contains(&shown()), "{}", shown());
}
