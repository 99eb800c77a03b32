//! How calls are made, as gRPC's service config says it in JSON (grpc/service_config.proto, gRFCs A2, A6, A17, A50).

mod balancing;
mod method;
mod outliers;
mod read;
#[cfg(test)]
mod tests;

use std::str::FromStr;

pub(crate) use self::{
    balancing::Balancing,
    method::{HedgingPolicy, MethodConfig, Methods, RetryPolicy},
    outliers::{Consecutive, FailurePercentage, Outliers, SuccessRate},
};
use self::{
    balancing::Chosen,
    read::{At, Wrong},
};

/// A service config. The default balances by load, takes out servers that fail one call after the other, and repeats only
/// calls that no server has begun.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServiceConfig {
    pub(crate) balancing: Balancing,
    pub(crate) outliers: Outliers,
    pub(crate) methods: Methods,
    pub(crate) throttling: Option<Throttling>,
    /// The service whose health is asked for.
    pub(crate) health_service: Option<String>,
}

/// When too many calls fail, none is repeated (gRFC A6).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Throttling {
    pub(crate) max_tokens: f64,
    pub(crate) token_ratio: f64,
}

/// A text is no service config.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the service config cannot be used: {0}")]
pub struct BadServiceConfig(String);

impl FromStr for ServiceConfig {
    type Err = BadServiceConfig;

    /// Fields that nobody here knows are left alone, as gRPC wants it; one that is known and wrong is an error that names its
    /// place.
    fn from_str(json: &str) -> Result<Self, BadServiceConfig> {
        let value = serde_json::from_str(json).map_err(|error| BadServiceConfig(format!("it is no JSON: {error}")))?;
        read(&At::root(&value)).map_err(|wrong| BadServiceConfig(wrong.to_string()))
    }
}

fn read(config: &At<'_>) -> Result<ServiceConfig, Wrong> {
    config.object()?;
    let chosen = config.get("loadBalancingConfig").map(|list| Chosen::read(&list)).transpose()?.unwrap_or_default();
    let outliers = config.get("outlierDetection").map(|at| Outliers::read(&at)).transpose()?;
    let health = config.get("healthCheckConfig").and_then(|health| health.get("serviceName"));
    Ok(ServiceConfig {
        balancing: chosen.balancing,
        outliers: chosen.outliers.or(outliers).unwrap_or_default(),
        methods: config.get("methodConfig").map(|list| Methods::read(&list)).transpose()?.unwrap_or_default(),
        throttling: config.get("retryThrottling").map(|at| throttling(&at)).transpose()?,
        health_service: health.map(|name| name.text().map(str::to_owned)).transpose()?,
    })
}

fn throttling(at: &At<'_>) -> Result<Throttling, Wrong> {
    let (tokens, ratio) = (at.required("maxTokens")?, at.required("tokenRatio")?);
    let (max_tokens, token_ratio) = (tokens.number()?, ratio.number()?);
    if max_tokens <= 0.0 || max_tokens > 1000.0 {
        return Err(tokens.wrong("a number above 0, at most 1000"));
    }
    if token_ratio <= 0.0 {
        return Err(ratio.wrong("a number above 0"));
    }
    Ok(Throttling { max_tokens, token_ratio })
}
