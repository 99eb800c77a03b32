//! The times and sizes of a pool.

use std::time::Duration;

/// The times and sizes of connections, with their defaults.
#[derive(Clone, Debug, PartialEq)]
pub struct PoolConfig {
    /// A connection that is not made after this has failed: until the server's first bytes of HTTP/2. 1 s.
    pub connect_timeout: Duration,
    /// Pause after the first failure to connect; each further one is 1.6 times longer, give or take a fifth. 1 s.
    pub backoff: Duration,
    /// Longest pause. 30 s.
    pub max_backoff: Duration,
    /// How long the calls of an address that is no longer given may go on before they are cut. 60 s.
    pub drain_limit: Duration,
    /// A server that sent nothing for this long while it has calls is asked for a sign of life. `None`: never. 30 s.
    pub keepalive: Option<Duration>,
    /// One that gives none within this is taken for gone. 10 s.
    pub keepalive_timeout: Duration,
    /// How long a newcomer among others takes until it gets its full share; zero: none. 10 s.
    pub slow_start: Duration,
    /// The service whose health servers are asked for, which get calls only while they serve it; an empty name is the whole
    /// server. `None`: they are not asked. A service config's `healthCheckConfig` says it.
    pub health_service: Option<String>,
    /// Flow-control window of a stream, in bytes. 1 MiB.
    pub stream_window: u32,
    /// Flow-control window of a connection, in bytes. 8 MiB.
    pub connection_window: u32,
    /// Largest list of headers or trailers taken, in bytes as HTTP/2 counts them. 64 KiB.
    pub max_header_list: u32,
}

impl Default for PoolConfig {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(1),
            backoff: Duration::from_secs(1),
            max_backoff: Duration::from_secs(30),
            drain_limit: Duration::from_secs(60),
            keepalive: Some(Duration::from_secs(30)),
            keepalive_timeout: Duration::from_secs(10),
            slow_start: Duration::from_secs(10),
            health_service: None,
            stream_window: 1 << 20,
            connection_window: 8 << 20,
            max_header_list: 64 << 10,
        }
    }
}
