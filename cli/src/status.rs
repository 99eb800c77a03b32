//! The one table from gRPC statuses to exit codes, and how a status reads on a terminal.

use std::time::Duration;

use campus_proto::google::rpc;
use prost::Message;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::{
    connect::{Explained, advice},
    failure::{Failure, exit},
    terminal::printable,
};

/// What a status code is called, which exit code it becomes, and what a user can do about it.
struct Row {
    code: Code,
    name: &'static str,
    exit: u8,
    advice: &'static str,
}

const fn row(code: Code, name: &'static str, exit: u8, advice: &'static str) -> Row {
    Row { code, name, exit, advice }
}

const TABLE: [Row; 16] = [
    row(Code::Cancelled, "CANCELLED", exit::INTERNAL, ""),
    row(Code::Unknown, "UNKNOWN", exit::INTERNAL, "the log of the server may say more"),
    row(Code::InvalidArgument, "INVALID_ARGUMENT", exit::RECORDS, ""),
    row(Code::DeadlineExceeded, "DEADLINE_EXCEEDED", exit::UNAVAILABLE, "give it longer with --timeout"),
    row(Code::NotFound, "NOT_FOUND", exit::RECORDS, ""),
    row(Code::AlreadyExists, "ALREADY_EXISTS", exit::RECORDS, ""),
    row(Code::PermissionDenied, "PERMISSION_DENIED", exit::RECORDS, ""),
    row(Code::ResourceExhausted, "RESOURCE_EXHAUSTED", exit::UNAVAILABLE, ""),
    row(Code::FailedPrecondition, "FAILED_PRECONDITION", exit::RECORDS, ""),
    row(Code::Aborted, "ABORTED", exit::RECORDS, ""),
    row(Code::OutOfRange, "OUT_OF_RANGE", exit::RECORDS, ""),
    row(
        Code::Unimplemented,
        "UNIMPLEMENTED",
        exit::UNAVAILABLE,
        "the server does not serve this: is it the right one?",
    ),
    row(Code::Internal, "INTERNAL", exit::INTERNAL, "the log of the server may say more"),
    row(Code::Unavailable, "UNAVAILABLE", exit::UNAVAILABLE, ""),
    row(Code::DataLoss, "DATA_LOSS", exit::INTERNAL, "the log of the server may say more"),
    row(Code::Unauthenticated, "UNAUTHENTICATED", exit::RECORDS, ""),
];

fn find(code: Code) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.code == code)
}

/// The exit code of a call that ended with `code`.
pub(crate) fn exit_code(code: Code) -> u8 {
    find(code).map_or(exit::DONE, |row| row.exit)
}

/// Whether the call ended because the way to the server broke, so that it is safe to take it up again.
pub(crate) fn is_cut(status: &Status) -> bool {
    let can_mend = Explained::of(status).is_none() && status.code() != Code::DeadlineExceeded;
    can_mend && (status.code() == Code::Unavailable || is_of_this_side(status))
}

/// Only a status that arose on this side has a source; then no server has judged the call.
fn is_of_this_side(status: &Status) -> bool {
    std::error::Error::source(status).is_some()
}

/// Whether the server has no room, which does not come by itself.
pub(crate) fn is_full(status: &Status) -> bool {
    status.get_details_error_info().is_some_and(|info| info.reason == "STORAGE_FULL")
}

/// Why the call is worth another try.
pub(crate) fn cut_short(status: &Status) -> String {
    match is_cut(status) {
        // A server that gives its reason is running.
        true if status.get_details_error_info().is_some() => printable(status.message()),
        true => "the connection was cut".to_owned(),
        false if status.code() == Code::DeadlineExceeded => "the server does not answer".to_owned(),
        false => "the server is busy".to_owned(),
    }
}

/// How long the server asks to wait before the call is repeated, if repeating can help.
pub(crate) fn retry_after(status: &Status) -> Option<Duration> {
    status.get_details_retry_info().and_then(|info| info.retry_delay)
}

/// What a call ended with, for a user.
///
/// `call` is the method, `server` the address.
pub(crate) fn failure(status: &Status, call: &str, server: &str) -> Failure {
    if let Some(explained) = Explained::of(status) {
        return explained.failure();
    }
    let name = find(status.code()).map_or("OK", |row| row.name);
    let cut = is_cut(status);
    let exit = if cut { exit::UNAVAILABLE } else { exit_code(status.code()) };
    let violations = violations(status);
    // The message of a server may list them as well.
    let headline = if violations.is_empty() { headline(status) } else { "the request is not valid".to_owned() };
    let mut failure = Failure::new(exit, format!("{} ({name})", printable(&headline)));
    for violation in violations {
        failure = failure.note(violation);
    }
    if let Some(resource) = status.get_details_resource_info().filter(|r| !status.message().contains(&r.resource_name))
    {
        failure = failure.note(printable(&resource.resource_name));
    }
    failure = failure.note(format!("calling {call} at {server}"));
    if let Some(wait) = retry_after(status) {
        failure = failure.note(format!("try again in {wait:?}"));
    }
    // A server that has answered is running, and what ends with a question has its advice.
    let advice = match find(status.code()) {
        _ if headline.ends_with('?') => "",
        _ if is_of_this_side(status) && cut => advice(status),
        row => row.map_or("", |row| row.advice),
    };
    if advice.is_empty() { failure } else { failure.note(advice) }
}

