//! The settings of a server, with their defaults.

use crate::{
    config::{ByteSize, HumanDuration, OutOfRange, Range, check, deserialize_address},
    logs,
    transport::{Allow, Listen, SocketMode, TlsConfig},
};
use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, SocketAddr};

/// How the gRPC port listens, what it allows, and how it stops.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerConfig {
    /// Where it listens: one address or several, each an IP address and a port (0 takes any free one), `unix:/path` or
    /// `in-process:NAME`.
    pub listen: Listen,
    /// Mode of the files of Unix sockets, octal.
    pub socket_mode: SocketMode,
    /// Callers that are allowed, by what their connections tell; empty: everyone. Others get PERMISSION_DENIED.
    pub allow: Allow,
    /// Event loops, each on a thread of its own, at most 256; 0 means one a core.
    pub shards: usize,
    /// Connections at once on the whole server; more are refused with a GOAWAY.
    pub max_connections: u32,
    /// Calls at once on one connection (`SETTINGS_MAX_CONCURRENT_STREAMS`); a client queues what is above.
    pub max_streams: u32,
    /// Largest request message; a larger one is RESOURCE_EXHAUSTED.
    pub max_message_in: ByteSize,
    /// Largest reply message; a larger one is RESOURCE_EXHAUSTED. Unset: no limit.
    pub max_message_out: Option<ByteSize>,
    /// All headers of a request together, as HTTP/2 counts them; more is HTTP 431.
    pub max_header_list: ByteSize,
    /// Largest HTTP/2 frame accepted, 16 KiB to 16 MiB.
    pub max_frame: ByteSize,
    /// Streams a client may reset before they are handled; more ends its connection (rapid reset).
    pub max_pending_resets: usize,
    /// Flow-control window of a stream.
    pub stream_window: ByteSize,
    /// Flow-control window of a connection: room for several calls that are not read, so that these do not hold up the
    /// others. Half of it is what the framing of small frames may cost before the connection is closed.
    pub connection_window: ByteSize,
    /// Bytes of a reply kept for a stream when the client or the network does not take them; then the call waits.
    pub send_buffer: ByteSize,
    /// A connection that has not sent its HTTP/2 preface after this is closed.
    pub handshake_limit: HumanDuration,
    /// A connection without any call after this is asked to leave (GOAWAY).
    pub first_call_limit: HumanDuration,
    /// A connection of this age, give or take a tenth, is asked to leave (GOAWAY), so that clients find new servers; 0 is
    /// never.
    pub max_connection_age: HumanDuration,
    /// How long calls may go on after that, before they end with UNAVAILABLE.
    pub max_connection_age_grace: HumanDuration,
    /// A connection on which there was no call for this long is asked to leave (GOAWAY); 0 is never.
    pub max_connection_idle: HumanDuration,
    /// A client that sent nothing for this long is asked for a sign of life (PING); 0 is never.
    pub keepalive_interval: HumanDuration,
    /// A client that gives none within this is taken for gone.
    pub keepalive_timeout: HumanDuration,
    /// A client may ping this often; the third ping too early ends its connection (`too_many_pings`). 0 lets it ping as it
    /// likes.
    pub min_ping_interval: HumanDuration,
    /// Whether it may do so while it has no call; otherwise every two hours then.
    pub pings_without_calls: bool,
    /// A longer deadline of a client is cut to this. Unset: no cap. Calls without a deadline keep none.
    pub max_deadline: Option<HumanDuration>,
    /// The deadline of calls that bring none. Unset: none.
    pub default_deadline: Option<HumanDuration>,
    /// At the stop: how long new connections and calls are still served after health says NOT_SERVING.
    pub drain_delay: HumanDuration,
    /// At the stop: how long calls may take to end by themselves before they end with UNAVAILABLE.
    pub drain_limit: HumanDuration,
    /// Unary calls at once on the whole server; more are RESOURCE_EXHAUSTED. Health and reflection always get in.
    pub max_unary_calls: u32,
    /// Streaming calls at once on the whole server; more are RESOURCE_EXHAUSTED.
    pub max_stream_calls: u32,
    /// Requests at once on the web addresses of the whole server; more are RESOURCE_EXHAUSTED (HTTP 429).
    pub max_web_requests: u32,
    /// Longest pause between two parts of the body of a request at a web address, while it is waited for; a longer one is
    /// HTTP 408.
    pub max_body_pause: HumanDuration,
    /// Bytes held for calls on the whole server: begun request messages, and replies (of 4 KiB and more) that are not taken.
    /// A call that would go over it is RESOURCE_EXHAUSTED; one connection may hold half.
    pub max_buffered: ByteSize,
    /// When replies are compressed.
    pub compress_replies: CompressReplies,
    /// Smaller reply messages are sent as they are.
    pub compress_over: ByteSize,
    /// What `x-served-by` says in replies. Unset: `POD_NAME` or else `HOSTNAME` of the environment, or nothing.
    pub name: Option<String>,
    /// How long a last reply (at a deadline, at the stop) may take to reach its client before the stream or connection is cut.
    pub flush_limit: HumanDuration,
    /// TLS of the TCP addresses.
    pub tls: TlsConfig,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 50051)).into(),
            socket_mode: SocketMode::default(),
            allow: Allow::default(),
            shards: 0,
            max_connections: 10_000,
            max_streams: 256,
            max_message_in: ByteSize::mib(4),
            max_message_out: None,
            max_header_list: ByteSize::kib(16),
            max_frame: ByteSize::kib(16),
            max_pending_resets: 20,
            stream_window: ByteSize::mib(1),
            connection_window: ByteSize::mib(16),
            send_buffer: ByteSize::kib(128),
            handshake_limit: HumanDuration::secs(10),
            first_call_limit: HumanDuration::secs(300),
            max_connection_age: HumanDuration::secs(30 * 60),
            max_connection_age_grace: HumanDuration::secs(5 * 60),
            max_connection_idle: HumanDuration::secs(5 * 60),
            keepalive_interval: HumanDuration::secs(60),
            keepalive_timeout: HumanDuration::secs(20),
            min_ping_interval: HumanDuration::secs(10),
            pings_without_calls: true,
            max_deadline: None,
            default_deadline: None,
            drain_delay: HumanDuration::secs(5),
            drain_limit: HumanDuration::secs(20),
            max_unary_calls: 10_000,
            max_stream_calls: 4_000,
            max_web_requests: 10_000,
            max_body_pause: HumanDuration::secs(30),
            max_buffered: ByteSize::mib(256),
            compress_replies: CompressReplies::Mirror,
            compress_over: ByteSize::kib(1),
            name: None,
            flush_limit: HumanDuration::secs(1),
            tls: TlsConfig::default(),
        }
    }
}

