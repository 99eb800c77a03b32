//! The shared types of the standard methods have the fields that the contracts give them.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a fault here is a failed test")]

use campus_proto::DESCRIPTORS;
use prost::Message;
use prost_types::{DescriptorProto, FileDescriptorSet, MethodDescriptorProto};

/// Verb, fields of its request as `name number type`, whether the request and the reply stream.
type Row = (&'static str, &'static [&'static str], bool, bool);

const REQUESTS: [Row; 10] = [
    ("Create", &["record 1 Message", "record_id 2 String", "request_id 3 String"], false, false),
    ("Get", &["name 1 String", "read_mask 2 Message"], false, false),
    ("BatchGet", &["names 1 String", "read_mask 2 Message"], false, false),
    (
        "List",
        &["page_size 1 Int32", "page_token 2 String", "filter 3 String", "order_by 4 String", "read_mask 5 Message"],
        false,
        false,
    ),
    ("Update", &["record 1 Message", "update_mask 2 Message", "allow_missing 3 Bool"], false, false),
    ("Delete", &["name 1 String", "etag 2 String", "allow_missing 3 Bool"], false, false),
    ("Stream", &["filter 1 String", "after 2 String", "read_mask 3 Message"], false, true),
    ("Watch", &["resume_token 1 String", "filter 2 String"], false, true),
    ("Import", &["record 1 Message"], true, false),
    ("Lookup", &["name 1 String"], true, true),
];

const REPLIES: [(&str, &[&str]); 5] = [
    ("BatchGet", &["records 1 Message"]),
    ("List", &["records 1 Message", "next_page_token 2 String"]),
    ("Watch", &["change_type 1 Enum", "record 2 Message", "resume_token 3 String", "change_time 4 Message"]),
    (
        "Import",
        &[
            "created_count 1 Int32",
            "updated_count 2 Int32",
            "unchanged_count 3 Int32",
            "rejected_count 4 Int32",
            "rejections 5 Message",
        ],
    ),
    ("Lookup", &["name 1 String", "record 2 Message", "error 3 Message"]),
];

struct Service {
    singular: String,
    messages: Vec<DescriptorProto>,
    methods: Vec<MethodDescriptorProto>,
}

fn services() -> Vec<Service> {
    let set = FileDescriptorSet::decode(DESCRIPTORS).unwrap();
    let of = |file: &prost_types::FileDescriptorProto| {
        let service = file.service.first()?.clone();
        let singular = service.name().strip_suffix("Service").unwrap().to_lowercase();
        Some(Service { singular, messages: file.message_type.clone(), methods: service.method })
    };
    set.file.iter().filter(|file| file.package().starts_with("campus.")).filter_map(of).collect()
}

impl Service {
    fn method(&self, verb: &str) -> &MethodDescriptorProto {
        let named = |method: &&MethodDescriptorProto| {
            method.name().to_lowercase().starts_with(&format!("{}{}", verb.to_lowercase(), self.singular))
        };
        self.methods.iter().find(named).unwrap_or_else(|| panic!("{} has no {verb}", self.singular))
    }

    /// Fields of a message as `name number type`, the resource called `record`.
    fn fields(&self, message: &str) -> Vec<String> {
        let short = message.rsplit('.').next().unwrap();
        let message = self.messages.iter().find(|m| m.name() == short).unwrap();
        let name = |name: &str| name.replace(&self.singular, "record");
        message.field.iter().map(|f| format!("{} {} {:?}", name(f.name()), f.number(), f.r#type())).collect()
    }
}

#[test]
fn every_service_has_the_standard_methods_with_the_standard_fields() {
    let services = services();
    assert_eq!(services.len(), 2, "employees and students");
    for service in services {
        for (verb, fields, client_streams, server_streams) in REQUESTS {
            let method = service.method(verb);
            assert_eq!(service.fields(method.input_type()), fields, "{} {verb}", service.singular);
            assert_eq!((method.client_streaming(), method.server_streaming()), (client_streams, server_streams));
        }
        for (verb, fields) in REPLIES {
            let method = service.method(verb);
            assert_eq!(service.fields(method.output_type()), fields, "{} {verb}", service.singular);
        }
    }
}

#[test]
fn every_method_has_a_route_and_every_package_its_descriptors() {
    // google.api.http is an extension, 72295728, which prost leaves among the bytes only; protox keeps it there.
    let mut key = Vec::new();
    prost::encoding::encode_varint(72_295_728 << 3 | 2, &mut key);
    let routes = DESCRIPTORS.windows(key.len()).filter(|window| *window == key).count();
    let set = FileDescriptorSet::decode(DESCRIPTORS).unwrap();
    let methods: usize = set.file.iter().flat_map(|file| &file.service).map(|service| service.method.len()).sum();
    assert_eq!((methods, routes), (24, methods));
}
