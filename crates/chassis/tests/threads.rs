//! A process of its own, so that every thread in it is accounted for.

use campus_chassis::{AdminConfig, App, ServerConfig, config::HumanDuration};
use std::{fs, net::SocketAddr, time::Duration};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

#[cfg(target_os = "linux")]
#[test]
fn many_servers_one_after_another_leave_no_thread_and_no_socket_behind() {
    let count = |what: &str| fs::read_dir(format!("/proc/self/{what}")).unwrap().count();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (mut threads, mut files) = (0, 0);
    for round in 0..20 {
        runtime.block_on(async {
            let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
            let server = ServerConfig {
                listen: any.into(),
                shards: 3,
                drain_delay: HumanDuration::secs(0),
                ..ServerConfig::default()
            };
            let app = App::builder(&server, &AdminConfig { listen: any, ..AdminConfig::default() }).build().unwrap();
            let (handle, addr) = (app.handle(), app.grpc_addr().unwrap());
            let running = tokio::spawn(app.run_until(std::future::pending::<()>()));
            let channel =
                tonic::transport::Endpoint::from_shared(format!("http://{addr}")).unwrap().connect().await.unwrap();
            HealthClient::new(channel).check(HealthCheckRequest { service: String::new() }).await.unwrap();
            assert!(count("task") >= 4);
            handle.shutdown();
            tokio::time::timeout(Duration::from_secs(10), running).await.unwrap().unwrap().unwrap();
        });
        if round == 0 {
            (threads, files) = (count("task"), count("fd"));
        }
    }
    assert_eq!(count("task"), threads);
    assert!(count("fd") <= files + 1, "{} files, {files} after the first round", count("fd"));
}
