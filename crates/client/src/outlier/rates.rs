//! Who fails too often (gRFC A50).

use crate::policy::{FailurePercentage, Outliers, SuccessRate};

/// The calls of an endpoint in one interval.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    /// Of the endpoint.
    pub(super) index: usize,
    pub(super) calls: u64,
    pub(super) failures: u64,
}

impl Rate {
    fn success(&self) -> f64 {
        (self.calls - self.failures) as f64 / self.calls as f64
    }

    fn failure_percentage(&self) -> f64 {
        self.failures as f64 * 100.0 / self.calls as f64
    }
}

/// The indices of those to take out, each perhaps twice. `percent` draws from 0 to 99.
pub(super) fn outliers(rules: &Outliers, rates: &[Rate], mut percent: impl FnMut() -> u32) -> Vec<usize> {
    let success = rules.success_rate.iter().flat_map(|rule| by_success(rule, rates));
    let mut found: Vec<_> = success.filter_map(|(index, enforced)| (percent() < enforced).then_some(index)).collect();
    let failure = rules.failure_percentage.iter().flat_map(|rule| by_failure(rule, rates));
    found.extend(failure.filter_map(|(index, enforced)| (percent() < enforced).then_some(index)));
    found
}

/// Those with calls enough, if they are enough.
fn judged(rates: &[Rate], volume: u32, hosts: u32) -> Vec<Rate> {
    let judged: Vec<_> = rates.iter().filter(|rate| rate.calls >= u64::from(volume.max(1))).copied().collect();
    if judged.len() < hosts as usize { Vec::new() } else { judged }
}

fn by_success(rule: &SuccessRate, rates: &[Rate]) -> Vec<(usize, u32)> {
    let judged = judged(rates, rule.request_volume, rule.minimum_hosts);
    let count = judged.len().max(1) as f64;
    let mean = judged.iter().map(Rate::success).sum::<f64>() / count;
    let variance = judged.iter().map(|rate| (rate.success() - mean).powi(2)).sum::<f64>() / count;
    let least = mean - variance.sqrt() * f64::from(rule.stdev_factor) / 1000.0;
    judged.iter().filter(|rate| rate.success() < least).map(|rate| (rate.index, rule.enforcement_percentage)).collect()
}

fn by_failure(rule: &FailurePercentage, rates: &[Rate]) -> Vec<(usize, u32)> {
    let judged = judged(rates, rule.request_volume, rule.minimum_hosts);
    let fails = |rate: &&Rate| rate.failure_percentage() > f64::from(rule.threshold);
    judged.iter().filter(fails).map(|rate| (rate.index, rule.enforcement_percentage)).collect()
}
