use std::time::Duration;

use tokio::time::Instant;

use super::{
    rates::{Rate, outliers},
    record::Record,
};
use crate::policy::{Consecutive, FailurePercentage, Outliers, SuccessRate};

fn rates(failures: &[u64]) -> Vec<Rate> {
    failures.iter().enumerate().map(|(index, failures)| Rate { index, calls: 100, failures: *failures }).collect()
}

fn by_success() -> Outliers {
    let (stdev_factor, enforcement_percentage, minimum_hosts, request_volume) = (1900, 100, 5, 100);
    let rule = SuccessRate { stdev_factor, enforcement_percentage, minimum_hosts, request_volume };
    Outliers { success_rate: Some(rule), ..Outliers::default() }
}

fn by_failure() -> Outliers {
    let (threshold, enforcement_percentage, minimum_hosts, request_volume) = (85, 100, 5, 50);
    let rule = FailurePercentage { threshold, enforcement_percentage, minimum_hosts, request_volume };
    Outliers { failure_percentage: Some(rule), ..Outliers::default() }
}

#[test]
fn a_server_far_worse_than_the_others_is_an_outlier() {
    assert_eq!(outliers(&by_success(), &rates(&[1, 2, 0, 1, 60, 2]), || 0), [4]);
    assert!(outliers(&by_success(), &rates(&[50, 52, 48, 50, 51]), || 0).is_empty(), "when all are bad none is");
}

#[test]
fn a_server_that_fails_more_than_the_threshold_is_an_outlier() {
    assert_eq!(outliers(&by_failure(), &rates(&[0, 86, 85, 100, 0]), || 0), [1, 3]);
}

#[test]
fn too_few_servers_or_calls_say_nothing() {
    for rules in [by_success(), by_failure()] {
        assert!(outliers(&rules, &rates(&[0, 0, 0, 100]), || 0).is_empty(), "four servers");
        let mut few = rates(&[0, 0, 0, 0, 49]);
        few[4].calls = 49;
        assert!(outliers(&rules, &few, || 0).is_empty(), "49 calls");
    }
    assert!(outliers(&by_success(), &[], || 0).is_empty());
}

#[test]
fn a_rule_is_enforced_as_often_as_it_says() {
    let mut rules = by_failure();
    rules.failure_percentage.as_mut().unwrap().enforcement_percentage = 30;
    assert_eq!(outliers(&rules, &rates(&[0, 0, 0, 0, 100]), || 29), [4]);
    assert!(outliers(&rules, &rates(&[0, 0, 0, 0, 100]), || 30).is_empty());
}

#[test]
fn who_fails_again_soon_is_out_for_twice_as_long_up_to_a_limit() {
    let (rule, mut record, mut now) = (Consecutive::default(), Record::default(), Instant::now());
    let mut out = Vec::new();
    for _ in 0..8 {
        out.push(record.take_by_row(now, &rule, 1.0).as_secs());
        now = record.until().unwrap();
        assert!(record.is_over(now) && !record.is_over(now));
    }
    assert_eq!(out, [1, 2, 4, 8, 16, 32, 60, 60]);
    now += Duration::from_secs(61);
    assert_eq!(record.take_by_row(now, &rule, 1.0).as_secs(), 1, "it was well for longer than it was out");
}

#[test]
fn who_is_an_outlier_again_is_out_for_longer_and_calm_intervals_make_up_for_it() {
    let (rules, mut record, now) = (Outliers::default(), Record::default(), Instant::now());
    let mut out = || record.take_by_rate(now, &rules).as_secs();
    assert_eq!([out(), out(), out()], [30, 60, 90]);
    record.calm();
    record.calm();
    assert_eq!(record.take_by_rate(now, &rules).as_secs(), 60);
    let longest = (0..20).map(|_| record.take_by_rate(now, &rules).as_secs()).max();
    assert_eq!(longest, Some(300));
}
