//! Messages between JSON and the wire, by the descriptors of the contract.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::{Bytes, BytesMut};
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, MethodDescriptor, Value as Field};
use serde_json::Value;

/// Bytes that come behind an encoded message.
const APPEND: &str = "$append";
/// Fields that the descriptors do not know.
const UNKNOWN: &str = "$unknown";

/// What the contract describes.
#[derive(Clone)]
pub(crate) struct Contract(DescriptorPool);

impl Contract {
    /// Of this build.
    ///
    /// # Errors
    /// If the build has a fault.
    pub(crate) fn new() -> Result<Self, String> {
        DescriptorPool::decode(campus_proto::DESCRIPTORS).map(Self).map_err(|error| error.to_string())
    }

    /// A method by `package.Service/Method`.
    ///
    /// # Errors
    /// If there is none.
    pub(crate) fn method(&self, path: &str) -> Result<MethodDescriptor, String> {
        let (service, method) = path.split_once('/').unwrap_or_default();
        let service = self.0.get_service_by_name(service);
        let found = service.and_then(|service| service.methods().find(|known| known.name() == method));
        found.ok_or_else(|| format!("there is no method {path:?}"))
    }

    /// The details of a status, as JSON, out of `grpc-status-details-bin`.
    ///
    /// # Errors
    /// If they cannot be read.
    pub(crate) fn details(&self, bytes: &[u8]) -> Result<Value, String> {
        let status = self.0.get_message_by_name("google.rpc.Status").ok_or("no google.rpc.Status")?;
        let status = decode(status, Bytes::copy_from_slice(bytes)).map_err(|error| format!("details: {error}"))?;
        Ok(status.get("details").cloned().unwrap_or(Value::Array(Vec::new())))
    }
}

/// A request as the vector has it, for the wire.
///
/// # Errors
/// If it is no message of this type.
pub(crate) fn encode(message: MessageDescriptor, mut json: Value) -> Result<Bytes, String> {
    let appended = json.as_object_mut().and_then(|members| members.remove(APPEND));
    let message = DynamicMessage::deserialize(message, json).map_err(|error| error.to_string())?;
    let mut bytes = message.encode_to_vec();
    if let Some(appended) = appended {
        let text = appended.as_str().unwrap_or_default();
        bytes.extend(STANDARD.decode(text).map_err(|error| format!("{APPEND}: {error}"))?);
    }
    Ok(bytes.into())
}

/// A response as JSON, unknown fields and all.
///
/// # Errors
/// If it is no message of this type.
pub(crate) fn decode(message: MessageDescriptor, bytes: Bytes) -> Result<Value, String> {
    let message = DynamicMessage::decode(message, bytes).map_err(|error| error.to_string())?;
    let mut json = serde_json::to_value(&message).map_err(|error| error.to_string())?;
    add_unknown(&message, &mut json);
    Ok(json)
}

fn add_unknown(message: &DynamicMessage, json: &mut Value) {
    for (field, value) in message.fields() {
        let Some(json) = json.get_mut(field.json_name()) else { continue };
        match value {
            Field::Message(message) => add_unknown(message, json),
            Field::List(list) => {
                for (element, json) in list.iter().zip(json.as_array_mut().into_iter().flatten()) {
                    element.as_message().into_iter().for_each(|message| add_unknown(message, json));
                }
            }
            _ => {}
        }
    }
    let mut unknown = BytesMut::new();
    message.unknown_fields().for_each(|field| field.encode(&mut unknown));
    // A message with a form of its own in JSON, such as a time, has no place for it.
    if let (false, Some(members)) = (unknown.is_empty(), json.as_object_mut()) {
        members.insert(UNKNOWN.to_owned(), STANDARD.encode(unknown).into());
    }
}
