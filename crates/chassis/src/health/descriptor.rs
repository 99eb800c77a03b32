//! The descriptor of the health service with `List`, which the generated one does not have yet.

use prost::{DecodeError, Message};
use prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorSet, MessageOptions, MethodDescriptorProto,
    field_descriptor_proto::{Label, Type},
};

/// An encoded `FileDescriptorSet` of `grpc/health/v1/health.proto`.
pub(crate) fn descriptor() -> Result<Vec<u8>, DecodeError> {
    let mut set = FileDescriptorSet::decode(tonic_health::pb::FILE_DESCRIPTOR_SET)?;
    for file in &mut set.file {
        let Some(service) = file.service.iter_mut().find(|service| service.name() == "Health") else { continue };
        if service.method.iter().any(|method| method.name() == "List") {
            continue;
        }
        service.method.push(MethodDescriptorProto {
            name: Some("List".to_owned()),
            input_type: Some(".grpc.health.v1.HealthListRequest".to_owned()),
            output_type: Some(".grpc.health.v1.HealthListResponse".to_owned()),
            ..Default::default()
        });
        file.message_type.push(DescriptorProto { name: Some("HealthListRequest".to_owned()), ..Default::default() });
        file.message_type.push(list_response());
    }
    Ok(set.encode_to_vec())
}

/// `message HealthListResponse { map<string, HealthCheckResponse> statuses = 1; }`
fn list_response() -> DescriptorProto {
    let entry = DescriptorProto {
        name: Some("StatusesEntry".to_owned()),
        field: vec![
            field("key", 1, Type::String, None),
            field("value", 2, Type::Message, Some(".grpc.health.v1.HealthCheckResponse")),
        ],
        options: Some(MessageOptions { map_entry: Some(true), ..Default::default() }),
        ..Default::default()
    };
    let mut statuses = field("statuses", 1, Type::Message, Some(".grpc.health.v1.HealthListResponse.StatusesEntry"));
    statuses.set_label(Label::Repeated);
    DescriptorProto {
        name: Some("HealthListResponse".to_owned()),
        field: vec![statuses],
        nested_type: vec![entry],
        ..Default::default()
    }
}

fn field(name: &str, number: i32, kind: Type, message: Option<&str>) -> FieldDescriptorProto {
    FieldDescriptorProto {
        name: Some(name.to_owned()),
        json_name: Some(name.to_owned()),
        number: Some(number),
        label: Some(Label::Optional.into()),
        r#type: Some(kind.into()),
        type_name: message.map(str::to_owned),
        ..Default::default()
    }
}
