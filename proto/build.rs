//! Compiles the contract without `protoc`: messages and clients as tonic makes them, server traits whose replies are
//! bytes already encoded, and the descriptor set with every option and comment in it.

use std::{env, error::Error, fs, path::PathBuf};

use prost_types::{MethodDescriptorProto, ServiceDescriptorProto};

const FILES: [&str; 4] = [
    "campus/employee/v1/employee.proto",
    "campus/student/v1/student.proto",
    "google/rpc/error_details.proto",
    "personguide/personguide.proto",
];

/// Where the services with standard methods are; others have contracts of their own, whatever their methods are called.
const STANDARD: &str = "campus.";

/// The standard methods: what comes before the resource in their names.
const VERBS: [&str; 10] =
    ["Create", "Get", "BatchGet", "List", "Update", "Delete", "Stream", "Watch", "Import", "Lookup"];

/// Those whose requests hold a record, which nothing decodes on its way.
const WITH_RECORD: [&str; 3] = ["Create", "Update", "Import"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=campus");
    println!("cargo:rerun-if-changed=google");
    println!("cargo:rerun-if-changed=personguide");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let mut compiler = protox::Compiler::new(["."])?;
    compiler.include_imports(true).include_source_info(true).open_files(FILES)?;
    fs::write(out.join("descriptors.binpb"), compiler.encode_file_descriptor_set())?;

    let descriptors = compiler.file_descriptor_set();
    for file in &descriptors.file {
        for service in &file.service {
            tonic_build::manual::Builder::new().build_client(false).compile(&[server(file.package(), service)]);
        }
    }
    let mut messages = prost_build::Config::new();
    messages.enable_type_names();
    tonic_prost_build::configure()
        .build_server(false)
        .build_transport(false)
        .compile_fds_with_config(descriptors, messages)?;
    Ok(())
}

fn server(package: &str, service: &ServiceDescriptorProto) -> tonic_build::manual::Service {
    let mut built = tonic_build::manual::Service::builder().name(service.name()).package(package);
    for method in &service.method {
        built = built.method(reply_encoded(method, package.starts_with(STANDARD)));
    }
    built.build()
}

fn reply_encoded(method: &MethodDescriptorProto, standard: bool) -> tonic_build::manual::Method {
    let input = match message(method.input_type()) {
        _ if standard => request(method),
        // What is sent to be stored.
        input if method.client_streaming() && !method.server_streaming() => format!("crate::Sent<{input}>"),
        input => input,
    };
    let codec = match method.name() {
        _ if method.server_streaming() => "crate::EncodedStreamCodec",
        name if standard && WITH_RECORD.iter().any(|verb| name.starts_with(verb)) => "crate::RecordCodec",
        _ => "crate::EncodedCodec",
    };
    let mut built = tonic_build::manual::Method::builder()
        .name(snake(method.name()))
        .route_name(method.name())
        .input_type(input)
        .output_type(format!("crate::Encoded<{}>", message(method.output_type())))
        .codec_path(codec);
    if method.server_streaming() {
        built = built.server_streaming();
    }
    if method.client_streaming() {
        built = built.client_streaming();
    }
    built.build()
}

/// The standard methods take the one request type of their verb, in which the record stays bytes.
fn request(method: &MethodDescriptorProto) -> String {
    let verb = VERBS.iter().filter(|verb| method.name().starts_with(**verb)).max_by_key(|verb| verb.len());
    verb.map_or_else(|| message(method.input_type()), |verb| format!("crate::standard::{verb}Request"))
}

fn message(name: &str) -> String {
    if name == ".google.protobuf.Empty" {
        return "()".into();
    }
    format!("super::{}", name.rsplit('.').next().unwrap_or(name))
}

fn snake(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    for (at, letter) in name.chars().enumerate() {
        if letter.is_uppercase() && at > 0 {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}
