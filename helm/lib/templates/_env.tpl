{{/* What a pod is told of itself comes first, so that later variables may refer to it. */}}
{{- define "campus.env" -}}
{{- include "campus.env.own" . }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "campus.env.own" -}}
{{- range $name, $path := dict "POD_NAME" "metadata.name" "POD_NAMESPACE" "metadata.namespace" "POD_UID" "metadata.uid" "NODE_NAME" "spec.nodeName" }}
- name: {{ $name }}
  valueFrom:
    fieldRef:
      fieldPath: {{ $path }}
{{- end }}
- name: CONTAINER_NAME
  value: {{ .Facts.name }}
- name: DEPLOYMENT_NAME
  value: {{ include "campus.fullname" . }}
{{- if eq (include "campus.keeps" .) "postgres" }}
{{- $database := include "campus.database" . | fromYaml }}
{{- if and $database.existingSecret (not $database.url) }}
- name: CAMPUS__STORE__URL
  valueFrom:
    secretKeyRef:
      name: {{ $database.existingSecret }}
      key: {{ $database.urlKey }}
{{- end }}
{{- end }}
{{- include "campus.env.otel" . }}
{{- end }}

{{- define "campus.env.otel" -}}
{{- $otel := include "campus.otel" . | fromYaml }}
{{- if $otel.endpoint }}
{{- $env := dict "OTEL_SERVICE_NAME" .Facts.name "OTEL_EXPORTER_OTLP_ENDPOINT" $otel.endpoint "OTEL_EXPORTER_OTLP_PROTOCOL" $otel.protocol }}
{{- with $otel.sampler }}{{ $_ := set $env "OTEL_TRACES_SAMPLER" . }}{{ end }}
{{- if hasSuffix "traceidratio" $otel.sampler }}{{ $_ := set $env "OTEL_TRACES_SAMPLER_ARG" (toString $otel.samplerArg) }}{{ end }}
{{- $attributes := list }}
{{- range $key, $value := $otel.resourceAttributes }}{{ $attributes = append $attributes (printf "%s=%s" $key (toString $value | urlquery | replace "+" "%20")) }}{{ end }}
{{- with $attributes }}{{ $_ := set $env "OTEL_RESOURCE_ATTRIBUTES" (join "," .) }}{{ end }}
{{- range $name, $value := mergeOverwrite $env (default dict $otel.env) }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- with $otel.headersSecret }}
{{- if .name }}
- name: OTEL_EXPORTER_OTLP_HEADERS
  valueFrom:
    secretKeyRef:
      name: {{ .name }}
      key: {{ .key }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
