//! The span of a call (OpenTelemetry semantic conventions for RPC and HTTP servers).

use super::{Labels, context};
use crate::WebRoute;
use campus_call::{Peer, SPANS, Trace};
use campus_telemetry::with_trace_id;
use http::{HeaderMap, StatusCode};
use opentelemetry::{
    Context, ContextGuard,
    trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId},
};
use tonic::Code;
use tracing::{Span, field::Empty};
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// The span of a call that is sampled. It ends when it is dropped.
#[derive(Debug)]
pub(crate) struct CallSpan {
    span: Span,
    context: Context,
}

impl CallSpan {
    pub(super) fn begin(trace_id: u128, parent: Option<(Trace, &HeaderMap)>, labels: &Labels<'_>) -> (Trace, Self) {
        let span = make(labels);
        if let Some((parent, headers)) = parent {
            // It fails where no layer takes the spans, and then there is nothing to set a parent of.
            let _ = span.set_parent(Context::new().with_remote_span_context(SpanContext::new(
                TraceId::from(parent.trace_id),
                SpanId::from(parent.span_id),
                if parent.sampled { TraceFlags::SAMPLED } else { TraceFlags::default() },
                true,
                context::state(headers),
            )));
        }
        let context = with_trace_id(trace_id, || span.context());
        let span_id = u64::from_be_bytes(context.span().span_context().span_id().to_bytes());
        (Trace { trace_id, span_id, sampled: true }, Self { span, context })
    }

    /// Makes this span the parent of those begun on this thread, until the guard is dropped. Meant for one poll.
    pub(crate) fn enter(&self) -> ContextGuard {
        self.context.clone().attach()
    }

    /// Ends the span with the call's status. Only what is the server's fault is an error of its span.
    pub(crate) fn end(self, code: Code) {
        self.span.record("rpc.grpc.status_code", code as i32);
        if is_fault(code) {
            self.span.record("otel.status_code", "ERROR");
        }
    }

    /// Ends the span of a request that is no gRPC; one without a code was left by its client.
    pub(crate) fn end_web(self, route: Option<&WebRoute>, code: Option<StatusCode>) {
        if let Some(route) = route {
            // Recorded on the span of `tracing`, it would be too late for its name.
            self.context.span().update_name(format!("{} {}", route.method, route.path));
            self.span.record("http.route", route.path.as_str());
        }
        if let Some(code) = code {
            self.span.record("http.response.status_code", code.as_u16());
        }
        if code.is_some_and(|code| code.is_server_error()) {
            self.span.record("otel.status_code", "ERROR");
        }
    }
}

fn make(labels: &Labels<'_>) -> Span {
    match *labels {
        Labels::Rpc { service, method, request_id, peer } => rpc(service, method, request_id, peer),
        Labels::Web { method, request_id, peer } => web(method, request_id, peer),
    }
}

/// The path is left out: it names records.
fn web(method: &str, request_id: &str, peer: &Peer) -> Span {
    tracing::info_span!(
        target: SPANS,
        parent: None,
        "request",
        otel.name = method,
        otel.kind = "server",
        otel.status_code = Empty,
        http.request.method = method,
        http.route = Empty,
        http.response.status_code = Empty,
        url.scheme = if peer.tls { "https" } else { "http" },
        campus.request_id = request_id,
        server.address = peer.local.map(|local| tracing::field::display(local.ip())),
        server.port = peer.local.map(|local| local.port()),
        network.peer.address = peer.address.map(|address| tracing::field::display(address.ip())),
        network.peer.port = peer.address.map(|address| address.port()),
    )
}

fn rpc(service: &str, method: &str, request_id: &str, peer: &Peer) -> Span {
    let (address, local) = (peer.address, peer.local);
    tracing::info_span!(
        target: SPANS,
        parent: None,
        "call",
        otel.name = %format_args!("{service}/{method}"),
        otel.kind = "server",
        otel.status_code = Empty,
        rpc.system = "grpc",
        rpc.service = service,
        rpc.method = method,
        rpc.grpc.status_code = Empty,
        campus.request_id = request_id,
        server.address = local.map(|local| tracing::field::display(local.ip())),
        server.port = local.map(|local| local.port()),
        network.peer.address = address.map(|address| tracing::field::display(address.ip())),
        network.peer.port = address.map(|address| address.port()),
    )
}

/// As the conventions say of servers.
fn is_fault(code: Code) -> bool {
    use Code::{DataLoss, DeadlineExceeded, Internal, Unavailable, Unimplemented, Unknown};
    matches!(code, Unknown | DeadlineExceeded | Unimplemented | Internal | Unavailable | DataLoss)
}
