//! The table and what is done with it, held against prost-reflect: two implementations of the same rules.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test ends by panicking, and makes its numbers out of any others; the helpers are outside of test functions"
)]

mod canonical;
mod generate;
mod json;
mod json_errors;
mod mask;
mod robust;
mod scramble;
mod table;

use std::sync::LazyLock;

use campus_schema::{MessageType, Schema};
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};

/// One descriptor set, as both implementations have it.
struct Both {
    schema: Schema,
    pool: DescriptorPool,
}

impl Both {
    fn new(descriptors: &[u8]) -> Self {
        Self {
            schema: Schema::from_descriptors(descriptors).unwrap(),
            pool: DescriptorPool::decode(descriptors).unwrap(),
        }
    }

    fn message(&self, name: &str) -> (MessageType, MessageDescriptor) {
        (self.schema.message(name).unwrap(), self.pool.get_message_by_name(name).unwrap())
    }
}

/// Every kind of field.
static KINDS: LazyLock<Both> = LazyLock::new(|| Both::new(&compiled("kinds.proto")));
/// The contract of this project.
static CAMPUS: LazyLock<Both> = LazyLock::new(|| Both::new(campus_proto::DESCRIPTORS));

fn compiled(file: &str) -> Vec<u8> {
    let mut compiler = protox::Compiler::new([concat!(env!("CARGO_MANIFEST_DIR"), "/tests/schema")]).unwrap();
    compiler.include_imports(true).open_file(file).unwrap();
    compiler.encode_file_descriptor_set()
}

/// The messages that the random tests are run over.
fn subjects() -> Vec<(MessageType, MessageDescriptor)> {
    let kinds = ["Plain", "Present", "Lists", "Maps", "Tree", "Choice", "WellKnown", "Everything"];
    let campus = ["employee.v1.Employee", "student.v1.Student", "employee.v1.UpdateEmployeeRequest"];
    let replies = ["employee.v1.ImportEmployeesResponse", "student.v1.LookupStudentsResponse"];
    let kinds = kinds.iter().map(|name| KINDS.message(&format!("kinds.{name}")));
    kinds.chain(campus.iter().chain(&replies).map(|name| CAMPUS.message(&format!("campus.{name}")))).collect()
}

macro_rules! prop_assert_same {
    ($one:expr, $other:expr $(, $more:expr)?) => {
        let (one, other) = (&$one, &$other);
        prop_assert!(one == other, "{}{}", $crate::both(one, other), String::new() $(+ &format!("\n{:?}", $more))?);
    };
}
pub(crate) use prop_assert_same;

/// The message without what makes no difference but counts as one in a comparison: lists that were set to nothing.
fn decoded(descriptor: &MessageDescriptor, bytes: &[u8]) -> DynamicMessage {
    let decoded = DynamicMessage::decode(descriptor.clone(), bytes).unwrap();
    DynamicMessage::decode(descriptor.clone(), &*decoded.encode_to_vec()).unwrap()
}

/// What to show of two messages that should be equal: their own `Debug` does not end where a type holds itself.
fn both(one: &DynamicMessage, other: &DynamicMessage) -> String {
    format!("{:?}\n{:?}", one.encode_to_vec(), other.encode_to_vec())
}

/// A record of the contract for the tests that look at single things.
fn employee() -> Vec<u8> {
    campus_proto::campus::employee::v1::Employee {
        name: "employees/10001".into(),
        given_name: "Georgi".into(),
        family_name: "Facello".into(),
        gender: 2,
        birth_date: "1953-09-02".into(),
        create_time: Some(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 500_000_000 }),
        ..Default::default()
    }
    .encode_to_vec()
}
