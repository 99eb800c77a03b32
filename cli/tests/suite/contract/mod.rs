//! The contract of the standard methods, as one table of cases that every service is held to over a real connection.

mod reads;
mod streams;
mod writes;

use bytes::Bytes;
use campus_host::Part;
use campus_testkit::{Campus, Client, Kind, Person, Way};
use prost::Message;
use prost_types::FieldMask;
use tonic::Status;
use tonic_types::StatusExt;

pub(crate) const PARTS: [Part; 2] = [Part::of::<campus_employee::Employees>(), Part::of::<campus_student::Students>()];

/// A test of each case for each kind of record, on a server of its own; and a test of all cases for each other way to a server.
macro_rules! contract {
    ($($case:ident)*) => {
        mod employees {
            $(#[tokio::test] async fn $case() { super::super::on(campus_testkit::Kind::EMPLOYEE, async |client| super::$case(client).await).await })*
        }
        mod students {
            $(#[tokio::test] async fn $case() { super::super::on(campus_testkit::Kind::STUDENT, async |client| super::$case(client).await).await })*
        }
        mod over {
            use campus_testkit::Way;
            async fn all(way: Way) {
                for kind in [campus_testkit::Kind::EMPLOYEE, campus_testkit::Kind::STUDENT] {
                    $(
                        println!("{}: {}", kind.singular, stringify!($case));
                        super::super::over(way, kind, async |client| super::$case(client).await).await;
                    )*
                }
            }
            #[tokio::test] async fn version_6_of_ip() { all(Way::Tcp6).await }
            #[tokio::test] async fn a_unix_socket() { all(Way::Unix).await }
            #[tokio::test] async fn this_process() { all(Way::InProcess).await }
            #[tokio::test] async fn tls() { all(Way::Tls).await }
            #[tokio::test] async fn mutual_tls() { all(Way::MutualTls).await }
        }
    };
}
use contract;

pub(crate) async fn on(kind: Kind, case: impl AsyncFnOnce(Client)) {
    over(Way::Tcp, kind, case).await;
}

/// Runs a case on a server of its own that is reached this way.
pub(crate) async fn over(way: Way, kind: Kind, case: impl AsyncFnOnce(Client)) {
    let campus = Campus::start_over(way, &PARTS, |settings| super::ENGINE.set(settings));
    case(Client::new(kind, campus.channel().await)).await;
    campus.stop();
}

pub(crate) fn mask(paths: &[&str]) -> Option<FieldMask> {
    Some(FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() })
}

/// The fields a status complains of.
pub(crate) fn violations(status: &Status) -> Vec<String> {
    let details = status.get_error_details();
    let bad = details.bad_request().unwrap_or_else(|| panic!("no BadRequest in {status:?}"));
    bad.field_violations.iter().map(|violation| violation.field.clone()).collect()
}

pub(crate) fn reason(status: &Status) -> String {
    status.get_error_details().error_info().map(|info| info.reason.clone()).unwrap_or_default()
}

pub(crate) fn with_email(kind: Kind, person: &Person, email: &str) -> Bytes {
    let mut record = person.encode_to_vec();
    prost::encoding::string::encode(kind.email, &email.to_owned(), &mut record);
    record.into()
}
