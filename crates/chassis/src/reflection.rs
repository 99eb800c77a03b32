//! Server reflection, v1 and v1alpha, over the descriptors exactly as they were given (custom options included).

use crate::{
    call::RequestBody,
    service::{Erased, Registered, ReplyFuture, erase},
    status,
};
use http::Request;
use std::sync::{Arc, OnceLock};
use tonic_reflection::{
    pb::{v1, v1alpha},
    server::{Builder, Error},
};

pub(crate) const V1: &str = "grpc.reflection.v1.ServerReflection";
pub(crate) const V1ALPHA: &str = "grpc.reflection.v1alpha.ServerReflection";

/// The descriptor sets of the reflection services themselves, and of the details that errors carry.
pub(crate) const DESCRIPTORS: [&[u8]; 3] =
    [v1::FILE_DESCRIPTOR_SET, v1alpha::FILE_DESCRIPTOR_SET, tonic_types::pb::FILE_DESCRIPTOR_SET];

/// What reflection tells: the names of the services, and everything in the descriptor sets.
pub(crate) struct Described {
    pub(crate) names: Arc<[&'static str]>,
    pub(crate) sets: Vec<Vec<u8>>,
}

impl Described {
    fn builder(&self) -> Builder<'_> {
        let builder = Builder::configure().include_reflection_service(false);
        let builder = self.names.iter().fold(builder, |builder, name| builder.with_service_name(*name));
        let given = self.sets.iter().map(Vec::as_slice);
        given.chain(DESCRIPTORS).fold(builder, Builder::register_encoded_file_descriptor_set)
    }
}

type Made = Result<Arc<dyn Erased>, Error>;

/// One version, made when it is first asked: most servers never are, and its tables are large.
struct Lazy {
    described: Arc<Described>,
    make: fn(&Described) -> Made,
    made: OnceLock<Made>,
}

impl Erased for Lazy {
    fn call(&self, request: Request<RequestBody>) -> ReplyFuture {
        match self.made.get_or_init(|| (self.make)(&self.described)) {
            Ok(service) => service.call(request),
            Err(error) => {
                let refusal = status::no_reflection(error).into_http();
                Box::pin(std::future::ready(Ok(refusal)))
            }
        }
    }
}

/// Both versions.
pub(crate) fn services(described: Described) -> [Registered; 2] {
    let described = Arc::new(described);
    let lazy = |name, make| Registered {
        name,
        service: Arc::new(Lazy { described: Arc::clone(&described), make, made: OnceLock::new() }),
    };
    [lazy(V1, |d| Ok(erase(d.builder().build_v1()?))), lazy(V1ALPHA, |d| Ok(erase(d.builder().build_v1alpha()?)))]
}
