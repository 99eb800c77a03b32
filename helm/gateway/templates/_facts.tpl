{{- define "gateway.facts" -}}
name: campus-gateway
role: gateway
port: 8080
portName: http
appProtocol: http
try:
  port: 8080
tests:
  # The admin port has health, which says whether every backend can be reached.
  - name: test
    port: 9090
    args: [health, --timeout, 30s]
{{- end }}
