//! The requests and replies of the standard methods, once for every kind of record.
//!
//! Each type is wire-compatible with the messages of its verb in the contracts (`CreateEmployeeRequest`,
//! `CreateStudentRequest`, ...), whose fields have the same numbers; a test holds them to it. A record is left as the
//! bytes that were sent, so that nothing is decoded twice and fields this build does not know survive.

use bytes::Bytes;
use prost_types::{FieldMask, Timestamp};

use crate::google::rpc::Status;

/// `Create*Request`: AIP-133.
#[derive(Clone, PartialEq, prost::Message)]
pub struct CreateRequest {
    /// The record, encoded.
    #[prost(bytes = "bytes", optional, tag = "1")]
    pub record: Option<Bytes>,
    /// Last segment of the new name; empty lets the server choose.
    #[prost(string, tag = "2")]
    pub id: String,
    /// A UUID that makes a repeated call harmless; empty is none. AIP-155.
    #[prost(string, tag = "3")]
    pub request_id: String,
}

/// `Get*Request`: AIP-131.
#[derive(Clone, PartialEq, prost::Message)]
pub struct GetRequest {
    /// Name of the record.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Fields to return. AIP-157.
    #[prost(message, optional, tag = "2")]
    pub read_mask: Option<FieldMask>,
}

/// `BatchGet*Request`: AIP-231.
#[derive(Clone, PartialEq, prost::Message)]
pub struct BatchGetRequest {
    /// Names of the records.
    #[prost(string, repeated, tag = "1")]
    pub names: Vec<String>,
    /// Fields to return.
    #[prost(message, optional, tag = "2")]
    pub read_mask: Option<FieldMask>,
}

/// `List*Request`: AIP-132.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ListRequest {
    /// Most records to return; 0 is the default.
    #[prost(int32, tag = "1")]
    pub page_size: i32,
    /// Where to go on. AIP-158.
    #[prost(string, tag = "2")]
    pub page_token: String,
    /// Which records. AIP-160.
    #[prost(string, tag = "3")]
    pub filter: String,
    /// In which order. AIP-132.
    #[prost(string, tag = "4")]
    pub order_by: String,
    /// Fields to return.
    #[prost(message, optional, tag = "5")]
    pub read_mask: Option<FieldMask>,
}

/// `List*Response`; `BatchGet*Response` is the same without a token.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ListResponse {
    /// The records, encoded.
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub records: Vec<Bytes>,
    /// Where the next page starts; empty on the last.
    #[prost(string, tag = "2")]
    pub next_page_token: String,
}

/// `Update*Request`: AIP-134.
#[derive(Clone, PartialEq, prost::Message)]
pub struct UpdateRequest {
    /// The record with its new values, encoded.
    #[prost(bytes = "bytes", optional, tag = "1")]
    pub record: Option<Bytes>,
    /// Fields to change.
    #[prost(message, optional, tag = "2")]
    pub update_mask: Option<FieldMask>,
    /// Create the record if the name is unknown.
    #[prost(bool, tag = "3")]
    pub allow_missing: bool,
}

/// `Delete*Request`: AIP-135.
#[derive(Clone, PartialEq, prost::Message)]
pub struct DeleteRequest {
    /// Name of the record.
    #[prost(string, tag = "1")]
    pub name: String,
    /// If set, the etag that the stored record must have.
    #[prost(string, tag = "2")]
    pub etag: String,
    /// An unknown name is no error.
    #[prost(bool, tag = "3")]
    pub allow_missing: bool,
}

/// `Stream*Request`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct StreamRequest {
    /// Which records.
    #[prost(string, tag = "1")]
    pub filter: String,
    /// Only names after this one.
    #[prost(string, tag = "2")]
    pub after: String,
    /// Fields to return.
    #[prost(message, optional, tag = "3")]
    pub read_mask: Option<FieldMask>,
}

/// `Watch*Request`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct WatchRequest {
    /// Where to go on; empty is from now on.
    #[prost(string, tag = "1")]
    pub resume_token: String,
    /// Which records.
    #[prost(string, tag = "2")]
    pub filter: String,
}

/// `Watch*Response`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct WatchResponse {
    /// What happened.
    #[prost(enumeration = "ChangeType", tag = "1")]
    pub change_type: i32,
    /// The record as the change left it, encoded.
    #[prost(bytes = "bytes", optional, tag = "2")]
    pub record: Option<Bytes>,
    /// Where to go on after this.
    #[prost(string, tag = "3")]
    pub resume_token: String,
    /// When it was committed.
    #[prost(message, optional, tag = "4")]
    pub change_time: Option<Timestamp>,
}

/// What a step of a watch says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
pub enum ChangeType {
    /// A mark of progress.
    Unspecified = 0,
    /// The record is new.
    Created = 1,
    /// The record was changed.
    Updated = 2,
    /// The record was removed.
    Deleted = 3,
}

/// `Import*Request`: one record of the stream.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ImportRequest {
    /// The record, encoded.
    #[prost(bytes = "bytes", optional, tag = "1")]
    pub record: Option<Bytes>,
}

/// `Import*Response`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ImportResponse {
    /// Records that were new.
    #[prost(int32, tag = "1")]
    pub created_count: i32,
    /// Records that replaced a different one.
    #[prost(int32, tag = "2")]
    pub updated_count: i32,
    /// Records that were there already.
    #[prost(int32, tag = "3")]
    pub unchanged_count: i32,
    /// Records that were not written.
    #[prost(int32, tag = "4")]
    pub rejected_count: i32,
    /// The first of the records that were not written.
    #[prost(message, repeated, tag = "5")]
    pub rejections: Vec<Rejection>,
}

/// `Import*Response.Rejection`: a record that was not written.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Rejection {
    /// Position in the stream; the first is 0.
    #[prost(int32, tag = "1")]
    pub position: i32,
    /// The name the record had.
    #[prost(string, tag = "2")]
    pub name: String,
    /// Why.
    #[prost(message, optional, tag = "3")]
    pub status: Option<Status>,
}

/// `Lookup*Request`: one name of the stream.
#[derive(Clone, PartialEq, prost::Message)]
pub struct LookupRequest {
    /// Name of the record.
    #[prost(string, tag = "1")]
    pub name: String,
}

/// `Lookup*Response`: the answer to one name. Exactly one of `record` and `error` is set.
#[derive(Clone, PartialEq, prost::Message)]
pub struct LookupResponse {
    /// The name that was asked for.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The record, encoded.
    #[prost(bytes = "bytes", optional, tag = "2")]
    pub record: Option<Bytes>,
    /// Why there is none.
    #[prost(message, optional, tag = "3")]
    pub error: Option<Status>,
}
