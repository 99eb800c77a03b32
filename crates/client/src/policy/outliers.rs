//! When a server is taken out although it is connected.

use std::time::Duration;

use super::read::{At, Wrong};

/// Which servers are taken out, and for how long (gRFC A50).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Outliers {
    /// From one look at the rates to the next.
    pub(crate) interval: Duration,
    /// How long one is out the first time by its rate; longer each further time.
    pub(crate) base_ejection_time: Duration,
    pub(crate) max_ejection_time: Duration,
    /// Of all endpoints; one may always be out, unless it is the last.
    pub(crate) max_ejection_percent: u32,
    pub(crate) success_rate: Option<SuccessRate>,
    pub(crate) failure_percentage: Option<FailurePercentage>,
    pub(crate) consecutive: Option<Consecutive>,
}

/// Out is who is far worse than the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SuccessRate {
    /// How many thousandths of the standard deviation below the mean.
    pub(crate) stdev_factor: u32,
    pub(crate) enforcement_percentage: u32,
    pub(crate) minimum_hosts: u32,
    pub(crate) request_volume: u32,
}

/// Out is who fails more often than this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FailurePercentage {
    pub(crate) threshold: u32,
    pub(crate) enforcement_percentage: u32,
    pub(crate) minimum_hosts: u32,
    pub(crate) request_volume: u32,
}

/// Out is who fails so many calls one after the other. It is not of gRFC A50: the rates need as many servers and calls as
/// small clusters do not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Consecutive {
    pub(crate) threshold: u32,
    /// How long one is out the first time; twice as long each further time in a row.
    pub(crate) base_ejection_time: Duration,
    pub(crate) max_ejection_time: Duration,
}

impl Default for Outliers {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(10),
            base_ejection_time: Duration::from_secs(30),
            max_ejection_time: Duration::from_secs(300),
            max_ejection_percent: 10,
            success_rate: None,
            failure_percentage: None,
            consecutive: Some(Consecutive::default()),
        }
    }
}

impl Default for Consecutive {
    fn default() -> Self {
        Self { threshold: 7, base_ejection_time: Duration::from_secs(1), max_ejection_time: Duration::from_secs(60) }
    }
}

impl Outliers {
    pub(super) fn read(at: &At<'_>) -> Result<Self, Wrong> {
        at.object()?;
        let default = Self::default();
        let time = |name, default| at.get(name).map_or(Ok(default), |time| time.positive());
        let base_ejection_time = time("baseEjectionTime", default.base_ejection_time)?;
        Ok(Self {
            interval: time("interval", default.interval)?,
            base_ejection_time,
            max_ejection_time: time("maxEjectionTime", default.max_ejection_time.max(base_ejection_time))?,
            max_ejection_percent: percent(at, "maxEjectionPercent", default.max_ejection_percent)?,
            success_rate: at.get("successRateEjection").map(|at| SuccessRate::read(&at)).transpose()?,
            failure_percentage: at
                .get("failurePercentageEjection")
                .map(|at| FailurePercentage::read(&at))
                .transpose()?,
            consecutive: match at.get("consecutiveFailures") {
                Some(at) => Consecutive::read(&at)?,
                None => default.consecutive,
            },
        })
    }
}

impl SuccessRate {
    fn read(at: &At<'_>) -> Result<Self, Wrong> {
        at.object()?;
        Ok(Self {
            stdev_factor: whole(at, "stdevFactor", 1900)?,
            enforcement_percentage: percent(at, "enforcementPercentage", 100)?,
            minimum_hosts: whole(at, "minimumHosts", 5)?,
            request_volume: whole(at, "requestVolume", 100)?,
        })
    }
}

impl FailurePercentage {
    fn read(at: &At<'_>) -> Result<Self, Wrong> {
        at.object()?;
        Ok(Self {
            threshold: percent(at, "threshold", 85)?,
            enforcement_percentage: percent(at, "enforcementPercentage", 100)?,
            minimum_hosts: whole(at, "minimumHosts", 5)?,
            request_volume: whole(at, "requestVolume", 50)?,
        })
    }
}

impl Consecutive {
    /// A threshold of 0: it is off.
    fn read(at: &At<'_>) -> Result<Option<Self>, Wrong> {
        at.object()?;
        let default = Self::default();
        let time = |name, default| at.get(name).map_or(Ok(default), |time| time.positive());
        let base_ejection_time = time("baseEjectionTime", default.base_ejection_time)?;
        let read = Self {
            threshold: whole(at, "threshold", default.threshold)?,
            base_ejection_time,
            max_ejection_time: time("maxEjectionTime", default.max_ejection_time.max(base_ejection_time))?,
        };
        Ok((read.threshold > 0).then_some(read))
    }
}

fn whole(at: &At<'_>, name: &str, default: u32) -> Result<u32, Wrong> {
    at.get(name).map_or(Ok(default), |number| number.whole())
}

fn percent(at: &At<'_>, name: &str, default: u32) -> Result<u32, Wrong> {
    at.get(name).map_or(Ok(default), |number| number.percent())
}
