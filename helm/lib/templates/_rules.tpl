{{/* Alerts: lists of rules. Each has a page of its name in docs/runbooks. */}}
{{- define "campus.rules.job" -}}
namespace="{{ .Release.Namespace }}",job="{{ include "campus.headless" . }}"
{{- end }}

{{- define "campus.rules.all" -}}
{{- $job := include "campus.rules.job" . }}
{{- $name := include "campus.fullname" . }}
- alert: CampusDown
  expr: (count(up{ {{- $job -}} } == 1) or vector(0)) == 0
  for: 2m
  labels: {severity: critical}
  annotations:
    summary: No pod of {{ $name }} can be scraped.
- alert: CampusPanics
  expr: sum(increase({__name__=~"grpc_server_panics_total|http_server_panics_total",{{ $job }}}[15m])) > 0
  labels: {severity: warning}
  annotations:
    summary: A call of {{ $name }} panicked.
- alert: CampusConnectionsRefused
  expr: sum(rate(grpc_server_connections_refused_total{ {{- $job -}} }[5m])) > 0
  for: 5m
  labels: {severity: warning}
  annotations:
    summary: {{ $name }} refuses connections, because as many are open as may be.
- alert: CampusFilesScarce
  expr: max by (pod) (process_open_fds{ {{- $job -}} } / process_max_fds{ {{- $job -}} }) > 0.85
  for: 10m
  labels: {severity: warning}
  annotations:
    summary: A pod of {{ $name }} has used most of the files that it may open.
- alert: CampusDrainsLong
  expr: max by (pod) (grpc_server_draining_seconds{ {{- $job -}} }) > {{ include "campus.grace" . }}
  labels: {severity: warning}
  annotations:
    summary: A pod of {{ $name }} has been stopping for longer than it should be able to.
- alert: CampusCertificateExpires
  expr: min by (pod, file) (campus_tls_certificate_expiry_timestamp_seconds{ {{- $job -}} }) - time() < 3 * 86400
  for: 1h
  labels: {severity: critical}
  annotations:
    summary: A certificate of {{ $name }} expires within three days.
- alert: CampusCertificateNotTaken
  expr: sum by (pod) (increase(campus_tls_reloads_total{result="failure",{{ $job }}}[15m])) > 0
  labels: {severity: warning}
  annotations:
    summary: {{ $name }} was given a certificate that it cannot use, and keeps the former one.
- alert: CampusSpansLost
  expr: sum by (reason) (rate(campus_telemetry_dropped_spans_total{ {{- $job -}} }[5m])) > 0
  for: 15m
  labels: {severity: info}
  annotations:
    summary: Spans of {{ $name }} do not reach the collector.
{{- end }}

{{- define "campus.rules.records" -}}
{{- $job := include "campus.rules.job" . }}
{{- $name := include "campus.fullname" . }}
- alert: CampusErrors
  expr: >-
    sum(rate(grpc_server_handled_total{grpc_code=~"Unknown|Internal|DataLoss|Unavailable|DeadlineExceeded",{{ $job }}}[5m]))
    / sum(rate(grpc_server_handled_total{ {{- $job -}} }[5m])) > 0.05
  for: 5m
  labels: {severity: critical}
  annotations:
    summary: More than one call in twenty of {{ $name }} fails by the fault of the server.
- alert: CampusSlow
  expr: >-
    histogram_quantile(0.99, sum by (le, grpc_method)
    (rate(grpc_server_handling_seconds_bucket{grpc_type="unary",{{ $job }}}[5m]))) > 0.5
  for: 10m
  labels: {severity: warning}
  annotations:
    summary: One unary call in a hundred of {{ $name }} takes longer than half a second.
- alert: CampusCallsRefused
  expr: sum(rate(grpc_server_calls_refused_total{ {{- $job -}} }[5m])) + sum(rate(grpc_server_buffers_full_total{ {{- $job -}} }[5m])) > 0
  for: 5m
  labels: {severity: warning}
  annotations:
    summary: {{ $name }} refuses calls for want of room.
- alert: CampusStoreFails
  expr: sum(rate(campus_store_failures_total{ {{- $job -}} }[5m])) > 0
  for: 2m
  labels: {severity: critical}
  annotations:
    summary: Transactions of {{ $name }} fail.
- alert: CampusWritesRefused
  expr: sum(rate(campus_store_overloaded_total{ {{- $job -}} }[5m])) > 0
  for: 5m
  labels: {severity: warning}
  annotations:
    summary: {{ $name }} refuses writes, because too many wait for the disk.
{{- end }}

{{- define "campus.rules.gateway" -}}
{{- $job := include "campus.rules.job" . }}
{{- $name := include "campus.fullname" . }}
- alert: CampusRequestsFail
  expr: >-
    sum(rate(http_server_requests_total{http_response_status_code=~"5..",{{ $job }}}[5m]))
    / sum(rate(http_server_requests_total{ {{- $job -}} }[5m])) > 0.05
  for: 5m
  labels: {severity: critical}
  annotations:
    summary: More than one request in twenty of {{ $name }} fails by the fault of the server.
- alert: CampusRequestsRefused
  expr: sum(rate(http_server_requests_refused_total{ {{- $job -}} }[5m])) > 0
  for: 5m
  labels: {severity: warning}
  annotations:
    summary: {{ $name }} refuses requests for want of room.
- alert: CampusBackendGone
  expr: max by (target) (grpc_subchannel_open_connections{ {{- $job -}} }) == 0
  for: 1m
  labels: {severity: critical}
  annotations:
    summary: {{ $name }} has no connection to a backend.
{{- end }}
