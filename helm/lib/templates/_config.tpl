{{/* Where records are kept: "postgres", "volume", "pod", or nothing for what keeps none. */}}
{{- define "campus.keeps" -}}
{{- if eq .Facts.role "records" }}
{{- $database := include "campus.database" . | fromYaml }}
{{- if or $database.url $database.existingSecret }}postgres
{{- else if or .Values.persistence.enabled .Values.persistence.existingClaim }}volume
{{- else }}pod
{{- end }}
{{- end }}
{{- end }}

{{/* The chart's own database, else that of all charts of the release. */}}
{{- define "campus.database" -}}
{{- $own := .Values.database | default dict }}
{{- if or $own.url $own.existingSecret }}{{ toYaml $own }}
{{- else }}{{ mergeOverwrite (deepCopy $own) (deepCopy ((.Values.global).database | default dict)) | toYaml }}
{{- end }}
{{- end }}

{{- define "campus.otel" -}}
{{- if .Values.otel.endpoint }}{{ toYaml .Values.otel }}
{{- else }}{{ mergeOverwrite (deepCopy .Values.otel) (deepCopy ((.Values.global).otel | default dict)) | toYaml }}
{{- end }}
{{- end }}

{{/* The file of settings: what the chart decides, and over it .Values.settings. As JSON, which is YAML: toYaml writes
     large numbers as 1e+07. */}}
{{- define "campus.config" -}}
{{- $server := dict "drain_delay" (printf "%ds" (int .Values.drain.delaySeconds)) "drain_limit" (printf "%ds" (int .Values.drain.limitSeconds)) }}
{{- if include "campus.tls" . }}
{{- $tls := dict "certificate" "/etc/campus-tls/tls.crt" "key" "/etc/campus-tls/tls.key" }}
{{- if .Values.tls.mutual }}{{ $_ := set $tls "client_ca" "/etc/campus-tls/ca.crt" }}{{ end }}
{{- $_ := set $server "tls" $tls }}
{{- end }}
{{- $config := dict "server" $server "admin" (dict "listen" (printf "%s:9090" .Values.listenAddress)) "log" (dict "format" "json") }}
{{- $listen := printf "%s:%d" .Values.listenAddress (int .Facts.port) }}
{{- if eq .Facts.role "records" }}
{{- $_ := set $server "listen" $listen }}
{{- $_ := set $config "store" (include "campus.config.store" . | fromYaml) }}
{{- else }}
{{- $_ := set $config "rest" (dict "listen" $listen) }}
{{- $_ := set $config "gateway" (dict "backends" (include "campus.config.backends" . | fromYamlArray)) }}
{{- end }}
{{- if (.Values.people).existingConfigMap }}
{{- $_ := set $config "addressbook" (dict "load" (printf "/etc/campus-people/%s" .Values.people.key)) }}
{{- end }}
{{- mergeOverwrite $config (deepCopy .Values.settings) | toPrettyJson }}
{{- end }}

{{- define "campus.config.store" -}}
{{- $database := include "campus.database" . | fromYaml }}
{{- if eq (include "campus.keeps" .) "postgres" }}
{{- with $database.url }}
url: {{ . | quote }}
{{- end }}
{{- if $database.passwordKey }}
password_file: /etc/campus-database/{{ $database.passwordKey }}
{{- end }}
{{- with $database.schema }}
schema: {{ . | quote }}
{{- end }}
{{- else }}
dir: /var/lib/campus
{{- end }}
{{- end }}

{{/* The backends of a gateway. One without a target is the chart of that name in the same release, or, for a gateway that
     is installed alone, the release of that name in the same namespace. */}}
{{- define "campus.config.backends" -}}
{{- $backends := list }}
{{- range $name, $backend := .Values.backends }}
{{- if and $backend (ne $backend.enabled false) }}
{{- $service := $.Chart.IsRoot | ternary $name (include "campus.nameIn" (dict "release" $.Release.Name "name" $name)) }}
{{- $host := printf "%s-headless.%s.svc.%s" $service $.Release.Namespace (include "campus.clusterDomain" $) }}
{{- $table := dict "target" (default (printf "dns:///%s.:50051" $host) $backend.target) }}
{{- with $backend.services }}{{ $_ := set $table "services" . }}{{ end }}
{{- if include "campus.backendTLS" $ }}
{{- $_ := set $table "tls_ca" "/etc/campus-backend-tls/ca.crt" }}
{{- $_ := set $table "tls_certificate" "/etc/campus-backend-tls/tls.crt" }}
{{- $_ := set $table "tls_key" "/etc/campus-backend-tls/tls.key" }}
{{- if or $backend.tlsServerName (not $backend.target) }}{{ $_ := set $table "tls_server_name" (default $host $backend.tlsServerName) }}{{ end }}
{{- end }}
{{- $backends = append $backends $table }}
{{- end }}
{{- end }}
{{- toYaml $backends }}
{{- end }}

{{/* Seconds from SIGTERM, or from the preStop hook, to the end: every wait of the stop, and 5 more. */}}
{{- define "campus.grace" -}}
{{- $flush := 1 }}{{ $telemetry := 2 }}
{{- with (.Values.settings.server).flush_limit }}{{ $flush = include "campus.seconds" . | int }}{{ end }}
{{- with (.Values.settings.telemetry).flush_limit }}{{ $telemetry = include "campus.seconds" . | int }}{{ end }}
{{- add .Values.drain.preStopSeconds .Values.drain.delaySeconds .Values.drain.limitSeconds (mul 2 $flush) $telemetry 5 }}
{{- end }}

{{/* A duration of the settings (500ms, 20s, 1m30s, 0) in whole seconds, rounded up. */}}
{{- define "campus.seconds" -}}
{{- $milliseconds := 0 }}
{{- range regexFindAll "[0-9]+(ms|s|m|h)" (toString .) -1 }}
{{- $unit := get (dict "ms" 1 "s" 1000 "m" 60000 "h" 3600000) (regexFind "[a-z]+" .) }}
{{- $milliseconds = add $milliseconds (mul (regexFind "[0-9]+" . | int64) $unit) }}
{{- end }}
{{- div (add $milliseconds 999) 1000 }}
{{- end }}
