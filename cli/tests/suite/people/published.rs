//! A client that knows nothing but the published contract, `personguide.proto` beside this file: it is compiled when
//! the test runs, and its messages are made from what it says.

use bytes::Bytes;
use campus_proto::Raw;
use campus_testkit::Campus;
use prost_reflect::{DescriptorPool, DynamicMessage, MethodDescriptor};
use tokio_stream::StreamExt;
use tonic::{Request, Status, client::Grpc};

use super::PARTS;

fn published() -> DescriptorPool {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suite/people");
    DescriptorPool::from_file_descriptor_set(protox::compile(["personguide.proto"], [folder]).unwrap()).unwrap()
}

/// Calls a method as the contract describes it, with JSON in and out. `last_updated` is left out of what comes back.
async fn call(campus: &Campus, method: &str, requests: &[&str]) -> Result<Vec<String>, Status> {
    let service = published().get_service_by_name("personguide.PersonGuide").unwrap();
    let method: MethodDescriptor = service.methods().find(|known| known.name() == method).unwrap();
    let encoded: Vec<Bytes> = requests
        .iter()
        .map(|json| {
            let message = DynamicMessage::deserialize(method.input(), &mut serde_json::Deserializer::from_str(json));
            prost::Message::encode_to_vec(&message.unwrap()).into()
        })
        .collect();
    let mut grpc = Grpc::new(campus.channel().await);
    grpc.ready().await.unwrap();
    let path = format!("/{}/{}", service.full_name(), method.name()).parse().unwrap();
    let request = Request::new(tokio_stream::iter(encoded));
    let replies = grpc.streaming(request, path, Raw).await?.into_inner();
    let told = |reply: Result<Bytes, Status>| {
        let message = DynamicMessage::decode(method.output(), reply?).unwrap();
        assert_eq!(message.unknown_fields().count(), 0, "nothing but what is published");
        let mut json = serde_json::to_value(&message).unwrap();
        let people = json.get_mut("people").and_then(|people| people.as_array_mut());
        let stamps = |person: &mut serde_json::Value| person.as_object_mut().unwrap().remove("lastUpdated").is_some();
        assert!(people.into_iter().flatten().all(stamps), "recorded people have a time");
        Ok(json.to_string())
    };
    replies.map(told).collect().await
}

#[test]
fn the_contract_is_the_published_one_to_the_last_number() {
    let ours = DescriptorPool::decode(campus_proto::DESCRIPTORS).unwrap();
    let shape = |pool: &DescriptorPool| {
        let files = pool.files().filter(|file| file.package_name() == "personguide");
        let file = files.map(|file| file.file_descriptor_proto().clone()).next().unwrap();
        let mut services = file.service;
        // An option of a method does not travel.
        services.iter_mut().flat_map(|service| &mut service.method).for_each(|method| method.options = None);
        (file.package, file.message_type, file.enum_type, services)
    };
    assert_eq!(shape(&ours), shape(&published()));
}

#[tokio::test]
async fn a_client_of_the_published_contract_works_unchanged() {
    let campus = Campus::start(&PARTS);
    let ada =
        r#"{"name":"Ada","id":1,"email":"ada@campus.example","phones":[{"number":"1","type":"HOME"},{"number":"2"}]}"#;
    let bo = r#"{"name":"Bo","id":2}"#;
    let canonical = |json: &str| serde_json::from_str::<serde_json::Value>(json).unwrap();
    let parsed = |replies: Vec<String>| replies.iter().map(|reply| canonical(reply)).collect::<Vec<_>>();
    let recorded = parsed(call(&campus, "RecordPersons", &[bo, ada]).await.unwrap());
    assert_eq!(recorded, [canonical(&format!(r#"{{"people":[{ada},{bo}]}}"#))]);
    let listed = parsed(call(&campus, "ListPersons", &[r#"{"name":"anywhere"}"#]).await.unwrap());
    assert_eq!(listed.iter().map(|person| person["id"].as_i64().unwrap()).collect::<Vec<_>>(), [1, 2]);
    let phone = parsed(call(&campus, "GetPhone", &[ada]).await.unwrap());
    assert_eq!(phone, [canonical(r#"{"number":"1","type":"HOME"}"#)]);
    let routed = parsed(call(&campus, "RoutePhones", &[bo, r#"{"id":7}"#, ada]).await.unwrap());
    assert_eq!(routed, [canonical(r#"{"number":"1","type":"HOME"}"#), canonical(r#"{"number":"2"}"#)]);
    let status = call(&campus, "GetPhone", &[bo]).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::NotFound);
}
