//! The one table from errors to gRPC status, `ErrorInfo` reason and HTTP status.

use std::{collections::HashMap, time::Duration};

use campus_proto::google::rpc;
use prost::Message;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

use crate::error::Error;

/// The `domain` of every `ErrorInfo`.
const DOMAIN: &str = "campus";

/// How an error is called outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// gRPC status code.
    pub code: Code,
    /// `ErrorInfo.reason`.
    pub reason: &'static str,
    /// HTTP status, as `google.rpc.Code` documents it.
    pub http: u16,
    /// When a repetition can help: the time to wait at least.
    pub retry_after: Option<Duration>,
}

const fn row(code: Code, reason: &'static str, http: u16) -> Row {
    Row { code, reason, http, retry_after: None }
}

const SOON: Duration = Duration::from_millis(100);
const LATER: Duration = Duration::from_secs(1);

impl Error {
    /// What the error is called in gRPC and HTTP.
    pub fn row(&self) -> Row {
        let again = |row: Row, after: Duration| Row { retry_after: Some(after), ..row };
        match self {
            Self::Invalid(_) => row(Code::InvalidArgument, "INVALID_FIELD", 400),
            Self::Missing { .. } => row(Code::NotFound, "RESOURCE_NOT_FOUND", 404),
            Self::Exists { .. } => row(Code::AlreadyExists, "RESOURCE_EXISTS", 409),
            Self::Taken { .. } => row(Code::AlreadyExists, "VALUE_TAKEN", 409),
            Self::Conflict { .. } => row(Code::Aborted, "ETAG_MISMATCH", 409),
            Self::Contended { .. } => again(row(Code::Aborted, "CONTENTION", 409), SOON),
            Self::Expired => row(Code::OutOfRange, "RESUME_TOKEN_EXPIRED", 400),
            Self::Overloaded { retry_after } => {
                again(row(Code::ResourceExhausted, "WRITE_QUEUE_FULL", 429), *retry_after)
            }
            Self::TooMuch(_) => row(Code::ResourceExhausted, "TOO_MUCH_AT_ONCE", 429),
            Self::StorageFull => again(row(Code::ResourceExhausted, "STORAGE_FULL", 429), LATER),
            Self::Unavailable { .. } => again(row(Code::Unavailable, "STORAGE_UNAVAILABLE", 503), LATER),
            Self::Unknown => row(Code::Unavailable, "OUTCOME_UNKNOWN", 503),
            Self::Stopping => again(row(Code::Unavailable, "STOPPING", 503), LATER),
            Self::ImportCut { .. } => again(row(Code::Unavailable, "STORAGE_UNAVAILABLE", 503), LATER),
            Self::Gone => row(Code::DataLoss, "STORAGE_GONE", 500),
            Self::Corrupt => row(Code::DataLoss, "STORAGE_DAMAGED", 500),
            Self::Internal => row(Code::Internal, "INTERNAL", 500),
        }
    }

    fn details(&self, row: Row) -> ErrorDetails {
        let mut details = ErrorDetails::with_error_info(row.reason, DOMAIN, self.metadata());
        if let Some(after) = row.retry_after {
            details.set_retry_info(Some(after));
        }
        match self {
            Self::Invalid(violations) => {
                let each = violations.iter().map(|v| FieldViolation::new(&v.field, &v.description));
                details.set_bad_request(each.collect::<Vec<_>>());
            }
            Self::Missing { resource, name }
            | Self::Exists { resource, name }
            | Self::Taken { resource, name, .. }
            | Self::Conflict { resource, name, .. } => {
                details.set_resource_info(resource, name, "", self.to_string());
            }
            _ => {}
        }
        details
    }

    fn metadata(&self) -> HashMap<String, String> {
        match self {
            Self::Taken { field, .. } => HashMap::from([("field".into(), field.clone())]),
            Self::Conflict { etag, .. } => HashMap::from([("etag".into(), etag.clone())]),
            _ => HashMap::new(),
        }
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let row = error.row();
        Self::with_error_details(row.code, error.to_string(), error.details(row))
    }
}

