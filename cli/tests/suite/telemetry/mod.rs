//! What a server tells of itself by OTLP, seen by a collector.

mod collector;
mod faults;
mod metrics;
mod privacy;
mod tls;
mod traces;
mod variables;

use std::process::Command;

use campus_testkit::{Client, Kind, Process, flags};
use tempfile::TempDir;
use tonic::{Code, Request, codegen::http::uri::PathAndQuery};

/// A server in a process of its own, told by variables what to send.
struct Server {
    process: Process,
    _dir: TempDir,
}

impl Server {
    fn start(variables: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_campus"));
        command.arg("serve").args(flags(dir.path())).env("CAMPUS__SERVER__DRAIN_DELAY", "0s");
        command.envs(variables.iter().copied());
        Self { process: Process::start(&mut command), _dir: dir }
    }

    async fn client(&self) -> Client {
        Client::new(Kind::EMPLOYEE, self.process.channel().await)
    }

    /// Stops it, which sends what waits; the lines of its log.
    fn stop(self) -> Vec<String> {
        let ended = self.process.stop();
        assert!(ended.status.success(), "{ended:?}");
        ended.log
    }

    /// A Get of the record `1` with metadata.
    async fn get(&self, metadata: &[(&'static str, &str)]) -> Code {
        self.call("campus.employee.v1.EmployeeService/GetEmployee", metadata).await
    }

    async fn call(&self, method: &str, metadata: &[(&'static str, &str)]) -> Code {
        let mut request =
            Request::new(campus_proto::standard::GetRequest { name: "employees/1".into(), read_mask: None });
        for (key, value) in metadata {
            request.metadata_mut().append(*key, value.parse().unwrap());
        }
        let mut grpc = tonic::client::Grpc::new(self.process.channel().await);
        grpc.ready().await.unwrap();
        let path: PathAndQuery = format!("/{method}").parse().unwrap();
        let codec = tonic_prost::ProstCodec::<_, campus_testkit::Person>::default();
        grpc.unary(request, path, codec).await.map_or_else(|status| status.code(), |_| Code::Ok)
    }
}

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

fn traceparent(sampled: bool) -> String {
    format!("00-{TRACE}-{PARENT}-0{}", u8::from(sampled))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
