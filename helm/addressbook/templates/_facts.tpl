{{- define "addressbook.facts" -}}
name: campus-addressbook
role: records
port: 50051
portName: grpc
appProtocol: kubernetes.io/h2c
services: [personguide.PersonGuide]
try:
  port: 50053
  method: personguide.PersonGuide/ListPersons
  body: '{}'
tests:
  - name: channel-test
    args: [channel, --timeout, 30s]
  - name: test
    args: [person, route, "1", --timeout, 30s]
{{- end }}
