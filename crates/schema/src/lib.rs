//! What each message looks like, as a table built once from the descriptors, and what can be done with it on wire bytes.
//!
//! [`Schema::from_descriptors`] reads a descriptor set at start-up. Everything after that works on encoded messages and
//! the table: one encoding for equal records ([`MessageType::canonical`]), field masks ([`Mask`]), single fields
//! ([`MessageType::get`]) and ProtoJSON ([`MessageType::to_json`], [`MessageType::from_json`]). No message is built, so
//! fields that the descriptors do not know survive by themselves.

mod access;
mod canonical;
mod comments;
mod error;
mod json;
mod load;
mod mask;
mod nearest;
mod plain;
mod rewrite;
mod service;
mod table;
mod value;
pub mod wire;

pub use error::{JsonError, Malformed, SchemaError, UnknownPath};
pub use json::JsonOptions;
pub use mask::Mask;
pub use nearest::nearest;
pub use service::{HttpRule, Method, ResourceType, Service};
pub use table::{EnumType, EnumValue, Field, Kind, MapType, MessageType, Oneof, Schema};
pub use value::Value;

/// How deep messages may be nested, map entries included; the limit that prost has as well.
pub const DEPTH_LIMIT: usize = 100;
