//! Reflection, v1 and v1alpha.

use crate::support::{Server, descriptors, server_config, within};
use campus_chassis::{App, StartError};
use prost::Message;
use prost_types::{FileDescriptorProto, FileDescriptorSet};
use tonic_reflection::pb::{v1, v1alpha};

/// An option of a number no generated type knows, as `google.api.http` is to most: field 72295728 holding "kept".
const OPTION: &[u8] = b"\x82\xd3\xe4\x93\x02\x04kept";

/// The probe's descriptors with the option on its first method, put in by hand since prost drops what it does not know.
fn with_option() -> Vec<u8> {
    let mut set = FileDescriptorSet::decode(descriptors().as_slice()).unwrap();
    let file = set.file.first_mut().unwrap();
    let service = file.service.pop().unwrap();
    let methods: Vec<Vec<u8>> = service.method.iter().map(Message::encode_to_vec).collect();
    let mut raw = Vec::new();
    append(&mut raw, 0x0a, b"Probe");
    for (i, mut method) in methods.into_iter().enumerate() {
        if i == 0 {
            append(&mut method, 0x22, OPTION);
        }
        append(&mut raw, 0x12, &method);
    }
    let mut bytes = file.encode_to_vec();
    append(&mut bytes, 0x32, &raw);
    let mut encoded = Vec::new();
    append(&mut encoded, 0x0a, &bytes);
    encoded
}

fn append(to: &mut Vec<u8>, tag: u8, value: &[u8]) {
    to.push(tag);
    prost::encoding::encode_varint(value.len() as u64, to);
    to.extend_from_slice(value);
}

fn names(mut list: Vec<String>) -> Vec<String> {
    list.sort_unstable();
    list
}

const LISTED: [&str; 4] = [
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
    "test.v1.Probe",
];

#[tokio::test]
async fn version_1_lists_every_service_that_is_served() {
    use v1::{server_reflection_request::MessageRequest, server_reflection_response::MessageResponse};
    let server = Server::start().await;
    let mut client = v1::server_reflection_client::ServerReflectionClient::new(server.channel().await);
    let ask = v1::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut replies = within(client.server_reflection_info(tokio_stream::iter([ask]))).await.unwrap().into_inner();
    let reply = within(replies.message()).await.unwrap().unwrap().message_response.unwrap();
    let MessageResponse::ListServicesResponse(list) = reply else { panic!("{reply:?}") };
    assert_eq!(names(list.service.into_iter().map(|s| s.name).collect()), LISTED);
    server.stop().await;
}

#[tokio::test]
async fn version_1alpha_lists_every_service_that_is_served() {
    use v1alpha::{server_reflection_request::MessageRequest, server_reflection_response::MessageResponse};
    let server = Server::start().await;
    let mut client = v1alpha::server_reflection_client::ServerReflectionClient::new(server.channel().await);
    let ask = v1alpha::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut replies = within(client.server_reflection_info(tokio_stream::iter([ask]))).await.unwrap().into_inner();
    let reply = within(replies.message()).await.unwrap().unwrap().message_response.unwrap();
    let MessageResponse::ListServicesResponse(list) = reply else { panic!("{reply:?}") };
    assert_eq!(names(list.service.into_iter().map(|s| s.name).collect()), LISTED);
    server.stop().await;
}

/// The file that defines a symbol, as reflection gives it.
async fn file_of(server: &Server, symbol: &str) -> Vec<u8> {
    use v1::{server_reflection_request::MessageRequest, server_reflection_response::MessageResponse};
    let mut client = v1::server_reflection_client::ServerReflectionClient::new(server.channel().await);
    let ask = v1::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::FileContainingSymbol(symbol.to_owned())),
    };
    let mut replies = within(client.server_reflection_info(tokio_stream::iter([ask]))).await.unwrap().into_inner();
    let reply = within(replies.message()).await.unwrap().unwrap().message_response.unwrap();
    let MessageResponse::FileDescriptorResponse(files) = reply else { panic!("{reply:?}") };
    files.file_descriptor_proto.into_iter().next().unwrap()
}

#[tokio::test]
async fn options_that_no_generated_type_knows_are_served() {
    let server = Server::launch(&server_config(), |_| {
        App::builder(&server_config(), &crate::support::admin_config())
            .descriptors(with_option())
            .service(crate::support::Probe::default())
    });
    let file = file_of(&server, "test.v1.Probe").await;
    assert!(file.windows(OPTION.len()).any(|window| window == OPTION));
    let given = FileDescriptorSet::decode(descriptors().as_slice()).unwrap().file.remove(0);
    let methods = |file: &FileDescriptorProto| file.service.first().unwrap().method.len();
    assert_eq!(methods(&FileDescriptorProto::decode(file.as_slice()).unwrap()), methods(&given));
    server.stop().await;
}

#[tokio::test]
async fn health_is_described_with_its_list_method() {
    let server = Server::start().await;
    let file = FileDescriptorProto::decode(file_of(&server, "grpc.health.v1.Health").await.as_slice()).unwrap();
    let service = file.service.first().unwrap();
    let methods: Vec<_> = service.method.iter().filter_map(|method| method.name.as_deref()).collect();
    assert_eq!(methods, ["Check", "Watch", "List"]);
    assert!(file.message_type.iter().any(|message| message.name() == "HealthListResponse"));
    server.stop().await;
}

#[test]
fn a_service_that_no_descriptor_defines_is_refused_at_the_start() {
    let app = App::builder(&server_config(), &crate::support::admin_config()).service(crate::support::Probe::default());
    assert!(matches!(app.build(), Err(StartError::Undescribed("test.v1.Probe"))));
}

#[test]
fn a_service_given_twice_and_broken_descriptors_are_refused_at_the_start() {
    let builder = || App::builder(&server_config(), &crate::support::admin_config()).descriptors(descriptors());
    let probe = crate::support::Probe::default();
    assert!(matches!(builder().service(probe.clone()).service(probe).build(), Err(StartError::Twice("test.v1.Probe"))));
    assert!(matches!(builder().descriptors([0xff_u8; 3]).build(), Err(StartError::Descriptors(_))));
}