impl From<Error> for rpc::Status {
    /// The status of one item of a stream.
    fn from(error: Error) -> Self {
        let status = Status::from(error);
        // tonic keeps the details as an encoded google.rpc.Status, which is this very message.
        Self::decode(status.details()).unwrap_or_else(|_| Self {
            code: status.code() as i32,
            message: status.message().to_owned(),
            details: Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::Violation;

    fn named(make: fn(String, String) -> Error) -> Error {
        make("campus/Employee".into(), "employees/1".into())
    }

    /// A row for each error: what is wrong, code, reason, HTTP, whether a repetition can help.
    fn table() -> Vec<(Error, Code, &'static str, u16, bool)> {
        vec![
            (Error::invalid("a", "b"), Code::InvalidArgument, "INVALID_FIELD", 400, false),
            (
                named(|resource, name| Error::Missing { resource, name }),
                Code::NotFound,
                "RESOURCE_NOT_FOUND",
                404,
                false,
            ),
            (
                named(|resource, name| Error::Exists { resource, name }),
                Code::AlreadyExists,
                "RESOURCE_EXISTS",
                409,
                false,
            ),
            (
                named(|resource, name| Error::Taken { resource, name, field: "employee.email".into() }),
                Code::AlreadyExists,
                "VALUE_TAKEN",
                409,
                false,
            ),
            (
                named(|resource, name| Error::Conflict { resource, name, etag: "e".into() }),
                Code::Aborted,
                "ETAG_MISMATCH",
                409,
                false,
            ),
            (Error::Contended { name: "employees/1".into() }, Code::Aborted, "CONTENTION", 409, true),
            (Error::Expired, Code::OutOfRange, "RESUME_TOKEN_EXPIRED", 400, false),
            (Error::Overloaded { retry_after: SOON }, Code::ResourceExhausted, "WRITE_QUEUE_FULL", 429, true),
            (Error::TooMuch("t".into()), Code::ResourceExhausted, "TOO_MUCH_AT_ONCE", 429, false),
            (Error::StorageFull, Code::ResourceExhausted, "STORAGE_FULL", 429, true),
            (Error::Unavailable { reason: "r" }, Code::Unavailable, "STORAGE_UNAVAILABLE", 503, true),
            (Error::Unknown, Code::Unavailable, "OUTCOME_UNKNOWN", 503, false),
            (Error::Stopping, Code::Unavailable, "STOPPING", 503, true),
            (Error::ImportCut { reason: "r" }, Code::Unavailable, "STORAGE_UNAVAILABLE", 503, true),
            (Error::Gone, Code::DataLoss, "STORAGE_GONE", 500, false),
            (Error::Corrupt, Code::DataLoss, "STORAGE_DAMAGED", 500, false),
            (Error::Internal, Code::Internal, "INTERNAL", 500, false),
        ]
    }

    #[test]
    fn every_error_has_its_code_reason_and_http_status() {
        for (error, code, reason, http, retry) in table() {
            let message = error.to_string();
            let row = error.row();
            assert_eq!((row.code, row.reason, row.http, row.retry_after.is_some()), (code, reason, http, retry));
            let status = Status::from(error);
            assert_eq!((status.code(), status.message()), (code, message.as_str()));
            let details = status.get_error_details();
            let info = details.error_info().expect("every error says why");
            assert_eq!((info.reason.as_str(), info.domain.as_str()), (reason, "campus"));
            assert_eq!(details.retry_info().is_some(), retry, "{reason}");
        }
    }

    #[test]
    fn all_violations_are_listed_at_once() {
        let violation = |field: &str| Violation { field: field.into(), description: "is required".into() };
        let status = Status::from(Error::Invalid(vec![violation("a"), violation("b")]));
        let details = status.get_error_details();
        let fields: Vec<_> = details.bad_request().unwrap().field_violations.iter().map(|v| v.field.clone()).collect();
        assert_eq!(fields, ["a", "b"]);
        assert_eq!(status.message(), "a: is required; b: is required");
    }

    #[test]
    fn an_item_carries_the_same_status_as_a_call() {
        let missing = named(|resource, name| Error::Missing { resource, name });
        let item = rpc::Status::from(missing.clone());
        let call = Status::from(missing);
        assert_eq!((item.code, item.message.as_str()), (call.code() as i32, call.message()));
        assert_eq!(item.details.len(), 2, "ErrorInfo and ResourceInfo");
    }
}
