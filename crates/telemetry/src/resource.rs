//! What is said of this process with everything that is sent.

use crate::{VariableError, variables::Variables};
use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, KeyValue, any_value::Value},
    resource::v1::Resource,
};
use std::{collections::BTreeMap, fs};

/// Attributes and the variables a pod gets them by (the downward API of Kubernetes).
const POD: [(&str, &str); 6] = [
    ("k8s.pod.name", "POD_NAME"),
    ("k8s.pod.uid", "POD_UID"),
    ("k8s.namespace.name", "POD_NAMESPACE"),
    ("k8s.node.name", "NODE_NAME"),
    ("k8s.container.name", "CONTAINER_NAME"),
    ("k8s.deployment.name", "DEPLOYMENT_NAME"),
];

/// The program `name` in this `version`, in the place the variables tell. What `OTEL_RESOURCE_ATTRIBUTES` says wins, and
/// over it `OTEL_SERVICE_NAME`.
pub(crate) fn read(variables: &Variables<'_>, name: &str, version: &str) -> Result<Resource, VariableError> {
    let mut known: BTreeMap<String, String> = BTreeMap::new();
    let mut say = |key: &str, value: String| known.insert(key.to_owned(), value);
    say("service.name", name.to_owned());
    say("service.version", version.to_owned());
    say("service.instance.id", instance());
    say("telemetry.sdk.name", "opentelemetry".to_owned());
    say("telemetry.sdk.language", "rust".to_owned());
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    if !host.trim().is_empty() {
        say("host.name", host.trim().to_owned());
    }
    for (key, variable) in POD {
        if let Some(found) = variables.get(variable)? {
            say(key, found.value);
        }
    }
    if let Some(given) = variables.get("OTEL_RESOURCE_ATTRIBUTES")? {
        let pairs = given.pairs().ok_or_else(|| {
            given.error("use key=value pairs separated by commas, with %XX for what a value cannot hold")
        })?;
        known.extend(pairs);
    }
    if let Some(given) = variables.get("OTEL_SERVICE_NAME")? {
        known.insert("service.name".to_owned(), given.value);
    }
    let mut attributes: Vec<KeyValue> = known.into_iter().map(|(key, value)| text(key, value)).collect();
    attributes.push(attribute("process.pid".to_owned(), Value::IntValue(std::process::id().into())));
    Ok(Resource { attributes, ..Resource::default() })
}

/// An attribute of text.
pub(crate) fn text(key: String, value: String) -> KeyValue {
    attribute(key, Value::StringValue(value))
}

fn attribute(key: String, value: Value) -> KeyValue {
    KeyValue { key, value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

/// A random UUID (version 4): two processes never share one.
fn instance() -> String {
    let bits = fastrand::u128(..) & !(0xf << 76 | 0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let hex = format!("{bits:032x}");
    let part = |range| hex.get(range).unwrap_or_default();
    [part(0..8), part(8..12), part(12..16), part(16..20), part(20..32)].join("-")
}
