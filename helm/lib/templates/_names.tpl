{{/* The name of a chart's objects in a release: dict "release" "name". It ends with the chart's, whole, so that no two
     charts share it, and leaves room for -headless: 63 - 9. */}}
{{- define "campus.nameIn" -}}
{{- if hasSuffix (printf "-%s" .name) (printf "-%s" .release) }}{{ .release }}
{{- else }}{{ printf "%s-%s" (.release | trunc (sub 53 (len .name) | int) | trimSuffix "-") .name }}
{{- end }}
{{- end }}

{{- define "campus.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 43 | trimSuffix "-" }}
{{- end }}

{{- define "campus.fullname" -}}
{{- if .Values.fullnameOverride }}{{ .Values.fullnameOverride | trunc 54 | trimSuffix "-" }}
{{- else }}{{ include "campus.nameIn" (dict "release" .Release.Name "name" (include "campus.name" .)) }}
{{- end }}
{{- end }}

{{- define "campus.headless" -}}
{{- include "campus.fullname" . }}-headless
{{- end }}

{{- define "campus.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}{{ default (include "campus.fullname" .) .Values.serviceAccount.name }}
{{- else }}{{ default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "campus.clusterDomain" -}}
{{- .Values.clusterDomain | default (.Values.global).clusterDomain | default "cluster.local" }}
{{- end }}

{{/* Whom clients of this chart call: every ready pod, by a name that needs no search list. */}}
{{- define "campus.target" -}}
{{- printf "dns:///%s.%s.svc.%s.:%d" (include "campus.headless" .) .Release.Namespace (include "campus.clusterDomain" .) (int .Facts.port) }}
{{- end }}

{{- define "campus.selectorLabels" -}}
app.kubernetes.io/name: {{ include "campus.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* Without the version of the chart: a new one alone starts no pod anew. */}}
{{- define "campus.podLabels" -}}
{{ include "campus.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: campus
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "campus.labels" -}}
{{ include "campus.podLabels" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* The head of an object: list of context, apiVersion, kind, name. */}}
{{- define "campus.head" -}}
{{- $ := index . 0 -}}
apiVersion: {{ index . 1 }}
kind: {{ index . 2 }}
metadata:
  name: {{ index . 3 }}
  namespace: {{ $.Release.Namespace }}
  labels:
    {{- include "campus.labels" $ | nindent 4 }}
{{- end }}

{{/* An image: list of context and a block with registry, repository, tag, digest. */}}
{{- define "campus.image" -}}
{{- $ := index . 0 }}{{ $image := index . 1 }}{{ $global := ($.Values.global).image | default dict }}
{{- $registry := $image.registry | default $global.registry | default "localhost" }}
{{- $tag := $image.tag | default $global.tag | default $.Chart.AppVersion }}
{{- $registry }}/{{ $image.repository }}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ $tag }}{{ end }}
{{- end }}

{{- define "campus.pullPolicy" -}}
{{- .Values.image.pullPolicy | default ((.Values.global).image).pullPolicy | default "IfNotPresent" }}
{{- end }}

{{- define "campus.pullSecrets" -}}
{{- with concat (default list (.Values.global).imagePullSecrets) (default list .Values.imagePullSecrets) | uniq }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
