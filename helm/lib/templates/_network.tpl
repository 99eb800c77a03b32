{{/* What may reach the pods, and what they may reach: DNS, and what their settings name. */}}
{{- define "campus.networkPolicy" -}}
{{- with .Values.networkPolicy }}
{{- if .enabled }}
{{- include "campus.head" (list $ "networking.k8s.io/v1" "NetworkPolicy" (include "campus.fullname" $)) }}
spec:
  podSelector:
    matchLabels:
      {{- include "campus.selectorLabels" $ | nindent 6 }}
  policyTypes: [Ingress, Egress]
  ingress:
    - ports:
        - port: {{ $.Facts.portName }}
      {{- if or .from (eq $.Facts.role "records") }}
      from:
        - podSelector:
            matchLabels:
              app.kubernetes.io/instance: {{ $.Release.Name }}
              app.kubernetes.io/part-of: campus
        {{- with .from }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- end }}
    # Probes come from the node and are let in by every network plugin.
    - ports:
        - port: admin
      from:
        - podSelector:
            matchLabels:
              app.kubernetes.io/instance: {{ $.Release.Name }}
              app.kubernetes.io/component: test
        {{- with .metricsFrom }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  egress:
    - ports:
        - port: 53
          protocol: UDP
        - port: 53
          protocol: TCP
    {{- with include "campus.egress" $ | trim }}
    {{- . | nindent 4 }}
    {{- end }}
    {{- with .extraEgress }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "campus.egress" -}}
{{- $otel := include "campus.otel" . | fromYaml }}
{{- if $otel.endpoint }}
{{- $url := urlParse $otel.endpoint }}
# The collector.
{{ include "campus.peer" (list . $url.host (eq $url.scheme "https" | ternary "443" "80")) | trim }}
{{- end }}
{{- if eq (include "campus.keeps" .) "postgres" }}
{{- $database := include "campus.database" . | fromYaml }}
# The database.
{{ include "campus.peers" (list . (regexFind "://[^/?#]*" (default "" $database.url) | trimPrefix "://" | splitList "@" | last) (toString $database.port)) | trim }}
{{- end }}
{{- range $name, $backend := .Values.backends }}
{{- if and $backend (ne $backend.enabled false) }}
{{- $host := regexReplaceAll "^.*/" (default "" $backend.target) "" }}
# {{ $name }}
{{- if $host }}
{{ include "campus.peers" (list $ $host "50051") | trim }}
{{- else }}
- ports:
    - port: 50051
  to:
    - podSelector:
        matchLabels:
          app.kubernetes.io/name: {{ $name }}
          app.kubernetes.io/part-of: campus
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* The same for several, with commas between them. */}}
{{- define "campus.peers" -}}
{{- $ := index . 0 }}{{ $port := index . 2 }}
{{- range splitList "," (index . 1) }}
{{ include "campus.peer" (list $ . $port) | trim }}
{{- end }}
{{- end }}

{{/* A rule for host[:port], else for that port: list of context, host, port. NAME.NAMESPACE.svc is every pod of that
     namespace, NAME every pod of this one, and an address of IPv4 is itself. Any other may be anywhere. */}}
{{- define "campus.peer" -}}
{{- $ := index . 0 }}
{{- $host := index . 1 | regexFind "^(\\[[^]]*\\]|[^:]*)" | trimSuffix "." }}
{{- $port := index . 1 | regexFind ":[0-9]+$" | trimPrefix ":" | default (index . 2) }}
{{- $labels := splitList "." $host }}
- ports:
    - port: {{ $port }}
{{- if regexMatch "^[0-9.]+$" $host }}
  to:
    - ipBlock:
        cidr: {{ $host }}/32
{{- else if and (gt (len $labels) 2) (eq (index $labels 2) "svc") }}
  to:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: {{ index $labels 1 }}
{{- else if and (eq (len $labels) 1) $host (not (hasPrefix "[" $host)) }}
  to:
    - podSelector: {}
{{- end }}
{{- end }}
