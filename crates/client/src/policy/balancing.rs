//! By which policy servers are picked.

use super::{
    Outliers,
    read::{At, Wrong},
};

/// A policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Balancing {
    /// `pick_first`: the first that is ready, in the order of the resolver.
    PickFirst,
    /// `round_robin`: one after the other.
    RoundRobin,
    /// `random`.
    Random,
    /// `least_request`: of so many by chance, the one with the fewest calls (gRFC A48).
    LeastRequest { choices: u32 },
    /// `p2c_ewma`: of two by chance, the one with fewer calls times its latency.
    #[default]
    Load,
}

/// What a `loadBalancingConfig` says.
#[derive(Default)]
pub(super) struct Chosen {
    pub(super) balancing: Balancing,
    pub(super) outliers: Option<Outliers>,
}

impl Chosen {
    /// The first policy of the list that is known (gRFC A2).
    pub(super) fn read(list: &At<'_>) -> Result<Self, Wrong> {
        for policy in list.list()? {
            let mut names = policy.names()?;
            let (Some(name), None) = (names.next(), names.next()) else {
                return Err(policy.wrong("an object with one field, the name of a policy"));
            };
            let settings = policy.required(name)?;
            let balancing = match name {
                "pick_first" => Balancing::PickFirst,
                "round_robin" => Balancing::RoundRobin,
                "random" => Balancing::Random,
                "p2c_ewma" => Balancing::Load,
                "least_request" | "least_request_experimental" => least_request(&settings)?,
                "outlier_detection_experimental" => {
                    let child = Self::read(&settings.required("childPolicy")?)?;
                    return Ok(Self { outliers: Some(Outliers::read(&settings)?), ..child });
                }
                _ => continue,
            };
            settings.object()?;
            return Ok(Self { balancing, outliers: None });
        }
        Err(list.wrong("a list with one of pick_first, round_robin, random, least_request, p2c_ewma"))
    }
}

fn least_request(settings: &At<'_>) -> Result<Balancing, Wrong> {
    let Some(count) = settings.get("choiceCount") else { return Ok(Balancing::LeastRequest { choices: 2 }) };
    match count.whole()? {
        0 | 1 => Err(count.wrong("a whole number from 2 on")),
        choices => Ok(Balancing::LeastRequest { choices: choices.min(10) }),
    }
}
