{{- define "employee.facts" -}}
name: campus-employee
role: records
port: 50051
portName: grpc
appProtocol: kubernetes.io/h2c
services: [campus.employee.v1.EmployeeService]
try:
  port: 50051
  method: campus.employee.v1.EmployeeService/ListEmployees
  body: '{"page_size": 2}'
tests:
  - name: channel-test
    args: [channel, --timeout, 30s]
  - name: test
    args: [employee, list, --limit, "1", --timeout, 30s]
{{- end }}
