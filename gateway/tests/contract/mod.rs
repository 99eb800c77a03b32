//! Contracts that a test makes up: compiled, as a table and as another implementation has it.

use std::fs;

use campus_gateway::{
    bind::Violations,
    route::{BadRoutes, Found, Routes},
};
use campus_schema::Schema;
use prost_reflect::{DescriptorPool, DynamicMessage};
use serde_json::Value;

pub(crate) struct Contract {
    pub(crate) schema: Schema,
    pub(crate) pool: DescriptorPool,
}

impl Contract {
    /// Compiles the text of a proto file, which may import what `proto/` has and `google/api/httpbody.proto`.
    pub(crate) fn new(text: &str) -> Self {
        let descriptors = Self::compiled(text);
        Self {
            schema: Schema::from_descriptors(&descriptors).unwrap(),
            pool: DescriptorPool::decode(&*descriptors).unwrap(),
        }
    }

    /// The same, as an encoded set of descriptors.
    pub(crate) fn compiled(text: &str) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("google/api")).unwrap();
        fs::write(folder.path().join("google/api/httpbody.proto"), HTTP_BODY).unwrap();
        fs::write(folder.path().join("contract.proto"), text).unwrap();
        let proto = concat!(env!("CARGO_MANIFEST_DIR"), "/../proto");
        let mut compiler = protox::Compiler::new([folder.path(), proto.as_ref()]).unwrap();
        compiler.include_imports(true).include_source_info(true).open_file("contract.proto").unwrap();
        compiler.encode_file_descriptor_set()
    }

    pub(crate) fn routes(&self) -> Result<Routes, BadRoutes> {
        Routes::build(self.schema.services())
    }

    /// What the other implementation makes of a request or reply.
    pub(crate) fn decoded(&self, message: &str, bytes: &[u8]) -> DynamicMessage {
        DynamicMessage::decode(self.pool.get_message_by_name(message).unwrap(), bytes).unwrap()
    }

    /// The same as JSON with the names of the proto file.
    pub(crate) fn json(&self, message: &str, bytes: &[u8]) -> Value {
        let options = prost_reflect::SerializeOptions::new().use_proto_field_name(true);
        self.decoded(message, bytes).serialize_with_options(serde_json::value::Serializer, &options).unwrap()
    }

    /// The request message that the routes make of a request, as JSON.
    pub(crate) fn request(&self, routes: &Routes, method: &str, uri: &str, body: &str) -> Result<Value, Violations> {
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        let Found::Route(route, captured) = routes.find(&method.parse().unwrap(), path) else {
            panic!("no route for {method} {uri}");
        };
        let bound = route.bind(captured, query)?;
        let mut bytes = b"before".to_vec();
        let made = route.request(&bound, body.as_bytes(), &mut bytes);
        assert!(bytes.starts_with(b"before") && (made.is_ok() || bytes.len() == 6));
        made.map(|()| self.json(route.method.input.full_name(), &bytes[6..]))
    }
}

const HTTP_BODY: &str = r#"
syntax = "proto3";
package google.api;
import "google/protobuf/any.proto";
message HttpBody {
  string content_type = 1;
  bytes data = 2;
  repeated google.protobuf.Any extensions = 3;
}
"#;
