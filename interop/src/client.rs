//! The cases, on the balanced client.

mod compressed;
mod ending;
mod exchange;
mod soak;
mod streams;
mod unary;

use std::{path::PathBuf, time::Duration};

use bytes::Bytes;
use campus_client::{Channel, PoolConfig, Tls};
use tonic::Status;

use crate::testing::{Payload, test_service_client::TestServiceClient};

/// The cases there are.
pub const NAMES: [&str; 21] = [
    "empty_unary",
    "large_unary",
    "client_compressed_unary",
    "server_compressed_unary",
    "client_streaming",
    "client_compressed_streaming",
    "server_streaming",
    "server_compressed_streaming",
    "ping_pong",
    "empty_stream",
    "custom_metadata",
    "status_code_and_message",
    "special_status_message",
    "unimplemented_method",
    "unimplemented_service",
    "cancel_after_begin",
    "cancel_after_first_response",
    "timeout_on_sleeping_server",
    "concurrent_large_unary",
    "rpc_soak",
    "channel_soak",
];

/// The server that a case is tried on, and how.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Another name that it is called by, also in its certificate.
    pub name: Option<String>,
    /// Whether there is TLS.
    pub encrypted: bool,
    /// A file of certificates, instead of the system's authorities.
    pub authorities: Option<PathBuf>,
    /// For the cases that go on for long.
    pub soak: Soak,
}

/// What is asked of `rpc_soak` and `channel_soak`.
#[derive(Clone, Copy, Debug)]
pub struct Soak {
    /// Calls, one after the other.
    pub iterations: u32,
    /// How many of them may fail or be late.
    pub max_failures: u32,
    /// A longer call is late.
    pub max_latency: Duration,
    /// All of them have to be done by then.
    pub overall: Duration,
}

impl Default for Soak {
    fn default() -> Self {
        Self { iterations: 10, max_failures: 0, max_latency: Duration::from_secs(1), overall: Duration::from_secs(10) }
    }
}

/// Why a case did not pass.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Something was not as the case says.
    #[error("{0}")]
    Wrong(String),
    /// The server does not have what the case is about; all else was as it says.
    #[error("the server lacks this: {0}")]
    Lacking(&'static str),
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        Self::Wrong(format!("a call failed: {status}"))
    }
}

type Outcome = Result<(), Failure>;
type Client = TestServiceClient<Channel>;

impl Peer {
    /// A new channel.
    fn channel(&self) -> Result<Channel, Failure> {
        let wrong = |why: String| Failure::Wrong(format!("{}:{}: {why}", self.host, self.port));
        let target = format!("dns:///{}:{}", self.host, self.port);
        // A machine that does all of this at once is slow to connect.
        let pool = PoolConfig { connect_timeout: Duration::from_secs(10), ..PoolConfig::default() };
        let mut builder = Channel::builder(&target).map_err(|error| wrong(error.to_string()))?.pool(pool);
        let name = self.name.as_deref().unwrap_or(&self.host);
        if self.encrypted {
            let mut tls = Tls::builder();
            if let Some(authorities) = &self.authorities {
                tls = tls.authorities(authorities.as_path().into());
            }
            builder = builder.tls(tls.build(name).map_err(|error| wrong(error.to_string()))?);
        }
        if let Some(name) = &self.name {
            builder = builder.authority(name.parse().map_err(|_| wrong(format!("{name} is no name of a server")))?);
        }
        Ok(builder.build())
    }
}

/// Goes through a case.
///
/// # Errors
/// [`Failure`], also for a case that is not one of [`NAMES`].
pub async fn run(case: &str, peer: &Peer) -> Outcome {
    let channel = peer.channel()?;
    let client = &mut Client::new(channel.clone());
    match case {
        "empty_unary" => unary::empty(client).await,
        "large_unary" => unary::large(client).await,
        "client_compressed_unary" => compressed::requests(&channel).await,
        "server_compressed_unary" => compressed::replies(&channel).await,
        "client_streaming" => streams::requests(client).await,
        "client_compressed_streaming" => compressed::stream_of_requests(&channel).await,
        "server_streaming" => streams::replies(client).await,
        "server_compressed_streaming" => compressed::stream_of_replies(&channel).await,
        "ping_pong" => streams::ping_pong(client).await,
        "empty_stream" => streams::empty(client).await,
        "custom_metadata" => unary::metadata(client).await,
        "status_code_and_message" => ending::status(client).await,
        "special_status_message" => ending::special_status(client).await,
        "unimplemented_method" => ending::unimplemented(&channel, "TestService").await,
        "unimplemented_service" => ending::unimplemented(&channel, "UnimplementedService").await,
        "cancel_after_begin" => ending::cancelled_at_once(client).await,
        "cancel_after_first_response" => ending::cancelled_later(client).await,
        "timeout_on_sleeping_server" => ending::late(client).await,
        "concurrent_large_unary" => soak::concurrent(client).await,
        "rpc_soak" => soak::calls(client, peer.soak).await,
        "channel_soak" => soak::channels(peer).await,
        _ => Err(Failure::Wrong(format!("there is no such case here; there are {}", NAMES.join(", ")))),
    }
}

/// Fails unless both are the same.
fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: &T, wanted: &T) -> Outcome {
    match found == wanted {
        true => Ok(()),
        false => Err(Failure::Wrong(format!("{what}: found {found:?}, wanted {wanted:?}"))),
    }
}

/// So many zeros.
fn zeros(size: usize) -> Option<Payload> {
    Some(Payload { body: Bytes::from(vec![0; size]), ..Payload::default() })
}

/// The size of an answer's payload.
fn size(payload: Option<&Payload>) -> usize {
    payload.map_or(0, |payload| payload.body.len())
}
