//! Compiles the contract of the test service, without `protoc`.

use std::{env, error::Error, fs, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let mut compiler = protox::Compiler::new(["proto"])?;
    compiler.include_imports(true).open_files(["grpc/testing/test.proto"])?;
    fs::write(out.join("descriptors.binpb"), compiler.encode_file_descriptor_set())?;
    let mut messages = prost_build::Config::new();
    messages.bytes(["."]);
    tonic_prost_build::configure()
        .build_transport(false)
        .compile_fds_with_config(compiler.file_descriptor_set(), messages)?;
    Ok(())
}