impl ServerConfig {
    /// Checks what the types of the settings do not: that each makes sense, and is within what HTTP/2 allows (RFC 9113,
    /// 6.5.2). [`AppBuilder::build`](crate::AppBuilder::build) does so too; who has costly things to do before it can ask
    /// first. The files of TLS are read and the folders of Unix sockets looked for, too.
    ///
    /// # Errors
    /// [`OutOfRange`].
    pub fn check(&self) -> Result<(), OutOfRange> {
        self.check_with(&Listen::default())
    }

    /// As [`check`](Self::check), for a server with web addresses too; with some there need be no other.
    ///
    /// # Errors
    /// [`OutOfRange`].
    #[rustfmt::skip] // a row a setting
    pub fn check_with(&self, web: &Listen) -> Result<(), OutOfRange> {
        /// What TCP takes for a timeout: milliseconds in 31 bits.
        const DAYS: u64 = 24 * 24 * 60 * 60 * 1000;
        const DAYS_AT_MOST: &str = "24 days at most, or 0 for never";
        const WINDOW: &str = "a window is 65535B to 2GiB - 1B";
        self.tls.check()?;
        self.listen.check("server.listen")?;
        web.check("rest.listen")?;
        web.check_beside("rest.listen", "server.listen", &self.listen)?;
        let everywhere: Listen = self.listen.0.iter().chain(&web.0).cloned().collect();
        self.allow.check(&everywhere, self.tls.client_ca.is_some())?;
        check([
            Range::new("server.listen", &everywhere, 1..=u64::MAX, "at least one address is needed"),
            Range::new("server.shards", &self.shards, 0..=256, "1 to 256, or 0 for one a core"),
            Range::new("server.max_connections", &self.max_connections, 1..=1 << 28, "1 to 268435456 must be allowed"),
            Range::new("server.max_streams", &self.max_streams, 1..=(1 << 31) - 1, "1 to 2147483647 must be allowed"),
            Range::new("server.max_message_in", &self.max_message_in, 1..=u32::MAX.into(), "1B to 4GiB - 1B must be allowed"),
            Range::optional("server.max_message_out", self.max_message_out.as_ref(), 1..=u64::MAX, "at least 1B must be allowed; leave it out for no limit"),
            Range::new("server.max_header_list", &self.max_header_list, 1 << 10..=1 << 24, "headers are 1KiB to 16MiB"),
            Range::new("server.max_frame", &self.max_frame, 1 << 14..=(1 << 24) - 1, "a frame is 16KiB to 16MiB - 1B"),
            Range::new("server.stream_window", &self.stream_window, 65_535..=(1 << 31) - 1, WINDOW),
            Range::new("server.connection_window", &self.connection_window, 65_535..=(1 << 31) - 1, WINDOW),
            Range::new("server.send_buffer", &self.send_buffer, 1 << 14..=1 << 30, "a buffer is 16KiB to 1GiB"),
            Range::new("server.handshake_limit", &self.handshake_limit, 1..=u64::MAX, "at least 1ms is needed"),
            Range::new("server.first_call_limit", &self.first_call_limit, 1..=u64::MAX, "at least 1ms is needed"),
            Range::new("server.keepalive_interval", &self.keepalive_interval, 0..=DAYS, DAYS_AT_MOST),
            Range::new("server.keepalive_timeout", &self.keepalive_timeout, 1..=DAYS, "1ms to 24 days are possible"),
            Range::optional("server.max_deadline", self.max_deadline.as_ref(), 1..=u64::MAX, "at least 1ms is needed; leave it out for no cap"),
            Range::new("server.max_unary_calls", &self.max_unary_calls, 1..=1 << 28, "1 to 268435456 must be allowed"),
            Range::new("server.max_stream_calls", &self.max_stream_calls, 1..=1 << 28, "1 to 268435456 must be allowed"),
            Range::new("server.max_web_requests", &self.max_web_requests, 1..=1 << 28, "1 to 268435456 must be allowed"),
            Range::new("server.max_body_pause", &self.max_body_pause, 1..=u64::MAX, "at least 1ms is needed"),
            Range::new("server.max_buffered", &self.max_buffered, 1 << 20..=u64::MAX, "at least 1MiB is needed"),
            Range::optional("server.name", self.name.as_ref(), 1..=253, "1 to 253 visible ASCII characters; leave it out for the pod's or host's"),
            Range::optional("server.default_deadline", self.default_deadline.as_ref(), 1..=u64::MAX, "at least 1ms is needed; leave it out for none"),
        ])
    }
}

