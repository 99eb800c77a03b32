{{/* What is printed after an installation: commands that work as they stand, then what to mind. */}}
{{- define "campus.notes" -}}
{{ .Chart.Name }} {{ .Chart.AppVersion }} is in namespace {{ .Release.Namespace }}, release {{ .Release.Name }}.

Is it ready, and what does it say?
  kubectl -n {{ .Release.Namespace }} rollout status deployment/{{ include "campus.fullname" . }}
  {{- if .Values.test.enabled }}
  helm -n {{ .Release.Namespace }} test {{ .Release.Name }} --logs
  {{- end }}
  kubectl -n {{ .Release.Namespace }} logs -l {{ include "campus.selectorLabels" . | replace ": " "=" | replace "\n" "," }}
{{ include "campus.notes.try" . }}
{{- with include "campus.warnings" . | trim }}

{{ . }}
{{- end }}
{{- end }}

{{- define "campus.notes.try" }}
{{- $port := int .Facts.port }}{{ $local := int .Facts.try.port }}
From this machine:
  kubectl -n {{ .Release.Namespace }} port-forward service/{{ include "campus.fullname" . }} {{ $local }}{{ if ne $local $port }}:{{ $port }}{{ end }} &
{{- if eq .Facts.role "records" }}
{{- $flags := "-plaintext" }}
{{- with include "campus.tls" . }}
{{- $flags = printf "-cacert ca.crt -authority %s.%s.svc" (include "campus.fullname" $) $.Release.Namespace }}
{{- $files := list "ca.crt" }}
{{- if $.Values.tls.mutual }}{{ $flags = printf "%s -cert tls.crt -key tls.key" $flags }}{{ $files = list "ca.crt" "tls.crt" "tls.key" }}{{ end }}
{{- range $file := $files }}
  kubectl -n {{ $.Release.Namespace }} get secret {{ include "campus.tls" $ }} -o jsonpath='{.data.{{ replace "." "\\." $file }}}' | base64 -d >{{ $file }}
{{- end }}
{{- end }}
  grpcurl {{ $flags }} localhost:{{ $local }} list
  grpcurl {{ $flags }} -d '{{ .Facts.try.body }}' localhost:{{ $local }} {{ .Facts.try.method }}

From within the cluster, balanced over every ready pod:
  {{ include "campus.target" . }}
{{- else }}
  {{- $flags := "" }}
  {{- with include "campus.tls" . }}
  {{- $flags = "-k https://" }}
  {{- if $.Values.tls.mutual }}
  {{- $flags = "--cert tls.crt --key tls.key -k https://" }}
  # With tls.crt and tls.key of a client that ca.crt in the Secret {{ . }} has signed:
  {{- end }}
  {{- end }}
  curl {{ $flags }}localhost:{{ $local }}{{ include "campus.notes.path" . }}
  Every method can be tried at http{{ if include "campus.tls" . }}s{{ end }}://localhost:{{ $local }}/
{{- end }}
{{- end }}

{{/* A path of REST that a backend answers. */}}
{{- define "campus.notes.path" -}}
{{- $paths := dict "employee" "/v1/employees" "student" "/v1/students" }}
{{- $path := "/" }}
{{- range $name, $backend := .Values.backends }}
{{- if and $backend (ne $backend.enabled false) (eq $path "/") }}{{ $path = get $paths $name | default "/" }}{{ end }}
{{- end }}
{{- $path }}
{{- end }}

{{/* A line each. Within another chart a value is named by its path from there. */}}
{{- define "campus.warnings" -}}
{{- $at := .Chart.IsRoot | ternary "" (printf "%s." .Chart.Name) }}
{{- $database := .Chart.IsRoot | ternary "database" "global.database" }}
{{- $keeps := include "campus.keeps" . }}
{{- if eq $keeps "pod" }}
WARNING {{ .Chart.Name }}: its records are lost with its pod; set {{ $at }}persistence.enabled, or {{ $database }}.existingSecret for PostgreSQL
{{- end }}
{{- if and (eq $keeps "volume") (not .Values.persistence.existingClaim) }}
NOTE {{ .Chart.Name }}: the claim {{ include "campus.fullname" . }} stays after helm uninstall; an update stops the pod before the next one starts
{{- end }}
{{- if and (has $keeps (list "postgres" "")) (eq (include "campus.most" . | int) 1) }}
NOTE {{ .Chart.Name }}: there is one pod, so that a lost node is an outage; set {{ $at }}replicaCount or {{ $at }}autoscaling.enabled
{{- end }}
{{- /* With Helm 3 every revision does. */}}
{{- if and .Values.autoscaling.enabled (include "campus.replicas" .) (not (hasPrefix "v3." .Capabilities.HelmVersion.Version)) }}
NOTE {{ .Chart.Name }}: this revision says how many pods there are, which the autoscaler takes over; run the same upgrade once more when it has, so that a revision to go back to does not
{{- end }}
{{- if and (eq .Facts.role "records") (not .Values.networkPolicy.enabled) (not (include "campus.tls" .)) }}
NOTE {{ .Chart.Name }}: every pod of the cluster may call it; set {{ $at }}networkPolicy.enabled or {{ $at }}tls.enabled
{{- end }}
{{- $memory := include "campus.bytes" (((.Values.resources).limits).memory | default "1Ti") | int64 }}
{{- $buffered := include "campus.bytes" ((.Values.settings.server).max_buffered | default "64MiB") | int64 }}
{{- $queue := eq .Facts.role "records" | ternary (include "campus.bytes" "64MiB" | int64) 0 }}
{{- if lt $memory (add $buffered $queue) }}
WARNING {{ .Chart.Name }}: a pod may be killed for want of memory; set {{ $at }}resources.limits.memory to more than {{ div (add $buffered $queue) 1048576 }}Mi, or {{ $at }}settings.server.max_buffered to less
{{- end }}
{{- if and .Values.metrics.prometheusRule.enabled (not .Values.metrics.serviceMonitor.enabled) }}
NOTE {{ .Chart.Name }}: its alerts count on the job of its ServiceMonitor, and without one CampusDown fires; set {{ $at }}metrics.serviceMonitor.enabled
{{- end }}
{{- if and .Chart.IsRoot (eq .Facts.role "gateway") }}
{{- $missing := list }}
{{- range $name, $backend := .Values.backends }}
{{- if and $backend (ne $backend.enabled false) (not $backend.target) }}{{ $missing = append $missing $name }}{{ end }}
{{- end }}
{{- with $missing }}
NOTE {{ $.Chart.Name }}: it is ready once these releases are, in this namespace: {{ join ", " . }}; else set backends.NAME.target, or .enabled to false
{{- end }}
{{- end }}
{{- if and .Values.networkPolicy.enabled .Values.metrics.serviceMonitor.enabled (not .Values.networkPolicy.metricsFrom) }}
WARNING {{ .Chart.Name }}: its NetworkPolicy keeps Prometheus out; set {{ $at }}networkPolicy.metricsFrom
{{- end }}
{{- end }}

{{/* A size of the settings (64MiB) or of Kubernetes (256Mi) in bytes. */}}
{{- define "campus.bytes" -}}
{{- $text := toString . | trimSuffix "B" }}
{{- $unit := get (dict "" 1 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 "k" 1000 "M" 1000000 "G" 1000000000 "T" 1000000000000) (regexFind "[A-Za-z]+$" $text) }}
{{- mulf (regexFind "^[0-9.]+" $text | float64) (default 1 $unit) | int64 }}
{{- end }}
