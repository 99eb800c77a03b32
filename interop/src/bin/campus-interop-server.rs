//! `campus-interop-server`: the test service on the chassis, with the flags that such servers have.

#![expect(clippy::print_stdout, reason = "who starts it waits for the line that says where it listens")]

use std::{error::Error, io::Write, net::Ipv4Addr, net::SocketAddr, path::PathBuf};

use campus_chassis::{
    AdminConfig, App, BuildInfo, CompressReplies, ServerConfig, TlsConfig,
    config::{ByteSize, HumanDuration},
    signals,
};
use clap::{ArgAction, Parser};

/// Serves grpc.testing.TestService on this machine's loopback.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// Port; 0 takes any free one, which the first line of output tells.
    #[arg(long, default_value_t = 10_000)]
    port: u16,
    /// Whether connections are encrypted.
    #[arg(long = "use_tls", value_name = "BOOL", action = ArgAction::Set, default_value_t = false,
        num_args = 0..=1, default_missing_value = "true")]
    use_tls: bool,
    /// The certificate (PEM).
    #[arg(long = "tls_cert_file", value_name = "FILE", required_if_eq("use_tls", "true"))]
    certificate: Option<PathBuf>,
    /// Its private key (PEM).
    #[arg(long = "tls_key_file", value_name = "FILE", required_if_eq("use_tls", "true"))]
    key: Option<PathBuf>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let (certificate, key) = if args.use_tls { (args.certificate, args.key) } else { (None, None) };
    let server = ServerConfig {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, args.port)).into(),
        compress_replies: CompressReplies::Accepted,
        drain_delay: HumanDuration::secs(0),
        // concurrent_large_unary may have a thousand requests of 272 KB begun at once, on several connections.
        max_buffered: ByteSize::mib(1024),
        tls: TlsConfig { certificate, key, ..TlsConfig::default() },
        ..ServerConfig::default()
    };
    let admin = AdminConfig { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), ..AdminConfig::default() };
    let info = BuildInfo::new(env!("CARGO_BIN_NAME"), env!("CARGO_PKG_VERSION"), "");
    let shutdown = signals::shutdown()?;
    let app = App::builder(&server, &admin)
        .build_info(info)
        .descriptors(campus_interop::DESCRIPTORS)
        .service(campus_interop::server::service())
        .build()?;
    println!("listening on {}", app.grpc_addresses());
    std::io::stdout().flush()?;
    Ok(app.run_until(shutdown).await?)
}
