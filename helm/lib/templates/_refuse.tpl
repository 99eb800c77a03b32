{{/* A value's path from where values are given: list of context, path. */}}
{{- define "campus.path" -}}
{{- $ := index . 0 }}{{ if not $.Chart.IsRoot }}{{ $.Chart.Name }}.{{ end }}{{ index . 1 }}
{{- end }}

{{/* What the schema cannot say: names that are others here, and values that do not go together. */}}
{{- define "campus.refuse" -}}
{{- $at := include "campus.path" (list . "") }}
{{- include "campus.refuse.null" . }}
{{- include "campus.refuse.global" . }}
{{- range $wrong, $right := include "campus.names.wrong" . | fromYaml }}
{{- $path := splitList "." $wrong }}
{{- $block := $.Values }}
{{- range initial $path }}{{ $block = index $block . | default dict }}{{ end }}
{{- if hasKey $block (last $path) }}
{{- fail (printf "%s: there is no value %s%s: %s" $.Chart.Name $at $wrong $right) }}
{{- end }}
{{- end }}
{{- range $setting, $value := include "campus.settings.owned" . | fromYaml }}
{{- $path := splitList "." $setting }}
{{- $section := $.Values.settings }}
{{- range initial $path }}{{ $section = index $section . | default dict }}{{ end }}
{{- if hasKey $section (last $path) }}
{{- fail (printf "%s: %ssettings.%s is set by the chart: %s" $.Chart.Name $at $setting $value) }}
{{- end }}
{{- end }}
{{- include "campus.refuse.twice" . }}
{{- if eq .Facts.role "records" }}{{ include "campus.refuse.records" . }}
{{- else if not (include "campus.config.backends" . | fromYamlArray) }}
{{- fail (printf "%s: no backend is enabled, and a gateway needs one: set %sbackends" .Chart.Name $at) }}
{{- end }}
{{- with .Values.autoscaling }}
{{- if .enabled }}
{{- if gt (int .minReplicas) (int .maxReplicas) }}
{{- fail (printf "%s: %sautoscaling.minReplicas is %v, more than autoscaling.maxReplicas, %v" $.Chart.Name $at .minReplicas .maxReplicas) }}
{{- end }}
{{- if and .triggers .metrics }}
{{- fail (printf "%s: %sautoscaling.metrics are of the autoscaler, which KEDA makes itself: name them as autoscaling.triggers, or set only one of both" $.Chart.Name $at) }}
{{- end }}
{{- if and .targetCPUUtilizationPercentage (not (($.Values.resources).requests).cpu) }}
{{- fail (printf "%s: autoscaling by CPU counts in parts of what is requested: set %sresources.requests.cpu" $.Chart.Name $at) }}
{{- end }}
{{- end }}
{{- end }}
{{- range $block, $used := dict "tls" (include "campus.tls" .) "backendTLS" (include "campus.backendTLS" .) }}
{{- if and (index $.Values $block | default dict).existingSecret (not $used) }}
{{- fail (printf "%s: %s%s.existingSecret is set, but nothing would use it: set %s%s.enabled to true" $.Chart.Name $at $block $at $block) }}
{{- end }}
{{- end }}
{{- range $route := list "grpcRoute" "httpRoute" }}
{{- with index $.Values $route }}
{{- if and .enabled (not .parentRefs) }}
{{- fail (printf "%s: %s needs to know its Gateway: set %s%s.parentRefs" $.Chart.Name $route $at $route) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "campus.refuse.records" -}}
{{- $at := include "campus.path" (list . "") }}
{{- $shared := $at }}
{{- if not (or .Chart.IsRoot .Values.database.url .Values.database.existingSecret) }}{{ $shared = "global." }}{{ end }}
{{- $database := include "campus.database" . | fromYaml }}
{{- if regexMatch "^[a-z]+://[^/@]*:[^/@]*@|[?&](ssl)?password=" (default "" $database.url) }}
{{- fail (printf "%s: %sdatabase.url holds a password, which everybody who may read pods would see: put the URL into a Secret and set %sdatabase.existingSecret" .Chart.Name $shared $shared) }}
{{- end }}
{{- if and $database.url $database.existingSecret (not $database.passwordKey) }}
{{- fail (printf "%s: %sdatabase.url and database.existingSecret are both set: set %sdatabase.passwordKey too, or leave one out" .Chart.Name $shared $shared) }}
{{- end }}
{{- if and $database.passwordKey (not $database.existingSecret) }}
{{- fail (printf "%s: database.passwordKey is a key of a Secret: set %sdatabase.existingSecret" .Chart.Name $shared) }}
{{- end }}
{{- if and (ne (include "campus.keeps" .) "postgres") (gt (include "campus.most" . | int) 1) }}
{{- $setting := .Values.autoscaling.enabled | ternary "autoscaling.maxReplicas" "replicaCount" }}
{{- fail (printf "%s: %s%s is %s, but records in SQLite belong to one pod: set %sdatabase.existingSecret to a Secret with the URL of a PostgreSQL database, or %s%s to 1" .Chart.Name $at $setting (include "campus.most" .) $shared $at $setting) }}
{{- end }}
{{- end }}