/// The status of one record on one line: the message, then each violation.
pub(crate) fn one_line(status: &rpc::Status) -> String {
    let status =
        Status::with_details(Code::from_i32(status.code), status.message.clone(), status.encode_to_vec().into());
    let violations = violations(&status);
    let line = if violations.is_empty() { headline(&status) } else { violations.join("; ") };
    printable(&line)
}

fn headline(status: &Status) -> String {
    if !status.message().is_empty() && !is_cut(status) {
        return status.message().to_owned();
    }
    let mut text = if status.message().is_empty() { "the call failed".to_owned() } else { status.message().to_owned() };
    let mut source = std::error::Error::source(status);
    while let Some(error) = source {
        let cause = error.to_string();
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
        source = error.source();
    }
    text
}

fn violations(status: &Status) -> Vec<String> {
    let Some(bad) = status.get_details_bad_request() else { return Vec::new() };
    bad.field_violations.iter().map(|v| printable(&format!("{}: {}", v.field, v.description))).collect()
}

#[cfg(test)]
mod tests {
    use tonic_types::{ErrorDetails, FieldViolation};

    use super::*;

    #[test]
    fn every_status_code_has_its_exit_code() {
        let expected = [
            (Code::Ok, 0),
            (Code::Cancelled, 70),
            (Code::Unknown, 70),
            (Code::InvalidArgument, 1),
            (Code::DeadlineExceeded, 69),
            (Code::NotFound, 1),
            (Code::AlreadyExists, 1),
            (Code::PermissionDenied, 1),
            (Code::ResourceExhausted, 69),
            (Code::FailedPrecondition, 1),
            (Code::Aborted, 1),
            (Code::OutOfRange, 1),
            (Code::Unimplemented, 69),
            (Code::Internal, 70),
            (Code::Unavailable, 69),
            (Code::DataLoss, 70),
            (Code::Unauthenticated, 1),
        ];
        for (code, exit) in expected {
            assert_eq!(exit_code(code), exit, "{code:?}");
        }
    }

    #[test]
    fn each_violation_stands_on_a_line_of_its_own() {
        let details = ErrorDetails::with_bad_request(vec![
            FieldViolation::new("employee.email", "is not an e-mail address"),
            FieldViolation::new("employee.hire_date", "is before birth_date"),
        ]);
        let status = Status::with_error_details(Code::InvalidArgument, "2 fields are wrong", details);
        let text = failure(&status, "CreateEmployee", "http://127.0.0.1:50051").to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines,
            [
                "the request is not valid (INVALID_ARGUMENT)",
                "  employee.email: is not an e-mail address",
                "  employee.hire_date: is before birth_date",
                "  calling CreateEmployee at http://127.0.0.1:50051",
            ]
        );
    }

    #[test]
    fn the_time_to_wait_is_passed_on() {
        let details = ErrorDetails::with_retry_info(Some(Duration::from_millis(100)));
        let status = Status::with_error_details(Code::ResourceExhausted, "the queue is full", details);
        assert_eq!(retry_after(&status), Some(Duration::from_millis(100)));
        let failure = failure(&status, "CreateEmployee", "here");
        assert_eq!(failure.exit(), exit::UNAVAILABLE);
        assert!(failure.to_string().contains("try again in 100ms"), "{failure}");
    }

    #[test]
    fn a_status_of_the_server_is_no_cut_unless_it_says_unavailable() {
        assert!(is_cut(&Status::unavailable("stopping")));
        assert!(!is_cut(&Status::internal("a fault")));
    }

    #[test]
    fn the_reason_of_one_record_fits_on_a_line() {
        let details = ErrorDetails::with_bad_request(vec![
            FieldViolation::new("given_name", "is required"),
            FieldViolation::new("email", "is not an e-mail address"),
        ]);
        let status = Status::with_error_details(Code::InvalidArgument, "invalid", details);
        let status = rpc::Status::decode(status.details()).expect("details are a google.rpc.Status");
        assert_eq!(one_line(&status), "given_name: is required; email: is not an e-mail address");
    }
}
