//! The interop cases of gRPC, on the chassis and on the balanced client.
//!
//! Others publish programs that go through the same cases; `.ci/interop` has each call each, and says which do not apply.
//! Source of the cases: `doc/interop-test-descriptions.md` of gRPC.

pub mod client;
pub mod server;

/// `grpc.testing`: the contract of the cases.
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
pub mod testing {
    tonic::include_proto!("grpc.testing");
}

/// The contract as an encoded `google.protobuf.FileDescriptorSet`.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.binpb"));

/// The key that a server gives back with the head of its answer.
pub const INITIAL: &str = "x-grpc-test-echo-initial";
/// The key that a server gives back behind its answer.
pub const TRAILING: &str = "x-grpc-test-echo-trailing-bin";
