{{- define "student.facts" -}}
name: campus-student
role: records
port: 50051
portName: grpc
appProtocol: kubernetes.io/h2c
services: [campus.student.v1.StudentService]
try:
  port: 50052
  method: campus.student.v1.StudentService/ListStudents
  body: '{"page_size": 2}'
tests:
  - name: channel-test
    args: [channel, --timeout, 30s]
  - name: test
    args: [student, list, --limit, "1", --timeout, 30s]
{{- end }}
