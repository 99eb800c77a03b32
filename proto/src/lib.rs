//! The contract: messages, service traits, clients and the descriptor set.
//!
//! Messages and clients are the usual ones of prost and tonic. The server traits differ in two ways, so that a record
//! crosses a service as bytes: replies are [`Encoded`], and the requests of the standard methods are the shared types
//! of [`standard`], in which a record is not decoded; what other services take in a stream comes as it was [`Sent`].

mod encoded;
mod pieces;
mod raw;
mod sent;
pub mod standard;

pub use encoded::{BufferedCodec, Encoded, EncodedCodec, EncodedStreamCodec, RecordCodec};
pub use raw::Raw;
pub use sent::Sent;

/// The compiled contract as an encoded `google.protobuf.FileDescriptorSet`, imports and custom options included.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.binpb"));

macro_rules! package {
    ($(#[$doc:meta])* $name:ident, $package:literal $(, $service:literal)?) => {
        $(#[$doc])*
        #[allow(
            clippy::all,
            clippy::pedantic,
            clippy::restriction,
            missing_docs,
            unreachable_pub,
            unused_qualifications,
            rustdoc::all,
            reason = "generated"
        )]
        pub mod $name {
            tonic::include_proto!($package);
            $(include!(concat!(env!("OUT_DIR"), "/", $package, ".", $service, ".rs"));)?
        }
    };
}

/// `campus`: the contracts of this project.
pub mod campus {
    /// `campus.employee`: the people employed by the campus.
    pub mod employee {
        package!(
            /// `campus.employee.v1`.
            v1, "campus.employee.v1", "EmployeeService"
        );
    }
    /// `campus.student`: the people who study at the campus.
    pub mod student {
        package!(
            /// `campus.student.v1`.
            v1, "campus.student.v1", "StudentService"
        );
    }
}

package!(
    /// `personguide`: the address book, with the contract of a published tutorial.
    personguide, "personguide", "PersonGuide"
);

/// `google`: the published types that the contracts use.
pub mod google {
    package!(
        /// `google.rpc`: statuses and their details.
        rpc, "google.rpc"
    );
}
