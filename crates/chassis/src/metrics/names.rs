//! Names of the metrics as they are scraped. Those of calls carry `grpc_service`, `grpc_method` and `grpc_type`.

/// Calls begun.
pub const STARTED: &str = "grpc_server_started_total";
/// Calls ended, also by `grpc_code`; a call that its client left is `Canceled`.
pub const HANDLED: &str = "grpc_server_handled_total";
/// Histogram: from the head of the request to the last byte given to the connection.
pub const HANDLING: &str = "grpc_server_handling_seconds";
/// Calls begun and not ended.
pub const IN_FLIGHT: &str = "grpc_server_in_flight";
/// Calls let in, by `class`: `unary`, `stream`, or `system` (health and reflection).
pub const ADMITTED: &str = "grpc_server_calls_admitted_total";
/// Calls refused because their class had as many as it may, by `class`.
pub const TURNED_AWAY: &str = "grpc_server_calls_refused_total";
/// Calls begun and not ended, by `class`.
pub const RUNNING: &str = "grpc_server_calls_in_flight";
/// Bytes held for calls, of the `max_buffered` that may be.
pub const BUFFERED: &str = "grpc_server_buffered_bytes";
/// Calls ended because `max_buffered` was reached.
pub const BUFFERS_FULL: &str = "grpc_server_buffers_full_total";
/// Panics contained to their call.
pub const PANICS: &str = "grpc_server_panics_total";
/// Open connections on the gRPC port.
pub const CONNECTIONS: &str = "grpc_server_connections";
/// Connections taken in.
pub const ACCEPTED: &str = "grpc_server_connections_accepted_total";
/// Connections refused because `max_connections` were open.
pub const REFUSED: &str = "grpc_server_connections_refused_total";
/// Connections closed, by `reason`.
pub const CLOSED: &str = "grpc_server_connections_closed_total";
/// Open HTTP/2 streams.
pub const STREAMS: &str = "grpc_server_streams";
/// Bytes read from connections, HTTP/2 framing included.
pub const RECEIVED: &str = "grpc_server_received_bytes_total";
/// Bytes written to connections, HTTP/2 framing included.
pub const SENT: &str = "grpc_server_sent_bytes_total";
/// Requests that are no gRPC, ended, by `http_request_method`, `http_route` and `http_response_status_code`; 499 is one
/// that its client left before it was answered.
pub const REQUESTS: &str = "http_server_requests_total";
/// Histogram: from the head of the request to the last byte given to the connection.
pub const REQUEST_DURATION: &str = "http_server_request_duration_seconds";
/// Requests begun and not ended.
pub const ACTIVE_REQUESTS: &str = "http_server_active_requests";
/// Requests refused because there were as many as there may be.
pub const REQUESTS_REFUSED: &str = "http_server_requests_refused_total";
/// Panics contained to their request.
pub const REQUEST_PANICS: &str = "http_server_panics_total";
/// Open connections on the web port.
pub const WEB_CONNECTIONS: &str = "http_server_connections";
/// Connections taken in.
pub const WEB_ACCEPTED: &str = "http_server_connections_accepted_total";
/// Connections closed, by `reason`.
pub const WEB_CLOSED: &str = "http_server_connections_closed_total";
/// Bytes read from connections, framing included.
pub const WEB_RECEIVED: &str = "http_server_received_bytes_total";
/// Bytes written to connections, framing included.
pub const WEB_SENT: &str = "http_server_sent_bytes_total";
/// Time since the server was told to stop; 0 before.
pub const DRAINING: &str = "grpc_server_draining_seconds";
/// TLS handshakes that were done.
pub const HANDSHAKES: &str = "campus_tls_handshakes_total";
/// TLS handshakes that failed, by `reason`.
pub const HANDSHAKE_FAILURES: &str = "campus_tls_handshake_failures_total";
/// Changed TLS files that were taken over (`result` is `success`) or not (`failure`).
pub const TLS_RELOADS: &str = "campus_tls_reloads_total";
/// When the first certificate in a `file` (`certificate`, `client_ca`) expires, in seconds since 1970.
pub const TLS_EXPIRY: &str = "campus_tls_certificate_expiry_timestamp_seconds";
/// Always 1; labels `service`, `version`, `commit`.
pub const BUILD: &str = "service_build_info";
/// User and system time of the process.
pub const CPU: &str = "process_cpu_seconds_total";
/// Memory that is in RAM.
pub const RESIDENT: &str = "process_resident_memory_bytes";
/// Memory that is mapped.
pub const VIRTUAL: &str = "process_virtual_memory_bytes";
/// Open file descriptors.
pub const OPEN_FDS: &str = "process_open_fds";
/// The limit of open file descriptors.
pub const MAX_FDS: &str = "process_max_fds";
/// Threads of the process.
pub const THREADS: &str = "process_threads";
/// When the process began, in seconds since 1970.
pub const START_TIME: &str = "process_start_time_seconds";
