{{/* What the schema cannot say: names that are others here, and values that do not go together. */}}
{{- define "campus.refuse" -}}
{{- range $wrong, $right := include "campus.names.wrong" . | fromYaml }}
{{- if hasKey $.Values $wrong }}
{{- fail (printf "%s: there is no value %s: %s" $.Chart.Name $wrong $right) }}
{{- end }}
{{- end }}
{{- range $setting, $value := include "campus.settings.owned" . | fromYaml }}
{{- $path := splitList "." $setting }}
{{- $section := $.Values.settings }}
{{- range initial $path }}{{ $section = index $section . | default dict }}{{ end }}
{{- if hasKey $section (last $path) }}
{{- fail (printf "%s: settings.%s is set by the chart: %s" $.Chart.Name $setting $value) }}
{{- end }}
{{- end }}
{{- if eq .Facts.role "records" }}{{ include "campus.refuse.records" . }}{{ end }}
{{- with .Values.autoscaling }}
{{- if .enabled }}
{{- if gt (int .minReplicas) (int .maxReplicas) }}
{{- fail (printf "%s: autoscaling.minReplicas is %v, more than autoscaling.maxReplicas, %v" $.Chart.Name .minReplicas .maxReplicas) }}
{{- end }}
{{- if and .triggers .metrics }}
{{- fail (printf "%s: autoscaling.metrics are of the autoscaler, which KEDA makes itself: name them as autoscaling.triggers, or set only one of both" $.Chart.Name) }}
{{- end }}
{{- if and .targetCPUUtilizationPercentage (not (($.Values.resources).requests).cpu) }}
{{- fail (printf "%s: autoscaling by CPU counts in parts of what is requested: set resources.requests.cpu" $.Chart.Name) }}
{{- end }}
{{- end }}
{{- end }}
{{- range $block, $used := dict "tls" (include "campus.tls" .) "backendTLS" (include "campus.backendTLS" .) }}
{{- if and (index $.Values $block | default dict).existingSecret (not $used) }}
{{- fail (printf "%s: %s.existingSecret is set, but nothing would use it: set %s.enabled to true" $.Chart.Name $block $block) }}
{{- end }}
{{- end }}
{{- range $route := list "grpcRoute" "httpRoute" }}
{{- with index $.Values $route }}
{{- if and .enabled (not .parentRefs) }}
{{- fail (printf "%s: %s needs to know its Gateway: set %s.parentRefs" $.Chart.Name $route $route) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "campus.refuse.records" -}}
{{- $database := include "campus.database" . | fromYaml }}
{{- if regexMatch "^[a-z]+://[^/@]*:[^/@]*@|[?&](ssl)?password=" (default "" $database.url) }}
{{- fail (printf "%s: database.url holds a password, which everybody who may read pods would see: put the URL into a Secret and set database.existingSecret" .Chart.Name) }}
{{- end }}
{{- if and $database.url $database.existingSecret (not $database.passwordKey) }}
{{- fail (printf "%s: database.url and database.existingSecret are both set: set database.passwordKey too, or leave one out" .Chart.Name) }}
{{- end }}
{{- if and $database.passwordKey (not $database.existingSecret) }}
{{- fail (printf "%s: database.passwordKey is a key of a Secret: set database.existingSecret" .Chart.Name) }}
{{- end }}
{{- if and (ne (include "campus.keeps" .) "postgres") (gt (include "campus.most" . | int) 1) }}
{{- $setting := .Values.autoscaling.enabled | ternary "autoscaling.maxReplicas" "replicaCount" }}
{{- fail (printf "%s: %s is %s, but records in SQLite belong to one pod: set database.existingSecret to a Secret with the URL of a PostgreSQL database, or %s to 1" .Chart.Name $setting (include "campus.most" .) $setting) }}
{{- end }}
{{- end }}

{{/* Names of other charts, and what they are here. The schema lets them pass, so that this can be said. */}}
{{- define "campus.names.wrong" -}}
replicas: use replicaCount
imagePullPolicy: use image.pullPolicy
imageTag: use image.tag
config: use settings
configuration: use settings
env: use extraEnv
envFrom: use extraEnvFrom
volumes: use extraVolumes
volumeMounts: use extraVolumeMounts
extraDeploy: use extraObjects
extraManifests: use extraObjects
hpa: use autoscaling
pdb: use podDisruptionBudget
opentelemetry: use otel
postgresql: "use database; the chart brings no server"
containerSecurityContext: use securityContext
serviceMonitor: use metrics.serviceMonitor
prometheusRule: use metrics.prometheusRule
livenessProbe: use probes.liveness
readinessProbe: use probes.readiness
startupProbe: use probes.startup
terminationGracePeriodSeconds: "it is computed; use drain.limitSeconds"
lifecycle: use drain.preStopSeconds
{{- end }}

{{- define "campus.settings.owned" -}}
server.listen: the port is part of the Services
server.drain_delay: use drain.delaySeconds
server.drain_limit: use drain.limitSeconds
server.tls.certificate: use tls
server.tls.key: use tls
server.tls.client_ca: use tls.mutual
admin.listen: the port is part of the probes
rest.listen: the port is part of the Services
store.url: use database.url or database.existingSecret
store.password_file: use database.passwordKey
store.schema: use database.schema
store.dir: use persistence
gateway.backends: use backends
addressbook.load: use people.existingConfigMap
{{- end }}