/// When the messages of replies are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", try_from = "String")]
pub enum CompressReplies {
    /// As the client compresses its requests, if it accepts the same.
    #[default]
    Mirror,
    /// Whenever the client accepts a compression: zstd, else gzip.
    Accepted,
    /// Never.
    Off,
}

impl TryFrom<String> for CompressReplies {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        match text.as_str() {
            "mirror" => Ok(Self::Mirror),
            "accepted" => Ok(Self::Accepted),
            "off" => Ok(Self::Off),
            _ => Err("expected mirror, accepted or off"),
        }
    }
}

/// How the admin port listens and how readiness is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdminConfig {
    /// Address of the admin port; port 0 takes any free one.
    #[serde(deserialize_with = "deserialize_address")]
    pub listen: SocketAddr,
    /// Time between two rounds of readiness checks.
    pub ready_interval: HumanDuration,
    /// A readiness check that takes longer than this has failed.
    pub ready_limit: HumanDuration,
    /// A server that refuses calls for want of room for longer than this, without a pause, is not ready.
    pub saturated_limit: HumanDuration,
}

impl Default for AdminConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 9090)),
            ready_interval: HumanDuration::secs(2),
            ready_limit: HumanDuration::secs(2),
            saturated_limit: HumanDuration::secs(10),
        }
    }
}

impl AdminConfig {
    /// Checks what the types of the settings do not, as [`ServerConfig::check`] does; the others are where gRPC and the web are
    /// served.
    ///
    /// # Errors
    /// [`OutOfRange`].
    pub fn check(&self, grpc: &Listen, web: &Listen) -> Result<(), OutOfRange> {
        let own = Listen::from(self.listen);
        own.check_beside("admin.listen", "server.listen", grpc)?;
        own.check_beside("admin.listen", "rest.listen", web)?;
        check([
            Range::new("admin.ready_interval", &self.ready_interval, 1..=u64::MAX, "at least 1ms is needed"),
            Range::new("admin.ready_limit", &self.ready_limit, 1..=u64::MAX, "at least 1ms is needed"),
            Range::new("admin.saturated_limit", &self.saturated_limit, 1..=u64::MAX, "at least 1ms is needed"),
        ])
    }
}

/// What is logged, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// `auto`, `pretty` or `json`.
    pub format: LogFormat,
    /// A level (`error`, `warn`, `info`, `debug`, `trace`), or `target=level` pairs separated by commas.
    pub level: String,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { format: LogFormat::Auto, level: "info".to_owned() }
    }
}

impl LogConfig {
    /// Checks that the level is one.
    ///
    /// # Errors
    /// [`OutOfRange`].
    pub fn check(&self) -> Result<(), OutOfRange> {
        logs::filter(&self.level).map(drop)
    }
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", try_from = "String")]
pub enum LogFormat {
    /// Pretty when stderr is a terminal, JSON otherwise.
    #[default]
    Auto,
    /// For people.
    Pretty,
    /// One JSON object a line.
    Json,
}

impl TryFrom<String> for LogFormat {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        match text.as_str() {
            "auto" => Ok(Self::Auto),
            "pretty" => Ok(Self::Pretty),
            "json" => Ok(Self::Json),
            _ => Err("expected auto, pretty or json"),
        }
    }
}
