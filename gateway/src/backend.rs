//! The servers that calls go to.

use std::fmt;

use campus_client::{BadServiceConfig, BadTarget, Channel, Metrics, ServiceConfig, Tls};
use campus_schema::{Schema, Service};
use serde_json::json;

/// Servers that have some of the services.
#[derive(Clone)]
pub struct Backend {
    target: String,
    services: Option<Vec<String>>,
    tls: Option<Tls>,
    service_config: Option<String>,
}

impl Backend {
    /// Servers at a target such as `dns:///employee-headless:50051`, with all services that no other backend names.
    ///
    /// # Errors
    /// If the text names no target.
    pub fn new(target: &str) -> Result<Self, BadTarget> {
        drop(Channel::builder(target)?);
        Ok(Self { target: target.to_owned(), services: None, tls: None, service_config: None })
    }

    /// With these services, by their full names, and no others.
    #[must_use]
    pub fn services(mut self, services: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.services = Some(services.into_iter().map(Into::into).collect());
        self
    }

    /// With connections that are encrypted.
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// With calls as gRPC's service config in JSON says, in place of what the gateway does by itself.
    ///
    /// # Errors
    /// If the text is none; it says where.
    pub fn service_config(mut self, json: &str) -> Result<Self, BadServiceConfig> {
        json.parse::<ServiceConfig>()?;
        self.service_config = Some(json.to_owned());
        Ok(self)
    }

    /// Where they are.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// A channel of its own, for calls as the service config says, its figures added to `metrics`.
    ///
    /// # Errors
    /// If the text names no target, or the config is none.
    pub(crate) fn channel(&self, config: &str, metrics: &Metrics) -> Result<Channel, BackendError> {
        let builder = Channel::builder(&self.target)?.metrics(metrics);
        let builder = match &self.tls {
            Some(tls) => builder.tls(tls.clone()),
            None => builder,
        };
        Ok(builder.service_config(config)?.build())
    }

    /// gRPC's service config: what only reads is asked of another server where one is not there or stands still, and a server
    /// that says it is about to leave is given no more calls. One of this process leaves when the gateway does, and stands
    /// still with it.
    pub(crate) fn config_for(&self, services: &[&Service]) -> String {
        if let Some(config) = &self.service_config {
            return config.clone();
        }
        let methods = |service: &Service| {
            let name = service.full_name;
            let safe = service.methods.iter().filter(|method| method.only_reads);
            safe.map(|method| json!({ "service": name, "method": method.name })).collect::<Vec<_>>()
        };
        let names: Vec<_> = services.iter().flat_map(|service| methods(service)).collect();
        let (policy, health) = if self.is_here() {
            let retry = json!({
                "maxAttempts": 3,
                "initialBackoff": "0.05s",
                "maxBackoff": "1s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            });
            (("retryPolicy", retry), json!({}))
        } else {
            let hedging = json!({ "maxAttempts": 3, "hedgingDelay": "0.5s", "nonFatalStatusCodes": ["UNAVAILABLE"] });
            (("hedgingPolicy", hedging), json!({ "serviceName": "" }))
        };
        // A config without names would be one for every method.
        let methods = if names.is_empty() { json!([]) } else { json!([{ "name": names, (policy.0): policy.1 }]) };
        let throttling = json!({ "maxTokens": 100, "tokenRatio": 0.2 });
        json!({ "methodConfig": methods, "retryThrottling": throttling, "healthCheckConfig": health }).to_string()
    }

    fn is_here(&self) -> bool {
        self.target.split_once(':').is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case("in-process"))
    }
}

impl fmt::Debug for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backend").field("target", &self.target).field("services", &self.services).finish()
    }
}

/// Backends that cannot serve what they should.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BackendError {
    /// A target is none.
    #[error(transparent)]
    Target(#[from] BadTarget),
    /// The service config that was made for a backend is none.
    #[error("fault in this build: {0}")]
    Config(#[from] BadServiceConfig),
    /// There is none.
    #[error("no backend is given; at least one is needed")]
    None,
    /// The descriptors do not know a service.
    #[error("{target} is to have the service {service}, which the descriptors do not know{}", nearest.map(|n| format!("; did you mean {n}?")).unwrap_or_default())]
    Unknown {
        /// Of the backend.
        target: String,
        /// As given.
        service: String,
        /// The known one most like it.
        nearest: Option<&'static str>,
    },
    /// Two backends have the same service.
    #[error("the service {service} is given to {first} and to {second}; one of them is to have it")]
    Twice {
        /// Its full name.
        service: String,
        /// The target of the one.
        first: String,
        /// The target of the other.
        second: String,
    },
    /// Two backends have whatever no other has.
    #[error("{first} and {second} name no services; one backend at most may have all that no other names")]
    Rest {
        /// The target of the one.
        first: String,
        /// The target of the other.
        second: String,
    },
}

/// Every service that has a backend, with the place of that.
pub(crate) fn assign(backends: &[Backend], schema: Schema) -> Result<Vec<(&'static Service, usize)>, BackendError> {
    if backends.is_empty() {
        return Err(BackendError::None);
    }
    let mut assigned: Vec<(&'static Service, usize)> = Vec::new();
    let target = |place: usize| backends.get(place).map(|backend| backend.target.clone()).unwrap_or_default();
    for (place, backend) in backends.iter().enumerate() {
        for name in backend.services.iter().flatten() {
            let Some(service) = schema.service(name) else {
                let known = schema.services().iter().map(|service| service.full_name);
                let nearest = campus_schema::nearest(name, known);
                return Err(BackendError::Unknown { target: target(place), service: name.clone(), nearest });
            };
            if let Some((_, other)) = assigned.iter().find(|(known, _)| known.full_name == service.full_name) {
                let (first, second) = (target(*other), target(place));
                return Err(BackendError::Twice { service: name.clone(), first, second });
            }
            assigned.push((service, place));
        }
    }
    let mut rest = (0..backends.len()).filter(|place| backends.get(*place).is_some_and(|b| b.services.is_none()));
    if let Some(place) = rest.next() {
        if let Some(other) = rest.next() {
            return Err(BackendError::Rest { first: target(place), second: target(other) });
        }
        let left =
            schema.services().iter().filter(|s| assigned.iter().all(|(known, _)| known.full_name != s.full_name));
        assigned.extend(left.map(|service| (service, place)).collect::<Vec<_>>());
    }
    // In the order of the descriptors, whoever has them.
    let order = |service: &Service| schema.services().iter().position(|s| s.full_name == service.full_name);
    assigned.sort_by_key(|(service, _)| order(service));
    Ok(assigned)
}
