{{/* The way in from outside: GRPCRoute for gRPC, HTTPRoute and Ingress for REST. */}}
{{- define "campus.routes" -}}
{{- with .Values.grpcRoute }}
{{- if .enabled }}
{{ include "campus.route" (list $ "GRPCRoute" .) }}
    - matches:
        {{- range $.Facts.services }}
        - method:
            service: {{ . }}
        {{- end }}
      {{- include "campus.backendRefs" (list $ .filters) | nindent 6 }}
{{- end }}
{{- end }}
{{- with .Values.httpRoute }}
{{- if .enabled }}
{{ include "campus.route" (list $ "HTTPRoute" .) }}
    - matches:
        {{- toYaml .matches | nindent 8 }}
      {{- include "campus.backendRefs" (list $ .filters) | nindent 6 }}
{{- end }}
{{- end }}
{{- with .Values.ingress }}
{{- if .enabled }}
---
{{ include "campus.head" (list $ "networking.k8s.io/v1" "Ingress" (include "campus.fullname" $)) }}
  {{- with .annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- with .className }}
  ingressClassName: {{ . }}
  {{- end }}
  {{- with .tls }}
  tls:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  rules:
    {{- range .hosts }}
    - host: {{ .host | quote }}
      http:
        paths:
          {{- range .paths }}
          - path: {{ .path }}
            pathType: {{ .pathType }}
            backend:
              service:
                name: {{ include "campus.fullname" $ }}
                port:
                  name: {{ $.Facts.portName }}
          {{- end }}
    {{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* A route up to its rules: list of context, kind, block of settings. */}}
{{- define "campus.route" -}}
{{- $ := index . 0 -}}
---
{{ include "campus.head" (list $ "gateway.networking.k8s.io/v1" (index . 1) (include "campus.fullname" $)) }}
  {{- with (index . 2).annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  parentRefs:
    {{- toYaml (index . 2).parentRefs | nindent 4 }}
  {{- with (index . 2).hostnames }}
  hostnames:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  rules:
{{- end }}

{{/* The end of a rule: list of context and filters. */}}
{{- define "campus.backendRefs" -}}
{{- $ := index . 0 }}
{{- with index . 1 -}}
filters:
  {{- toYaml . | nindent 2 }}
{{ end -}}
backendRefs:
  - name: {{ include "campus.fullname" $ }}
    port: {{ $.Facts.port }}
{{- end }}