{{/* What is there already: the API server would refuse it in words of its own, or it would change what others select by. */}}
{{- define "campus.refuse.twice" -}}
{{- $there := dict "extraEnv" (include "campus.env.own" . | fromYamlArray) "extraVolumes" (include "campus.volumes.own" . | fromYamlArray) }}
{{- range $block, $own := $there }}
{{- $names := list }}
{{- range $own }}{{ $names = append $names .name }}{{ end }}
{{- range index $.Values $block }}
{{- if has .name $names }}
{{- $use := hasPrefix "OTEL_" .name | ternary "use otel, for any of its variables otel.env" "use another name" }}
{{- fail (printf "%s: %s has %s, which is there already: %s" $.Chart.Name (include "campus.path" (list $ $block)) .name $use) }}
{{- end }}
{{- $names = append $names .name }}
{{- end }}
{{- end }}
{{- $ours := list "helm.sh/chart" }}
{{- range list "name" "instance" "version" "part-of" "managed-by" }}{{ $ours = append $ours (printf "app.kubernetes.io/%s" .) }}{{ end }}
{{- range $block := list "commonLabels" "podLabels" }}
{{- range $key, $_ := index $.Values $block }}
{{- if has $key $ours }}
{{- fail (printf "%s: %s has %s, which the chart sets itself, and others select by: use another key" $.Chart.Name (include "campus.path" (list $ $block)) $key) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* A block that is null is not there at all, not even its defaults. */}}
{{- define "campus.refuse.null" -}}
{{- $blocks := list "settings" "tls" "autoscaling" "podDisruptionBudget" "strategy" "drain" "probes" "service" "serviceAccount" "otel" "metrics" "networkPolicy" "test" "image" }}
{{- $blocks = concat $blocks (eq .Facts.role "records" | ternary (list "database" "persistence") (list "backends" "backendTLS")) }}
{{- range $blocks }}
{{- if kindIs "invalid" (index $.Values .) }}
{{- fail (printf "%s: %s is null, which takes its defaults away: leave it out, or say which of its values are others" $.Chart.Name (include "campus.path" (list $ .))) }}
{{- end }}
{{- end }}
{{- end }}

{{/* Other charts may have values in global, so that only a name which is one of ours but for a letter, its case or a plural
     can be refused. */}}
{{- define "campus.refuse.global" -}}
{{- $ours := list "image" "imagePullSecrets" "clusterDomain" "database" "otel" "mutualTLS" }}
{{- range $key, $_ := .Values.global }}
{{- range $name := $ours }}
{{- range $i := until (len $name) }}
{{- $near := printf "^%s.?.?%s$" (substr 0 $i $name) (substr (add1 $i | int) (len $name) $name) | lower }}
{{- if and (not (has $key $ours)) (regexMatch $near (lower $key)) }}
{{- fail (printf "%s: there is no value global.%s: use global.%s" $.Chart.Name $key $name) }}
{{- end }}
{{- end }}
{{- end }}
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
initContainers: there are none
logLevel: use settings.log.level
podDisruptionBudget.minAvailable: use podDisruptionBudget.maxUnavailable
persistence.storageClass: use persistence.storageClassName
persistence.accessModes: use persistence.accessMode
tls.secretName: use tls.existingSecret
service.port: the port is that of the program
service.nodePort: Kubernetes chooses it
{{- end }}

{{/* Values of a chart that stand at the top of the umbrella. */}}
{{- define "campus.names.umbrella" -}}
replicaCount: use CHART.replicaCount, for example employee.replicaCount
autoscaling: use CHART.autoscaling, for example employee.autoscaling
resources: use CHART.resources, for example employee.resources
settings: use CHART.settings, for example employee.settings
networkPolicy: use CHART.networkPolicy, for example employee.networkPolicy
metrics: use CHART.metrics, for example employee.metrics
persistence: use CHART.persistence, for example employee.persistence
ingress: use gateway.ingress
tls: use CHART.tls, or global.mutualTLS
image: use CHART.image, or global.image
imagePullSecrets: use global.imagePullSecrets
database: use CHART.database, or global.database
otel: use CHART.otel, or global.otel
mutualTLS: use global.mutualTLS
clusterDomain: use global.clusterDomain
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
