//! Server reflection, v1 and v1alpha, over the descriptors exactly as they were given (custom options included).

use crate::service::Registered;
use tonic_reflection::{
    pb::{v1, v1alpha},
    server::{Builder, Error},
};

pub(crate) const V1: &str = "grpc.reflection.v1.ServerReflection";
pub(crate) const V1ALPHA: &str = "grpc.reflection.v1alpha.ServerReflection";

/// The descriptor sets of the reflection services themselves, and of the details that errors carry.
pub(crate) const DESCRIPTORS: [&[u8]; 3] =
    [v1::FILE_DESCRIPTOR_SET, v1alpha::FILE_DESCRIPTOR_SET, tonic_types::pb::FILE_DESCRIPTOR_SET];

/// Both versions; they list `names` and answer about everything in `sets`.
pub(crate) fn services(sets: &[&[u8]], names: &[&str]) -> Result<[Registered; 2], Error> {
    let builder = || {
        let builder = names.iter().fold(Builder::configure(), |builder, name| builder.with_service_name(*name));
        sets.iter().fold(builder, |builder, set| builder.register_encoded_file_descriptor_set(set))
    };
    let builder = || builder().include_reflection_service(false);
    Ok([Registered::new(builder().build_v1()?), Registered::new(builder().build_v1alpha()?)])
}
